// Mouse, pen and fingers on the picture: select a range to zoom to, move the view, pinch.
import { isDrag, pinched, wheeled } from "../shared/canvas.js";
/** @typedef {import("./view.js").View} View */

export class Pointer {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {View} view
   * @param {() => {left: number, right: number}} axis px of the time axis
   * @param {(y: number) => boolean} overTime whether a height is over panes with that axis
   */
  constructor(canvas, view, axis, overTime) {
    this.canvas = canvas; this.view = view; this.axis = axis; this.overTime = overTime;
    /** @type {{x: number, y: number} | null} */
    this.hover = null;
    /** @type {{held?: number, from?: number, to?: number} | null} */
    this.drag = null; // a time that is held, or a range in px
    /** @type {number[] | null} */
    this.pinch = null; // times under two fingers
    /** @type {Map<number, number>} */
    this.fingers = new Map();
    canvas.onpointermove = (p) => this.moved(p);
    canvas.onpointerup = canvas.onpointercancel = (p) => this.released(p);
    canvas.onpointerleave = () => { this.hover = null; view.changed(); };
    canvas.ondblclick = (p) => { if (overTime(p.offsetY)) view.whole(); };
    canvas.onwheel = (wheel) => {
      if (overTime(wheel.offsetY)) wheeled(wheel, (factor) => view.zoom(factor, this.timeAt(wheel.offsetX)), (part) => view.pan(part));
    };
  }
  /** @param {number} x px */
  timeAt(x) {
    const { left, right } = this.axis(), [from, to] = this.view.seen;
    return from + ((x - left) / (right - left)) * (to - from);
  }
  /** @returns {number[] | null} px of the range selected */
  get selected() {
    const { from, to } = this.drag ?? {};
    return from !== undefined && isDrag({ from, to }) ? [Math.min(from, to), Math.max(from, to)] : null;
  }
  /** @param {PointerEvent} p */
  pressed(p) {
    if (p.button || this.pinch || !this.overTime(p.offsetY)) return;
    this.canvas.setPointerCapture(p.pointerId);
    this.fingers.set(p.pointerId, p.offsetX);
    if (this.fingers.size === 2) {
      this.drag = null;
      this.pinch = [...this.fingers.values()].map((x) => this.timeAt(x));
      return;
    }
    const moves = p.pointerType === "touch" || p.shiftKey;
    this.drag = moves ? { held: this.timeAt(p.offsetX) } : { from: p.offsetX, to: p.offsetX };
  }
  /** @param {PointerEvent} p */
  moved(p) {
    const { drag, view } = this;
    this.hover = { x: p.offsetX, y: p.offsetY };
    if (this.fingers.has(p.pointerId)) this.fingers.set(p.pointerId, p.offsetX);
    if (this.pinch && this.fingers.size === 2) this.stretch();
    else if (drag?.held !== undefined) {
      const by = drag.held - this.timeAt(p.offsetX);
      if (by && view.range) view.move(by);
    } else if (drag) drag.to = p.offsetX;
    view.changed();
  }
  stretch() { // so that the times stay under the fingers
    const { left, right } = this.axis(), range = pinched(this.pinch, [...this.fingers.values()], [left, right]);
    if (range) this.view.look(range);
  }
  /** @param {PointerEvent} p */
  released(p) {
    const { selected } = this;
    this.drag = null;
    this.fingers.delete(p.pointerId);
    if (this.pinch) { if (!this.fingers.size) this.pinch = null; return; }
    if (p.type === "pointerup" && selected) this.view.look(selected.map((x) => this.timeAt(x)));
    this.view.changed();
  }
}
