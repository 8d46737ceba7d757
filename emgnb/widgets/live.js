// The newest seconds of every channel, scrolling or swept. The kernel sends only new scans (float32,
// one scan after another). They are kept in a ring per channel, and as least and greatest value per
// pixel column. Columns that are new are painted once, on a strip that goes round; a frame shows the
// strip, its seam moved to the edge. Nothing is drawn while off-screen.
const LINES = {
  light: ["#0072B2", "#C04F00", "#00805E", "#B35C90", "#8A6D00", "#2D87C4", "#7A5BAA", "#6B6B6B"],
  dark: ["#56B4E9", "#E69F00", "#2BC79B", "#DE9CC2", "#D8C64A", "#8CC8F0", "#B79BE0", "#B0B0B0"],
};
const ABOVE = 18, BELOW = 20; // px for marks and for time
const ROOM = 1.15, SHRINK = 0.4; // a scale has room for more, and shrinks when less than that is used
const WORDS_EVERY = 500; // ms between two looks at ranges, colours

function liveView(place) {
  const names = make("div", { className: "names" });
  const canvas = make("canvas", { className: "emgnb-live" });
  canvas.setAttribute("role", "img");
  const root = make("div", { className: "emgnb-scope" }, names, canvas);
  place.append(root);
  const pen = canvas.getContext("2d"), strip = document.createElement("canvas"), brush = strip.getContext("2d");
  let about = { channels: [], rate: 1000, seconds: 8, units: "", origin: 0 };
  let options = { common: false, sweep: false, paused: false };
  let rings = [], zooms = [], rows = [], marks = [], size = 2, next = null, oldest = null;
  let columns = 1, per = 1, wide = 1, lows = [], highs = [], scales = [], newest = null, painted = null;
  let frame = 0, frames = 0, visible = true, later = 0, dots = 1, ink = "#222", lines = LINES.light, worded = 0;

  function layout(now) {
    about = now;
    zooms = about.channels.map(() => 1);
    const few = about.channels.length <= 12;
    root.style.setProperty("--lanes", about.channels.length || 8);
    rows = about.channels.map((name, c) => {
      const range = make("span", { className: "range" });
      const zoom = (text, what, act) => make("button", { type: "button", title: `${what} ${name}`, aria: { label: `${what} ${name}` }, onclick: () => { act(); zoomed(c); } }, text);
      const auto = zoom("A", "automatic scale for", () => { zooms[c] = 1; });
      auto.disabled = true;
      const keys = make("span", { className: "zoom" }, zoom("−", "smaller scale for", () => { zooms[c] /= 1.5; }), zoom("+", "larger scale for", () => { zooms[c] *= 1.5; }), auto);
      return { range, auto, row: make("div", { className: few ? "" : "tight" }, make("span", { className: "name", title: name }, name), range, keys) };
    });
    names.replaceChildren(...rows.map(({ row }) => row));
    canvas.setAttribute("aria-label", `live signal of ${about.channels.length} channels; the line above says its state`);
    reset();
  }

  function zoomed(c) {
    rows[c].auto.disabled = zooms[c] === 1;
    painted = null;
    ask();
  }

  function reset() {
    size = Math.max(2, Math.ceil(about.rate * about.seconds));
    rings = about.channels.map(() => new Float32Array(size).fill(NaN));
    next = oldest = null;
    marks = [];
    fit();
  }

  // Columns for the width there is, filled again from the samples.
  function fit() {
    dots = window.devicePixelRatio || 1;
    canvas.width = Math.max(2, Math.round(canvas.clientWidth * dots));
    canvas.height = Math.max(2, Math.round(canvas.clientHeight * dots));
    columns = Math.min(canvas.width, size);
    per = size / columns;
    wide = Math.ceil(canvas.width / columns);
    strip.width = columns * wide;
    strip.height = Math.max(1, canvas.height - Math.round((ABOVE + BELOW) * dots));
    lows = rings.map(() => new Float32Array(columns).fill(NaN));
    highs = rings.map(() => new Float32Array(columns).fill(NaN));
    scales = rings.map(() => ({ centre: 0, half: 0, low: 0, high: 0 }));
    newest = painted = null;
    worded = -WORDS_EVERY;
    if (next !== null) for (let scan = Math.max(oldest, next - size); scan < next; scan++) fold(scan);
    ask(true);
  }

  function fold(scan) {
    const column = Math.floor(scan / per);
    if (newest === null || column > newest) {
      const from = newest === null || column - newest > columns ? column - columns + 1 : newest + 1;
      for (let c = 0; c < rings.length; c++) for (let k = from; k <= column; k++) lows[c][mod(k)] = highs[c][mod(k)] = NaN;
      newest = column;
    }
    const at = scan % size, i = mod(column);
    for (let c = 0; c < rings.length; c++) {
      const value = rings[c][at];
      if (!(value >= lows[c][i])) { if (value === value) lows[c][i] = value; }
      if (!(value <= highs[c][i])) { if (value === value) highs[c][i] = value; }
    }
  }
  const mod = (column) => ((column % columns) + columns) % columns;

  function take(first, values) {
    if (!rings.length) return;
    const scans = values.length / rings.length;
    if (next === null || first < next || first - next > size) {
      rings.forEach((ring) => ring.fill(NaN));
      next = oldest = first;
      newest = painted = null;
    }
    for (; next < first; next++) {
      rings.forEach((ring) => { ring[next % size] = NaN; });
      fold(next);
    }
    for (let s = 0, v = 0; s < scans; s++, next++) {
      for (let c = 0; c < rings.length; c++) rings[c][next % size] = values[v++];
      fold(next);
    }
    ask();
  }

  // A frame, if there is something to see; a held picture is drawn again only when it must be.
  function ask(must = false) {
    if (!frame && visible && (must || !options.paused)) frame = requestAnimationFrame(draw);
  }

  // Which lanes need another scale: what is outside, or fills too little of it.
  function rescale() {
    let widest = 0;
    scales.forEach((scale, c) => {
      let low = Infinity, high = -Infinity;
      const least = lows[c], most = highs[c];
      for (let i = 0; i < columns; i++) {
        if (least[i] < low) low = least[i];
        if (most[i] > high) high = most[i];
      }
      [scale.low, scale.high] = low <= high ? [low, high] : [0, 0];
      widest = Math.max(widest, scale.high - scale.low);
    });
    return scales.flatMap((scale, c) => {
      const need = Math.max((options.common ? widest : scale.high - scale.low) / 2, 1e-9);
      const outside = scale.low < scale.centre - scale.half || scale.high > scale.centre + scale.half;
      if (!outside && need <= scale.half && need >= SHRINK * scale.half) return [];
      scale.centre = (scale.low + scale.high) / 2;
      scale.half = need * ROOM;
      return [c];
    });
  }

  function paint(c, from, to) {
    const lane = strip.height / rings.length, middle = lane * (c + 0.5), { centre, half } = scales[c];
    const gain = (zooms[c] * lane * 0.5) / half, edge = lane * 0.5;
    const y = (value) => middle - Math.max(-edge, Math.min(edge, (value - centre) * gain));
    brush.strokeStyle = lines[c % lines.length];
    brush.lineWidth = Math.max(1, dots);
    brush.beginPath();
    let joined = false;
    for (let column = from; column <= to; column++) {
      const i = mod(column), x = (i + 0.5) * wide, high = highs[c][i], low = lows[c][i];
      if (i === 0) joined = false;
      if (high !== high) { joined = false; continue; } // a gap stays a gap
      const top = y(high), bottom = y(low);
      if (!joined) brush.moveTo(x - (top === bottom ? wide / 2 : 0), top);
      else brush.lineTo(x, top);
      brush.lineTo(x, top === bottom ? bottom + 0.01 : bottom);
      joined = true;
    }
    brush.stroke();
  }

  function clear(from, to, top, height) {
    const a = mod(from), n = Math.min(to - from + 1, columns), beyond = a + n - columns;
    brush.clearRect(a * wide, top, n * wide, height);
    if (beyond > 0) brush.clearRect(0, top, beyond * wide, height);
  }

  function draw(now) {
    frame = 0;
    if (!canvas.clientWidth) return;
    const changed = rescale();
    if (now - worded > WORDS_EVERY) say(now);
    else later ||= setTimeout(() => { later = 0; ask(); }, WORDS_EVERY); // the last frame has words, too
    const first = newest === null ? 0 : newest - columns + 1;
    if (newest !== null) {
      if (painted === null || newest - painted >= columns) {
        brush.clearRect(0, 0, strip.width, strip.height);
        rings.forEach((_, c) => paint(c, first, newest));
      } else {
        clear(painted, newest, 0, strip.height);
        const lane = strip.height / rings.length;
        rings.forEach((_, c) => {
          const anew = changed.includes(c);
          if (anew) clear(first, newest, c * lane, lane);
          paint(c, anew ? first : painted - 1, newest);
        });
      }
      painted = newest;
    }
    show(first);
    canvas.dataset.scan = next ?? 0;
    canvas.dataset.frames = ++frames;
  }

  function show(first) {
    const width = canvas.width, top = Math.round(ABOVE * dots), high = strip.height;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, canvas.height);
    if (newest === null) return;
    const each = width / columns, seam = options.sweep ? 0 : mod(newest + 1);
    if (seam < columns) pen.drawImage(strip, seam * wide, 0, (columns - seam) * wide, high, 0, top, (columns - seam) * each, high);
    if (seam) pen.drawImage(strip, 0, 0, seam * wide, high, (columns - seam) * each, top, seam * each, high);
    const x = (scan) => (options.sweep ? mod(Math.floor(scan / per)) : scan / per - first) * each / dots;
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.fillStyle = pen.strokeStyle = ink;
    pen.lineWidth = 1;
    if (options.sweep) { // what is next to be painted over
      const head = ((mod(newest) + 1) * each) / dots;
      pen.clearRect(head, ABOVE, Math.max(8, width / dots / 80), high / dots);
      pen.fillRect(head, ABOVE, 1, high / dots);
    }
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    const { rate, origin, seconds } = about, step = seconds > 20 ? 5 : seconds > 8 ? 2 : 1;
    const begin = Math.max(oldest, next - size) / rate + origin, end = next / rate + origin;
    for (let t = Math.ceil(begin / step) * step; t <= end; t += step) pen.fillText(`${t} s`, x((t - origin) * rate), canvas.clientHeight - BELOW / 2);
    marks = marks.filter((mark) => mark.scan >= next - size);
    for (const { scan, text, sure } of marks) {
      const at = x(scan);
      pen.setLineDash(sure ? [] : [3, 4]);
      pen.beginPath();
      pen.moveTo(at, ABOVE - 4);
      pen.lineTo(at, ABOVE + high / dots);
      pen.stroke();
      pen.textAlign = at > width / dots - 60 ? "right" : "left";
      pen.fillText(text, at + (pen.textAlign === "left" ? 2 : -2), ABOVE / 2);
    }
    pen.setLineDash([]);
  }

  function say(now) {
    worded = now;
    clearTimeout(later);
    later = 0;
    const dark = document.body.dataset.jpThemeLight === "false";
    ink = getComputedStyle(canvas).color;
    if (lines !== (lines = dark ? LINES.dark : LINES.light)) painted = null;
    rows.forEach(({ range, row }, c) => {
      row.style.setProperty("--line", lines[c % lines.length]);
      const half = scales[c].half / zooms[c];
      const text = newest === null ? "" : `${spread(scales[c].centre - half, scales[c].centre + half)} ${about.units}`;
      if (range.textContent !== text) range.textContent = text;
    });
  }

  // A mark at a scan, or here; drawn dashed until the recording has it.
  function mark({ scan = next ?? 0, text, id = null, sure = true }) {
    marks = marks.filter((known) => id === null || known.id !== id);
    marks.push({ scan, text, id, sure });
    ask();
  }

  const seen = new IntersectionObserver((entries) => { visible = entries.at(-1).isIntersecting; ask(true); });
  const sized = new ResizeObserver(() => {
    const [w, h] = [canvas.clientWidth, canvas.clientHeight].map((n) => Math.max(2, Math.round(n * (window.devicePixelRatio || 1))));
    if (w !== canvas.width || h !== canvas.height) fit();
  });
  const themed = new MutationObserver(() => { worded = -WORDS_EVERY; ask(true); });
  seen.observe(canvas);
  sized.observe(canvas);
  themed.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  layout(about);
  return {
    canvas, layout, reset, take, mark,
    set(changed) { options = { ...options, ...changed }; if ("common" in changed) { zooms.fill(1); rows.forEach(({ auto }) => { auto.disabled = true; }); scales.forEach((s) => { s.half = 0; }); } painted = null; ask(); },
    close() { cancelAnimationFrame(frame); clearTimeout(later); [seen, sized, themed].forEach((each) => each.disconnect()); },
  };
}

function spread(low, high) { // as many decimals as tell the two apart
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(Math.max(high - low, 1e-9)))));
  return `${low.toFixed(decimals)} … ${high.toFixed(decimals)}`;
}

// The view of a model: what it says of channels and looks, and the samples and marks it sends.
function liveViewOf(model, place) {
  const view = liveView(place);
  const told = ["channels", "rate", "seconds", "units", "origin"], looks = ["common", "sweep", "paused"];
  const layout = () => view.layout(Object.fromEntries(told.map((name) => [name, model.get(name)])));
  const look = () => view.set(Object.fromEntries(looks.map((name) => [name, model.get(name)])));
  const message = (content, buffers) => {
    if (content.kind === "samples") {
      const { buffer, byteOffset, byteLength } = buffers[0];
      view.take(content.first, new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    } else if (content.kind === "mark") view.mark(content);
    else if (content.kind === "reset") view.reset();
  };
  const layouts = told.map((name) => `change:${name}`), others = looks.map((name) => `change:${name}`);
  layouts.forEach((change) => model.on(change, layout));
  others.forEach((change) => model.on(change, look));
  model.on("msg:custom", message);
  layout();
  look();
  model.send({ kind: "hello" }); // send what a page that comes later has missed
  return {
    ...view,
    close() {
      view.close();
      layouts.forEach((change) => model.off(change, layout));
      others.forEach((change) => model.off(change, look));
      model.off("msg:custom", message);
    },
  };
}
