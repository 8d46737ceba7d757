// The newest seconds of every channel, scrolling. The kernel sends only new scans (float32, one scan
// after another); they are kept in a ring per channel and drawn at most once per animation frame,
// as minimum and maximum per pixel column, and not at all while off-screen.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#3A9BD9", "#8C6BB1", "#7F7F7F"];
const LEFT = 132, BOTTOM = 20, TOP = 16;

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "emgnb-live";
  canvas.setAttribute("role", "img");
  el.append(canvas);
  const pen = canvas.getContext("2d");
  let rings, size, next, oldest, marks, frame = 0, frames = 0, visible = true;

  function reset() {
    size = Math.max(2, Math.ceil(model.get("rate") * model.get("seconds")));
    rings = model.get("channels").map(() => new Float32Array(size).fill(NaN));
    next = oldest = null;
    marks = [];
    canvas.setAttribute("aria-label", `live signal of ${rings.length} channels; the line above says its state`);
    ask();
  }

  function take(first, values) {
    if (!rings.length) return;
    const scans = values.length / rings.length;
    if (next === null || first < next || first - next > size) {
      rings.forEach((ring) => ring.fill(NaN));
      next = oldest = first;
    }
    for (; next < first; next++) rings.forEach((ring) => { ring[next % size] = NaN; });
    for (let s = 0, v = 0; s < scans; s++, next++)
      for (let c = 0; c < rings.length; c++) rings[c][next % size] = values[v++];
    ask();
  }

  function ask() {
    if (!frame && visible) frame = requestAnimationFrame(draw);
  }

  function extent(ring) {
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < size; i++) {
      if (ring[i] < low) low = ring[i];
      if (ring[i] > high) high = ring[i];
    }
    return low <= high ? [low, high] : [0, 0];
  }

  function draw() {
    frame = 0;
    const width = canvas.clientWidth, height = canvas.clientHeight, dots = window.devicePixelRatio || 1;
    if (!width) return;
    if (canvas.width !== Math.round(width * dots)) canvas.width = Math.round(width * dots);
    if (canvas.height !== Math.round(height * dots)) canvas.height = Math.round(height * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    const ink = getComputedStyle(canvas).color, rate = model.get("rate"), units = model.get("units");
    const plot = width - LEFT - 6, end = next ?? size, begin = end - size;
    const lane = (height - TOP - BOTTOM) / Math.max(1, rings.length);
    const x = (scan) => LEFT + ((scan - begin) / size) * plot;
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";

    const ranges = rings.map(extent);
    const widest = Math.max(1e-9, ...ranges.map(([low, high]) => (high - low) / 2));
    rings.forEach((ring, c) => {
      const middle = TOP + lane * (c + 0.5), [low, high] = ranges[c];
      const centre = (low + high) / 2;
      const half = model.get("common") ? widest : Math.max(1e-9, (high - low) / 2);
      const y = (value) => middle - ((value - centre) / half) * lane * 0.45;
      pen.fillStyle = ink;
      pen.textAlign = "left";
      pen.fillText(model.get("channels")[c], 4, middle - (lane > 26 ? 6 : 0), LEFT - 10);
      if (lane > 26) {
        pen.globalAlpha = 0.65;
        pen.fillText(next === null ? "" : `${range(low, high)} ${units}`, 4, middle + 8, LEFT - 10);
        pen.globalAlpha = 1;
      }
      pen.strokeStyle = COLOURS[c % COLOURS.length];
      pen.lineWidth = 1;
      pen.beginPath();
      let pending = false;
      for (let column = 0; column < plot; column++) {
        const from = Math.max(begin + Math.floor((column / plot) * size), oldest ?? end);
        const to = Math.min(end, begin + Math.max(1, Math.floor(((column + 1) / plot) * size)));
        let least = Infinity, most = -Infinity;
        for (let scan = from; scan < to; scan++) {
          const value = ring[scan % size];
          if (value < least) least = value;
          if (value > most) most = value;
        }
        if (least > most) { pending = pending && from >= to; continue; } // a gap stays a gap
        pen[pending ? "lineTo" : "moveTo"](LEFT + column, y(most));
        pen.lineTo(LEFT + column, y(least) + (least === most ? 0.5 : 0));
        pending = true;
      }
      pen.stroke();
    });

    pen.fillStyle = pen.strokeStyle = ink;
    pen.textAlign = "center";
    pen.globalAlpha = 0.65;
    const seconds = model.get("seconds"), step = seconds > 20 ? 5 : seconds > 8 ? 2 : 1, origin = model.get("origin");
    if (next !== null) for (let t = Math.ceil(Math.max(0, begin / rate + origin) / step) * step; t <= end / rate + origin; t += step)
      pen.fillText(`${t} s`, x((t - origin) * rate), height - BOTTOM / 2);
    pen.globalAlpha = 1;
    marks = marks.filter((mark) => mark.scan >= begin);
    pen.setLineDash([4, 3]);
    for (const { scan, text } of marks) {
      pen.beginPath();
      pen.moveTo(x(scan), TOP - 4);
      pen.lineTo(x(scan), height - BOTTOM);
      pen.stroke();
      pen.textAlign = x(scan) > width - 60 ? "right" : "left";
      pen.fillText(text, x(scan), TOP / 2);
    }
    pen.setLineDash([]);
    canvas.dataset.scan = next ?? 0;
    canvas.dataset.frames = ++frames;
  }

  function message(content, buffers) {
    if (content.kind === "samples") {
      const { buffer, byteOffset, byteLength } = buffers[0];
      take(content.first, new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    } else if (content.kind === "mark") {
      marks.push({ scan: content.scan, text: content.text });
      ask();
    } else if (content.kind === "reset") reset();
  }

  const seen = new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; ask(); });
  const sized = new ResizeObserver(ask);
  seen.observe(canvas);
  sized.observe(canvas);
  const watched = ["change:channels", "change:rate", "change:seconds"];
  watched.forEach((change) => model.on(change, reset));
  model.on("change:common", ask);
  model.on("msg:custom", message);
  reset();
  return () => {
    cancelAnimationFrame(frame);
    seen.disconnect();
    sized.disconnect();
    watched.forEach((change) => model.off(change, reset));
    model.off("change:common", ask);
    model.off("msg:custom", message);
  };
}

function range(low, high) { // as many decimals as tell the two apart
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(Math.max(high - low, 1e-9)))));
  return `${low.toFixed(decimals)} … ${high.toFixed(decimals)}`;
}

export default { render };
