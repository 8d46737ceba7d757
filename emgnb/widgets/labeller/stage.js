// View of the recording, controlled by mouse and touch.
import { isDrag, pinched, pixelRatio, wheeled } from "../shared/canvas.js";
import { make } from "../shared/dom.js";
import { ranged, within } from "../shared/numbers.js";
import { duration, eventText, seconds } from "./describe.js";
import { Trace } from "./trace.js";

export const BOTTOM = 20; // px of the time axis, below the marker texts
export const MARKS = 14; // px of the marker texts, below the lanes
export const STRIP = 16; // px of a row of bars above the lanes
const GRAB = 6, TOUCH = 18; // px within which an edge is held
const LINE = 44; // least px of a lane

/** @typedef {import("./app.js").App} App */

export class Stage {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** @type {any} */
    this.drag = null; // what the pointer is doing: an edge, a new event, or the view
    const { tiles, events } = app, [start, end] = [tiles.start, tiles.end];
    this.from = start; this.to = Math.min(end, start + 600);
    this.cursor = start; this.lane = 0; this.began = null; this.hover = null; this.gain = 1;
    this.width = this.height = this.left = 0; this.fingers = new Map(); this.pinch = null; this.snap = false;
    this.shortest = Math.max(0.002, 1 / Math.max(1e-6, tiles.rate));
    this.events = events;
    this.trace = make("canvas", { className: "trace" });
    this.canvas = make("canvas", { className: "over" });
    this.map = make("canvas", { className: "map", title: "overview of the recording; drag the frame" });
    this.lines = new Trace(this.trace, tiles);
    this.node = make("div", { className: "stage", tabIndex: 0, role: "application" }, this.trace, this.canvas);
    this.canvas.onpointerdown = (p) => this.pressed(p);
    this.canvas.onpointermove = (p) => this.moved(p);
    this.canvas.onpointerup = (p) => this.released(p);
    this.canvas.onpointercancel = (p) => { this.fingers.delete(p.pointerId); this.drag = this.pinch = null; app.ask(); };
    this.canvas.onpointerleave = () => { this.hover = null; app.ask(); };
    this.canvas.onwheel = (wheel) => wheeled(wheel, (factor) => this.zoom(factor, this.time(wheel.offsetX)), (part) => this.pan(part));
    this.map.onpointerdown = (p) => { this.map.setPointerCapture(p.pointerId); this.centre(p.offsetX); this.node.focus({ preventScroll: true }); };
    this.map.onpointermove = (p) => { if (p.buttons) this.centre(p.offsetX); };
  }
  get channels() { return this.app.channels; }
  measure() { // once a frame: asking the page for a size is slow
    this.width = this.node.clientWidth; this.height = this.node.clientHeight;
    this.left = this.width < 640 ? 84 : 136;
  }
  get coders() { return Object.keys(this.events.others); }
  get top() { return STRIP * this.events.firstStrip(this.coders.length) + 4; }
  get laneHeight() { return (this.height - this.top - BOTTOM - MARKS) / Math.max(1, this.channels.length); }
  get spread() { return this.to - this.from; }
  tall() { return this.top + BOTTOM + MARKS + Math.max(352, LINE * this.channels.length); }

  // ---- the view
  place(t) { return this.left + ((t - this.from) / this.spread) * (this.width - this.left); }
  time(x) { return this.from + ((x - this.left) / Math.max(1, this.width - this.left)) * this.spread; }
  laneAt(y) { return within(Math.floor((y - this.top) / this.laneHeight), 0, this.channels.length - 1); }
  look(from, to) {
    const { start, end, rate } = this.app.tiles;
    [this.from, this.to] = ranged([from, to], [start, end], Math.max(0.01, 5 / rate));
    this.want();
    this.app.ask();
  }
  want() {
    if (this.width) this.app.tiles.want(this.app.layers.shown, this.from, this.to, (this.width - this.left) * pixelRatio());
  }
  zoom(factor, at = this.cursorSeen() ? this.cursor : (this.from + this.to) / 2) {
    this.look(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }
  pan(part) { this.look(this.from + part * this.spread, this.to + part * this.spread); }
  whole() { this.look(this.app.tiles.start, this.app.tiles.end); }
  centre(x) {
    const { start, end } = this.app.tiles, t = start + (x / this.map.clientWidth) * (end - start);
    this.look(t - this.spread / 2, t + this.spread / 2);
  }
  show(from, to) { // bring a stretch into view, if it is not there
    if (from >= this.from && to <= this.to) return;
    const spread = Math.max(this.spread, 1.2 * (to - from)), middle = (from + to) / 2;
    this.look(middle - spread / 2, middle + spread / 2);
  }
  cursorSeen() { return this.cursor >= this.from && this.cursor <= this.to; }
  seek(t, { follow = true, video = true } = {}) {
    this.cursor = within(t, this.app.tiles.start, this.app.tiles.end);
    if (follow && !this.cursorSeen()) {
      const by = this.cursor < this.from ? this.cursor - this.from - 0.1 * this.spread : this.cursor - this.to + 0.1 * this.spread;
      this.look(this.from + by, this.to + by);
    }
    if (this.began) this.began.to = this.cursor;
    if (video) this.app.video.show(this.cursor);
    this.app.ask();
  }

  // ---- mouse, pen and fingers
  /**
   * @param {number} x
   * @param {number} y
   * @param {number} reach px
   * @returns {"onset" | "offset" | "apex" | null} edge of the selected event at a point
   */
  edgeAt(x, y, reach) {
    const row = this.events.event;
    if (!row || !this.covers(row, y)) return null;
    const [a, b] = [this.place(row.onset), this.place(row.offset)];
    /** @type {["onset" | "offset", number][]} */
    const edges = [["onset", a], ["offset", b]], near = edges.filter(([, at]) => Math.abs(at - x) <= reach);
    const apex = this.apexPlace(row);
    if (Math.abs(apex.x - x) <= reach + 2 && Math.abs(apex.y - y) <= reach + 4) return "apex";
    if (near.length === 2) return x > (a + b) / 2 ? "offset" : "onset";
    if (near.length) return near[0][0];
    return row.apex !== null && Math.abs(this.place(row.apex) - x) <= reach ? "apex" : null;
  }
  covers(row, y) { // where an event's edges can be taken hold of
    const lane = this.channels.indexOf(row.channel);
    return lane < 0 ? y > 0 : Math.abs(y - this.top - this.laneHeight * (lane + 0.5)) <= this.laneHeight / 2 + 8;
  }
  apexPlace(row) {
    const lane = this.channels.indexOf(row.channel), y = lane < 0 ? this.top + 9 : this.top + lane * this.laneHeight + 9;
    return { x: this.place(row.apex ?? (row.onset + row.offset) / 2), y };
  }
  snapTo(edge, t, channel) {
    const reach = (10 * this.spread) / Math.max(1, this.width - this.left);
    return this.snap ? this.events.snapped(edge, t, reach, channel) : t;
  }
  stretch(drag) { // from and to of what is being drawn
    const [a, b] = [this.time(drag.from), this.time(drag.to)].sort((p, q) => p - q), lane = this.app.inOne ? drag.lane : -1;
    const onset = this.snapTo("onset", a, lane), offset = this.snapTo("offset", b, lane);
    const { start, end } = this.app.tiles;
    return offset > onset ? [Math.max(start, onset), Math.min(end, offset)] : [Math.max(start, a), Math.min(end, b)];
  }
  pressed(p) {
    this.node.focus({ preventScroll: true });
    if (this.pinch) return;
    this.canvas.setPointerCapture(p.pointerId);
    this.fingers.set(p.pointerId, p.offsetX);
    if (this.fingers.size === 2) { // two fingers move and stretch the view
      this.drag = null;
      this.pinch = [...this.fingers.values()].map((x) => this.time(x));
      return;
    }
    if (p.button === 1 || (p.button === 0 && (p.shiftKey || this.app.settle.on))) this.drag = { kind: "pan", at: this.time(p.offsetX) };
    else if (p.button === 0) {
      const edge = this.edgeAt(p.offsetX, p.offsetY, p.pointerType === "touch" ? TOUCH : GRAB);
      this.drag = edge ? { kind: "edge", edge, row: { ...this.events.event }, from: p.offsetX, to: p.offsetX }
        : { kind: "new", from: p.offsetX, to: p.offsetX, y: p.offsetY, lane: this.laneAt(p.offsetY) };
    }
    p.preventDefault();
  }
  moved(p) {
    this.hover = { x: p.offsetX, y: p.offsetY };
    if (this.fingers.has(p.pointerId)) this.fingers.set(p.pointerId, p.offsetX);
    if (this.pinch && this.fingers.size === 2) {
      const range = pinched(this.pinch, [...this.fingers.values()], [this.left, this.width]);
      if (range) this.look(range[0], range[1]);
      return;
    }
    const { drag } = this;
    if (!drag) {
      this.canvas.style.cursor = this.edgeAt(p.offsetX, p.offsetY, GRAB) ? "ew-resize" : "crosshair";
      return this.app.ask();
    }
    if (drag.kind === "pan") {
      const by = drag.at - this.time(p.offsetX);
      return this.look(this.from + by, this.to + by);
    }
    drag.to = p.offsetX;
    if (drag.kind === "edge") {
      const t = this.snapTo(drag.edge, this.time(drag.to), this.channels.indexOf(drag.row.channel));
      drag.row[drag.edge] = this.events.bounded(drag.row, drag.edge, t, [this.app.tiles.start, this.app.tiles.end], this.shortest);
      this.app.say(eventText(drag.row));
    } else if (isDrag(drag)) {
      const [a, b] = this.stretch(drag);
      this.app.say(`${seconds(a)} – ${seconds(b)} s, ${duration(b - a)}`);
    }
    this.app.ask();
  }
  released(p) {
    this.fingers.delete(p.pointerId);
    if (this.pinch) { if (!this.fingers.size) this.pinch = null; return; }
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "edge") this.events.edit(drag.row.key, { [drag.edge]: drag.row[drag.edge] });
    else if (drag.kind === "new" && isDrag(drag)) {
      const [onset, offset] = this.stretch(drag);
      this.lane = drag.lane;
      if (offset - onset >= this.shortest) this.app.add(onset, offset, drag.lane);
    } else if (drag.kind === "new") this.clicked(drag);
    this.app.ask();
  }
  clicked({ from, y, lane }) { // again: the one below
    const t = this.time(from);
    this.lane = lane;
    const here = this.events.seen(t, t + 1e-9).filter((row) => row.offset >= t && (!row.state || this.events.offers(row))
      && (y < this.top ? !row.state && Math.floor(y / STRIP) === row.strip : !row.channel || row.channel === this.channels[lane]));
    const at = here.findIndex((row) => row.key === this.events.selected);
    this.app.choose(here.length ? here[(at + 1) % here.length].key : null, { show: false });
    this.seek(t, { follow: false });
  }
}
