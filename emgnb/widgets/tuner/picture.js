// Entry module of the tuner's picture: the recorded and the filtered signal, their spectra, and the response
// of the chain.
import { isDark, eightBit, onTheme, sized } from "../shared/canvas.js";
import { bytesOf, make, signButton } from "../shared/dom.js";
import { FOOT, PanePen, boxesOf } from "./pane.js";
import { Pointer } from "./pointer.js";
import { View, keysOf } from "./view.js";

const COLOURS = {
  light: { recorded: "#767676", filtered: "#0072B2", response: "#C04F00" },
  dark: { recorded: "#A0A0A0", filtered: "#56B4E9", response: "#E69F00" },
};
const TIMED = 2; // panes with a time axis, the first ones
const ABOVE = { mouse: 4, touch: 20 }; // px above the first pane; taller keys for fingers
const LABEL = "signal as recorded and filtered, spectra, and response of the chain: + and − zoom, arrows move, w shows all; the values are in the table below";

// Python sends the data of each view; until they arrive, the previous data are drawn at their new position.
class Picture {
  constructor(model) {
    this.model = model; this.frame = this.frames = this.number = 0;
    /** @type {import("./pane.js").Pane[]} */
    this.panes = [];
    /** @type {import("./pane.js").Box[]} */
    this.boxes = [];
    this.canvas = make("canvas");
    this.pen = this.canvas.getContext("2d");
    this.draw = this.draw.bind(this);
    this.view = new View(model, () => this.panes[0]?.extent ?? [0, 1], () => { this.frame ||= requestAnimationFrame(this.draw); });
    this.pointer = new Pointer(this.canvas, this.view, () => this.boxes[0], (y) => this.overTime(y));
    this.canvas.onpointerdown = (p) => { this.root.focus({ preventScroll: true }); this.pointer.pressed(p); };
    this.root = make("div", { className: "emgnb-tuned", tabIndex: 0, role: "application", aria: { label: LABEL } }, this.canvas, this.buttons());
    this.keys = keysOf(this.view);
    this.root.onkeydown = (event) => this.pressed(event);
  }
  buttons() {
    const { view } = this;
    this.whole = signButton("all", "show all (w)", () => { this.root.focus({ preventScroll: true }); view.whole(); });
    return make("div", { className: "keys" },
      signButton("+", "zoom in (+)", () => view.zoom(0.5)), signButton("−", "zoom out (−)", () => view.zoom(2)),
      signButton("◀", "earlier (←)", () => view.pan(-0.5)), signButton("▶", "later (→)", () => view.pan(0.5)), this.whole);
  }
  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey || !this.keys[event.key]) return;
    this.keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }
  take() { // what Python has sent
    const floats = (part) => new Float32Array(bytesOf(part));
    this.panes = this.model.get("panes").map((pane) => (
      { ...pane, curves: pane.curves.map((curve) => ({ ...curve, across: floats(curve.across), up: floats(curve.up) })) }));
    this.number += 1;
    this.view.changed();
  }

  // ---- drawing
  overTime(y) { return this.boxes.length > 1 && y < this.boxes[1].foot + FOOT; }

  draw() {
    const { canvas, pen, panes, view } = this, width = this.root.clientWidth;
    this.frame = 0;
    if (!width || !panes.length) return;
    this.boxes = boxesOf(width, matchMedia("(pointer: coarse)").matches ? ABOVE.touch : ABOVE.mouse);
    const height = this.boxes[3].foot + FOOT + 4;
    if (sized(canvas, pen, width, height)) canvas.style.height = `${height}px`;
    pen.font = "11px sans-serif";
    this.drawPanes();
    this.whole.disabled = view.range === null;
    Object.assign(canvas.dataset, { picture: this.number, frames: ++this.frames, view: view.seen.map((t) => t.toFixed(4)).join(" ") });
  }
  drawPanes() {
    const { boxes, view } = this, { color: ink, backgroundColor: ground } = getComputedStyle(this.root);
    const panePen = new PanePen(this.pen, { ...(isDark(eightBit(ink)) ? COLOURS.dark : COLOURS.light), ink, ground });
    this.panes.forEach((pane, i) => {
      const timed = i < TIMED;
      panePen.draw(pane, boxes[i], { range: timed ? view.seen : undefined, times: i > 0, hover: this.hoverIn(boxes[i], timed) });
    });
    this.drawSelection(ink);
  }
  hoverIn({ left, right, top, foot }, timed) { // px; panes of one time axis have a common mouse
    const { hover, drag } = this.pointer;
    if (!hover || drag || hover.x < left || hover.x > right) return null;
    return (timed ? this.overTime(hover.y) : hover.y >= top && hover.y <= foot) ? hover.x : null;
  }
  drawSelection(ink) {
    const { selected } = this.pointer, { pen } = this;
    if (!selected) return;
    pen.fillStyle = ink;
    pen.globalAlpha = 0.15;
    for (const { top, foot } of this.boxes.slice(0, TIMED)) pen.fillRect(selected[0], top, selected[1] - selected[0], foot - top);
    pen.globalAlpha = 1;
  }
}

function render({ model, el }) {
  const picture = new Picture(model), { view, root } = picture, taken = () => picture.take(), moved = () => view.read();
  el.append(root);
  const resized = new ResizeObserver(view.changed), themed = onTheme(view.changed);
  resized.observe(root);
  model.on("change:panes", taken);
  model.on("change:view", moved);
  taken();
  moved();
  return () => {
    cancelAnimationFrame(picture.frame);
    resized.disconnect();
    themed.disconnect();
    model.off("change:panes", taken);
    model.off("change:view", moved);
  };
}

export default { render };
