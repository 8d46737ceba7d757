// The tuner's picture: the signal as recorded and filtered, one above the other over the same seconds,
// then both spectra and what the chain does. Python sends each picture anew, with what is in view from
// its own samples; until that comes, the last one is shown, moved.
const COLOURS = {
  light: { recorded: "#767676", filtered: "#0072B2", response: "#C04F00" },
  dark: { recorded: "#A0A0A0", filtered: "#56B4E9", response: "#E69F00" },
};
const SIGNAL = 128, BELOW = 200, HEAD = 20, FOOT = 30, LEFT = 52, RIGHT = 10, NARROW = 640; // px
const SHORTEST = 0.02; // s in view

function picture({ model, el }) {
  const canvas = make("canvas"), pen = canvas.getContext("2d");
  const key = (text, title, act) => make("button", { type: "button", textContent: text, title, aria: { label: title }, onclick: act });
  const whole = key("whole", "show the whole (w)", () => { root.focus({ preventScroll: true }); look(extent()); });
  const keys = make("div", { className: "keys" }, key("+", "zoom in (+)", () => zoom(0.5)), key("−", "zoom out (−)", () => zoom(2)),
    key("◀", "earlier (←)", () => pan(-0.5)), key("▶", "later (→)", () => pan(0.5)), whole);
  const root = make("div", { className: "emgnb-tuned", tabIndex: 0 }, canvas, keys);
  root.setAttribute("role", "application");
  root.setAttribute("aria-label", "signal as recorded and filtered, spectra, and response of the chain: + and − zoom, arrows move, w shows the whole; the figures are in the table below");
  el.append(root);
  let panes = [], boxes = [], view = null, hover = null, drag = null, pinch = null, frame = 0, frames = 0, number = 0;
  const fingers = new Map();

  function taken() { // what Python has sent
    const floats = ({ buffer, byteOffset, byteLength }) => new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    panes = model.get("panes").map((pane) => ({ ...pane, curves: pane.curves.map((curve) => ({ ...curve, across: floats(curve.across), up: floats(curve.up) })) }));
    number += 1;
    ask();
  }
  const ask = () => { frame ||= requestAnimationFrame(draw); };
  const extent = () => panes[0]?.extent ?? [0, 1];
  const seen = () => view ?? extent();

  // ---- what is in view
  function look([from, to]) {
    const [start, end] = extent(), spread = Math.min(Math.max(to - from, SHORTEST), end - start);
    const first = Math.min(Math.max((from + to - spread) / 2, start), end - spread);
    view = spread >= (end - start) * (1 - 1e-6) ? null : [first, first + spread];
    model.set("view", view ?? []);
    model.save_changes();
    ask();
  }
  function zoom(factor, at = (seen()[0] + seen()[1]) / 2) { look(seen().map((t) => at + (t - at) * factor)); }
  function pan(part) { const [from, to] = seen(); look([from + part * (to - from), to + part * (to - from)]); }

  function go(way) { const by = way * (extent()[1] - extent()[0]); look(seen().map((t) => t + by)); } // to an end

  // ---- mouse, pen and fingers
  const timeAt = (x) => { const { left, right } = boxes[0], [from, to] = seen(); return from + ((x - left) / (right - left)) * (to - from); };
  const overTime = (y) => boxes.length > 1 && y < boxes[1].foot + FOOT;
  canvas.onpointerdown = (p) => {
    root.focus({ preventScroll: true });
    if (p.button || pinch || !overTime(p.offsetY)) return;
    canvas.setPointerCapture(p.pointerId);
    fingers.set(p.pointerId, p.offsetX);
    if (fingers.size === 2) { drag = null; pinch = [...fingers.values()].map(timeAt); return; }
    const moves = p.pointerType === "touch" || p.shiftKey;
    drag = moves ? { held: timeAt(p.offsetX) } : { from: p.offsetX, to: p.offsetX };
  };
  canvas.onpointermove = (p) => {
    hover = { x: p.offsetX, y: p.offsetY };
    if (fingers.has(p.pointerId)) fingers.set(p.pointerId, p.offsetX);
    if (pinch && fingers.size === 2) {
      const [x, y] = [...fingers.values()], [a, b] = pinch, per = (b - a) / (y - x);
      if (per > 0 && Number.isFinite(per)) look([a - (x - boxes[0].left) * per, a + (boxes[0].right - x) * per]);
    } else if (drag?.held !== undefined) {
      const by = drag.held - timeAt(p.offsetX);
      if (by && view) look(view.map((t) => t + by));
    } else if (drag) drag.to = p.offsetX;
    ask();
  };
  const ended = (p) => {
    const done = drag;
    drag = null;
    fingers.delete(p.pointerId);
    if (pinch) { if (!fingers.size) pinch = null; return; }
    if (p.type === "pointerup" && Math.abs(done?.to - done?.from) > 3) look([done.from, done.to].map(timeAt).sort((a, b) => a - b));
    ask();
  };
  canvas.onpointerup = canvas.onpointercancel = ended;
  canvas.onpointerleave = () => { hover = null; ask(); };
  canvas.ondblclick = (p) => { if (overTime(p.offsetY)) look(extent()); };
  canvas.onwheel = (wheel) => {
    if (!overTime(wheel.offsetY)) return;
    if (wheel.ctrlKey || wheel.metaKey) zoom(wheel.deltaY > 0 ? 1.25 : 0.8, timeAt(wheel.offsetX));
    else if (wheel.shiftKey || Math.abs(wheel.deltaX) > Math.abs(wheel.deltaY)) pan(Math.sign(wheel.deltaX || wheel.deltaY) * 0.1);
    else return; // the notebook scrolls
    wheel.preventDefault();
  };
  const actions = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25),
    PageUp: () => pan(-1), PageDown: () => pan(1), Home: () => go(-1), End: () => go(1), w: () => look(extent()),
  };
  root.onkeydown = (press) => {
    if (press.target !== root || press.ctrlKey || press.metaKey || press.altKey || !actions[press.key]) return;
    actions[press.key]();
    press.preventDefault();
    press.stopPropagation();
  };

  // ---- drawing
  function lay(width) { // one box a pane; the last two beside each other where there is room
    const box = (left, right, top, tall) => ({ left: left + LEFT, right: right - RIGHT, top: top + HEAD, foot: top + HEAD + tall });
    const first = matchMedia("(pointer: coarse)").matches ? 20 : 4; // taller keys for fingers
    const second = first + HEAD + SIGNAL, third = second + HEAD + SIGNAL + FOOT + 4, half = width / 2;
    const beside = width >= NARROW, fourth = beside ? third : third + HEAD + BELOW + FOOT + 4;
    boxes = [box(0, width, first, SIGNAL), box(0, width, second, SIGNAL), box(0, beside ? half : width, third, BELOW), box(beside ? half : 0, width, fourth, BELOW)];
    return boxes[3].foot + FOOT + 4;
  }
  function draw() {
    frame = 0;
    const width = root.clientWidth;
    if (!width || !panes.length) return;
    const height = lay(width), dots = window.devicePixelRatio || 1, [w, h] = [Math.round(width * dots), Math.round(height * dots)];
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = `${height}px`; }
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px sans-serif";
    const ink = getComputedStyle(root).color, [red, green, blue] = ink.match(/[\d.]+/g).map(Number);
    const colours = red + green + blue > 380 ? COLOURS.dark : COLOURS.light;
    panes.forEach((pane, i) => one(pane, boxes[i], i, ink, colours));
    if (drag?.from !== undefined && Math.abs(drag.to - drag.from) > 3) {
      pen.fillStyle = ink;
      pen.globalAlpha = 0.15;
      for (const { top, foot } of boxes.slice(0, 2)) pen.fillRect(Math.min(drag.from, drag.to), top, Math.abs(drag.to - drag.from), foot - top);
      pen.globalAlpha = 1;
    }
    whole.disabled = view === null;
    Object.assign(canvas.dataset, { picture: number, frames: ++frames, view: seen().map((t) => t.toFixed(4)).join(" ") });
  }
  function one(pane, box, i, ink, colours) {
    const { left, right, top, foot } = box, [from, to] = i < 2 ? seen() : reach(pane.curves.map(({ start, across }) => bounds(across).map((x) => x + start)));
    const high = pane.log ? Math.log10 : (value) => value;
    const [low, up] = pane.span ?? aired(reach(pane.curves.map(({ start, across, up: values }) => bounds(values, (k) => start + across[k] >= from && start + across[k] <= to))));
    const x = (value) => left + ((value - from) / (to - from || 1)) * (right - left), y = (value) => foot - ((high(value) - low) / (up - low || 1)) * (foot - top);
    pen.fillStyle = pen.strokeStyle = ink;
    pen.lineWidth = 1;
    const [power, said] = pane.log ? [0, (n) => raised(Math.round(n))] : written(low, up);
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const tick of pane.log ? ticks(low, up, 6).filter(Number.isInteger) : ticks(low, up, (foot - top) / 34)) {
      const at = foot - ((tick - low) / (up - low || 1)) * (foot - top);
      line(left, at, right, at);
      pen.fillText(said(tick), left - 5, at);
    }
    pen.textAlign = "center";
    const name = written(from, to, pane.unit)[1];
    for (const tick of ticks(from, to, (right - left) / 80)) {
      line(x(tick), top, x(tick), foot);
      if (i > 0) pen.fillText(name(tick), x(tick), foot + 10);
    }
    if (i > 0) pen.fillText(pane.unit === "Hz" ? "frequency (Hz)" : "time (s)", (left + right) / 2, foot + 23);
    pen.textAlign = "left";
    const [, what, unit] = pane.title.match(/^(.*?)(?: \((.*)\))?$/), shown = [raised(power), unit].filter(Boolean).join(" ");
    pen.fillText(power ? `${what} (${shown})` : pane.title, left, top - 10);
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, foot - top);
    pen.clip();
    for (const curve of pane.curves) {
      pen.strokeStyle = colours[curve.name.split(" ").at(-1)];
      pen.lineWidth = curve.name === "response" ? 1.5 : 1;
      trace(curve, x, y, pane.log);
    }
    pen.restore();
    if (pane.curves.length > 1) legend(pane, colours, ink, right, top - 10);
    if (hover && !drag && hover.x >= left && hover.x <= right && (i < 2 ? overTime(hover.y) : hover.y >= top && hover.y <= foot)) point(pane, box, from + ((hover.x - left) / (right - left)) * (to - from), x, ink, name);
  }
  function line(x0, y0, x1, y1) {
    pen.globalAlpha = 0.14;
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    pen.globalAlpha = 1;
  }
  function trace({ start, across, up }, x, y, log) {
    let joined = false;
    pen.beginPath();
    for (let k = 0; k < up.length; k++) {
      const value = up[k];
      if (value !== value || (log && value <= 0)) { joined = false; continue; } // a gap stays a gap
      const [at, tall] = [x(start + across[k]), y(value)];
      if (!joined) pen.moveTo(at - 0.5, tall); // so that a single sample between gaps is seen
      pen.lineTo(at, tall);
      joined = true;
    }
    pen.stroke();
  }
  function legend(pane, colours, ink, right, y) {
    pen.textAlign = "right";
    let x = right;
    for (const { name } of [...pane.curves].reverse()) {
      const text = name.split(" ").at(-1);
      pen.fillStyle = ink;
      pen.fillText(text, x, y);
      x -= pen.measureText(text).width + 22;
      pen.fillStyle = colours[text];
      pen.fillRect(x + 4, y - 1, 14, 2);
      x -= 8;
    }
  }
  function point(pane, { left, right, top, foot }, at, x, ink, name) { // what is under the mouse
    const words = pane.curves.flatMap(({ start, across, up }) => {
      const k = nearest(across, at - start);
      if (k === null) return [];
      const pair = pane.extent && up[k & ~1] < up[k | 1] ? [up[k & ~1], up[k | 1]] : [up[k]];
      return [Number.isFinite(pair[0]) ? pair.map(figure).join(" … ") : pane.extent ? "lost" : "–"];
    });
    if (!words.length) return;
    pen.fillStyle = pen.strokeStyle = ink;
    pen.globalAlpha = 0.6;
    pen.fillRect(Math.round(x(at)), top, 1, foot - top);
    pen.globalAlpha = 1;
    const text = `${name(at, 1)} ${pane.unit}: ${words.join(" → ")}`, wide = pen.measureText(text).width + 10, box = Math.min(x(at) + 6, right - wide);
    pen.fillRect(Math.max(left, box), top + 2, wide, 18);
    pen.fillStyle = getComputedStyle(root).backgroundColor;
    pen.textAlign = "left";
    pen.fillText(text, Math.max(left, box) + 5, top + 11);
  }

  const sized = new ResizeObserver(ask), themed = new MutationObserver(ask);
  sized.observe(root);
  themed.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  const moved = () => { const now = model.get("view"); view = now.length ? now : null; ask(); };
  model.on("change:panes", taken);
  model.on("change:view", moved);
  taken();
  moved();
  return () => {
    cancelAnimationFrame(frame);
    sized.disconnect();
    themed.disconnect();
    model.off("change:panes", taken);
    model.off("change:view", moved);
  };
}

function bounds(values, inside = () => true) {
  let low = Infinity, high = -Infinity;
  for (let k = 0; k < values.length; k++) {
    const value = values[k];
    if (value < low && inside(k)) low = value;
    if (value > high && inside(k)) high = value;
  }
  return [low, high];
}
function reach(pairs) {
  const low = Math.min(...pairs.map(([a]) => a)), high = Math.max(...pairs.map(([, b]) => b));
  return low <= high ? [low, high] : [0, 1];
}
function aired([low, high]) { const air = 0.05 * (high - low) || Math.abs(low) * 0.05 || 1; return [low - air, high + air]; }
function ticks(low, high, most) {
  const least = (high - low) / Math.max(1, most), ten = 10 ** Math.floor(Math.log10(least || 1)), step = [1, 2, 5, 10].find((k) => k * ten >= least) * ten;
  const count = Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((Math.ceil(low / step - 1e-9) + k) * step).toPrecision(12)));
}
const raised = (n) => `10${[...String(n)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("")}`;
// The power of ten to take out of a whole axis, and how to write a value on it.
function written(low, high, unit = "") {
  const most = Math.max(Math.abs(low), Math.abs(high)), power = unit || !most || (most >= 0.01 && most < 1e5) ? 0 : 3 * Math.floor(Math.log10(most) / 3);
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10((high - low) / 10 ** power || 1))));
  return [power, (value, more = 0) => { const text = (value / 10 ** power).toFixed(decimals + more); return more || !text.includes(".") ? text : text.replace(/\.?0+$/, ""); }];
}
const figure = (value) => String(Number(value.toPrecision(4)));
function nearest(sorted, value) { // place of the nearest, in a list that grows
  if (!sorted.length) return null;
  let low = 0, high = sorted.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < value) low = middle + 1; else high = middle; }
  return low && value - sorted[low - 1] < sorted[low] - value ? low - 1 : low;
}

export default { render: picture };
