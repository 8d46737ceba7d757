// The canvas with the head: its size, theme, direction, and what is drawn on it.
import { eightBit, isDark, onTheme, pixelRatio } from "../shared/canvas.js";
import { draft, make } from "../shared/dom.js";
import { drawFace } from "../shared/face.js";
import { within } from "../shared/numbers.js";
import { alike } from "./expression.js";
import { Painter } from "./gl.js";
import { leftEye, readHead, Surface } from "./head.js";
import { lightUp, muscleOf } from "./muscles.js";

const STEP = 0.12, FURTHEST = 1.35, HIGHEST = 0.6; // radians
const SHARPEST = 1.5; // pixels of the screen in one of CSS; more costs frames and shows nothing new
const SLOW = 30, COARSEST = 0.5; // ms of a frame above which the head is drawn coarser, and the lowest share
const FIRST = 10; // frames in which shaders are compiled and the notebook is still drawn: they say nothing of the others
const FADE = 200; // ms until the head is grey
const GLOW = { light: [0.05, 0.42, 0.8], dark: [0.25, 0.66, 1] };
const LABEL = "head that shows the intensities of the table; arrow keys turn it, Home turns it to the front";

/** @typedef {{weights: Record<string, number>, values: import("./expression.js").Values, activity: any[][], unknown: boolean}} Look */

/** The head on its canvas; lines instead, where the browser has no WebGL. */
export class Stage {
  /** @param {() => void} ask for a frame */
  constructor(ask) {
    this.ask = ask;
    this.yaw = this.pitch = this.grey = this.frames = this.changed = 0;
    /** @type {Record<string, number> | null} */
    this.shown = null; // weights, and the lights of muscles, as they are painted
    /** @type {Record<string, number> | null} */
    this.lit = null;
    this.view = ""; // how it is painted: direction, colours and size
    this.share = 1; this.took = 16; // share of the pixels' number in each direction, and ms of a frame
    this.canvas = make("canvas", { tabIndex: 0, role: "img", aria: { label: LABEL } });
    this.note = make("div", { className: "note", hidden: true });
    this.facts = make("div", { className: "facts" });
    this.node = make("div", { className: "stage" }, this.canvas, this.note, this.facts);
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.places = new Map();
    this.listen();
  }
  listen() {
    const { canvas, ask } = this, again = () => { this.shown = this.lit = null; ask(); };
    canvas.onpointermove = ({ buttons, movementX, movementY }) => { if (buttons) this.turn(movementX / 150, -movementY / 150); };
    canvas.onpointerdown = ({ pointerId }) => canvas.setPointerCapture(pointerId);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { this.painter?.prepare(); again(); });
    const size = new ResizeObserver(() => { this.fit(); ask(); });
    size.observe(this.node);
    this.observers = [size, onTheme(() => { this.paper(); ask(); })];
    this.paper();
  }
  paper() { this.dark = isDark(eightBit(getComputedStyle(this.node).color)); }

  /** @param {ArrayBuffer} buffer of head.bin */
  take(buffer) {
    this.head = readHead(buffer);
    this.surface = new Surface(this.head);
    this.light = new Float32Array(this.head.part.length);
    this.painter = new Painter(this.canvas, this.head, leftEye(this.head));
    if (!this.painter.gl) this.flatten();
    this.fit();
    this.paper();
    this.ask();
  }
  flatten() {
    this.flat = draft("svg", { class: "flat", role: "img", "aria-label": LABEL });
    this.canvas.replaceWith(this.flat);
    this.flat.dataset.why = "WebGL is not available in this browser";
  }
  fit() {
    const { canvas } = this, dots = this.share * Math.min(SHARPEST, pixelRatio());
    const width = Math.round(canvas.clientWidth * dots), height = Math.round(canvas.clientHeight * dots);
    if (width && (canvas.width !== width || canvas.height !== height)) Object.assign(canvas, { width, height });
  }
  adapt(took) { // the next frame waits for the drawing of this one, which takes long without a graphics card
    if (this.frames < FIRST) return;
    this.took += 0.2 * (Math.min(took, 200) - this.took);
    if (this.took < SLOW || this.share <= COARSEST) return;
    this.share = Math.max(COARSEST, 0.8 * this.share);
    this.took = 16;
    this.fit();
    this.ask();
  }
  turn(right, up) {
    this.yaw = within(this.yaw + right, -FURTHEST, FURTHEST);
    this.pitch = within(this.pitch - up, -HIGHEST, HIGHEST);
    this.ask();
  }
  /** @returns {Record<string, () => void>} what keys do */
  get keys() {
    return {
      ArrowLeft: () => this.turn(-STEP, 0), ArrowRight: () => this.turn(STEP, 0), ArrowUp: () => this.turn(0, STEP), ArrowDown: () => this.turn(0, -STEP),
      Home: () => { this.yaw = this.pitch = 0; this.ask(); },
    };
  }
  /**
   * Draw a frame.
   * @param {Look} look
   * @param {number} passed ms since the last frame
   * @returns {boolean} whether another frame is needed, because the head is still fading
   */
  draw({ weights, values, activity, unknown }, passed) {
    const step = this.still.matches ? 1 : passed / FADE;
    this.grey = within(this.grey + (unknown ? step : -step), 0, 1);
    if (this.flat) drawFace(this.flat, values);
    if (this.flat || (this.painter?.works && this.paint(weights, activity))) this.canvas.dataset.frames = ++this.frames;
    this.canvas.dataset.grey = this.grey.toFixed(2);
    return this.grey !== (unknown ? 1 : 0);
  }
  /** Paint the head unless it looks as before: without a graphics card, a frame keeps the page busy. Returns whether it was. */
  paint(weights, activity) {
    const { painter, canvas } = this, view = [this.yaw, this.pitch, this.grey, this.dark, canvas.width, canvas.height].join();
    const lit = Object.fromEntries(activity.map(([muscle, side, light]) => [`${muscle} ${side}`, light]));
    const moved = !this.shown || !alike(weights, this.shown), relit = !this.lit || !alike(lit, this.lit);
    if (!moved && !relit && view === this.view) return false;
    this.view = view;
    if (moved) {
      this.surface.shape(weights);
      painter.move(this.surface);
      this.shown = weights;
    }
    if (relit) {
      lightUp(this.light, activity.map(([muscle, side]) => this.place(muscle, side)), activity.map((each) => each[2]));
      painter.light(this.light);
      this.lit = lit;
    }
    const begun = performance.now();
    requestAnimationFrame(() => this.adapt(performance.now() - begun));
    painter.draw({ yaw: this.yaw, pitch: this.pitch, grey: this.grey, dark: this.dark, glow: this.dark ? GLOW.dark : GLOW.light });
    return true;
  }
  place(muscle, side) {
    const key = `${muscle} ${side}`;
    if (!this.places.has(key)) this.places.set(key, muscleOf(this.head, muscle, side));
    return this.places.get(key);
  }
  close() {
    for (const each of this.observers) each.disconnect();
    this.painter?.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
