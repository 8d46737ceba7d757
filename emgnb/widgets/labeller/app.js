// The labeller: its parts, and the actions of its controls and keys.
import { pixelRatio } from "../shared/canvas.js";
import { make } from "../shared/dom.js";
import { within } from "../shared/numbers.js";
import { eventText, movedText, spanOf } from "./describe.js";
import { Events, nameOf } from "./events.js";
import { Fields } from "./fields.js";
import { Grid } from "./grid.js";
import { helpBox } from "./help.js";
import { Layers } from "./layers.js";
import { Overlay } from "./overlay.js";
import { Review } from "./review.js";
import { Settle } from "./settle.js";
import { Stage } from "./stage.js";
import { Storage } from "./storage.js";
import { Tiles } from "./tiles.js";
import { Video } from "./video.js";

const UNITS = { uV: "µV", count: "counts", 1: "" };

export class App {
  /** @param {any} model of the widget */
  constructor(model) {
    const get = (name) => model.get(name), send = (content) => model.send(content);
    this.model = model; this.channels = get("channels"); this.short = get("short"); this.choices = get("choices"); this.coder = get("coder");
    this.markers = [...get("markers")].sort((a, b) => a[0] - b[0]);
    this.units = this.choices.au.map(([value]) => value); this.unit = UNITS[get("units")] ?? get("units");
    this.version = 0; // of what the overview shows
    this.frame = this.frames = 0; this.first = 0; // ms until the first complete frame
    this.fitted = this.ready = false;
    this.draw = this.draw.bind(this);
    this.tiles = new Tiles(model, send, (layer, whole) => this.tilesCame(layer, whole));
    this.layers = new Layers(get("layers"), this.tiles.failed, () => { this.stage.want(); this.ask(); });
    this.events = new Events(send, () => this.changed());
    this.stage = new Stage(this); this.video = new Video(this); this.grid = new Grid(this); this.overlay = new Overlay(this, this.stage);
    this.fields = new Fields(this); this.review = new Review(this); this.settle = new Settle(this); this.storage = new Storage();
    this.said = make("span", { className: "said", role: "status" });
    this.helping = helpBox(() => this.focus());
    this.root = make("div", { className: "emgnb-labeller" });
    this.ready = true;
  }
  /**
   * Send a request to Python.
   * @param {string} kind
   * @param {object} content
   */
  act(kind, content = {}) { this.model.send({ kind, ...content }); }
  /** @param {"undo" | "redo"} move of the last change, or of the last decision between coders */
  move(move) {
    const { settle } = this;
    if (settle.on) settle.inTurn(() => settle.ask(move)); else this.act(move);
  }

  /**
   * @param {string} text
   * @param {boolean} bad
   */
  say(text, bad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("bad", bad);
  }
  focus() { this.stage.node.focus({ preventScroll: true }); }

  help() {
    if (this.helping.open) return this.helping.close();
    this.helping.show();
    this.helping.querySelector("button").focus();
  }

  // ---- the view
  setSnap(on) {
    this.stage.snap = this.review.snap.box.checked = on;
    if (on && !this.events.bursts) this.act("propose");
    this.say(on ? "edges snap to bursts" : "edges are not snapped");
  }
  setLane(lane) {
    this.stage.lane = within(lane, 0, this.channels.length - 1);
    this.say(this.channels[this.stage.lane]);
    this.ask();
  }
  scale(by) {
    this.stage.gain = within(this.stage.gain * by, 0.05, 200);
    this.ask();
  }
  fit() { // the gain to the view, and again to the whole recording
    const { stage } = this;
    this.fitted = !this.fitted;
    stage.gain = 1;
    if (this.fitted) stage.lines.fit(this.layers.shown, stage.from, stage.to, stage.width); else stage.lines.unfit();
    this.say(this.fitted ? "autoscaled to the view; press f again for the whole recording" : "autoscaled to the whole recording");
    this.version += 1;
    this.ask();
  }

  // ---- events
  get inOne() { return this.fields.one.box.checked; } // whether new events belong to one channel

  add(onset, offset, lane) {
    const key = this.events.fresh({ onset, offset, ...this.fields.values, channel: this.inOne ? this.channels[lane] : "" });
    this.grid.reveal(key);
    this.say(eventText(this.events.event));
  }
  choose(key, { show = true } = {}) {
    this.events.selected = key;
    const row = this.events.event;
    if (row) this.reveal(row, show);
    this.changed();
    this.say(this.review.momentOf(key) ?? (row ? eventText(row) : ""));
  }
  reveal(row, bring) { // the selected event, on the stage and in the list
    const lane = this.channels.indexOf(row.channel);
    if (bring) {
      const [from, to] = spanOf([row, ...this.events.together(row.key)]);
      this.stage.show(from, to);
      this.stage.seek(row.onset, { follow: false });
    }
    if (lane >= 0) this.stage.lane = lane;
    if (!row.state) this.grid.reveal(row.key);
  }
  step(by) { // to the next event, or the previous one
    const key = this.events.next(by, this.events.listed);
    if (key) this.choose(key); else this.say("no events");
  }
  drop() {
    if (this.settle.on) return this.settle.decide("drop");
    const row = this.events.event;
    if (!row) return this.say("select an event first");
    if (row.state === "proposed") return this.review.decide("refused");
    this.events.remove(row.key);
    this.say(`removed ${nameOf(row)}; Ctrl+Z restores it`);
  }

  // ---- what Python says
  tilesCame(layer, whole) {
    if (whole) { this.version += 1; this.stage.lines.fresh(); } // the overview, and what the lanes must hold
    if (this.layers.failed.has(layer)) this.layers.drop(layer);
    this.ask();
  }
  received(content, buffers) {
    const { tiles, events } = this, handlers = {
      tiles: () => tiles.answered(content, buffers), built: () => tiles.built(content), failed: () => tiles.refused(content),
      state: () => events.state(content), patch: () => this.patched(content), done: () => events.done(content),
      bursts: () => events.burstsCame(buffers), still: () => this.say(`nothing to ${content.move}`),
      compared: () => this.settle.compared(content), decided: () => this.settle.decided(content), answered: () => this.settle.answered(),
      moments: () => { events.moments = content.of; this.changed(); },
      others: () => { events.compare(content.tables); this.changed(); },
    };
    handlers[content.kind]?.();
  }
  patched(patch) {
    const before = patch.rows.map(([key]) => this.events.rows.get(key));
    this.events.patch(patch);
    if (patch.move) this.say(movedText(patch, before));
  }

  // ---- display
  changed() { // events, or which are shown
    if (!this.ready) return;
    this.version += 1;
    this.fields.show();
    this.review.show();
    this.grid.fill();
    this.showStored();
    if (this.stage.node.style.height !== `${this.stage.tall()}px`) this.resized(); // rows of bars came or went
    this.ask();
  }
  showStored() {
    const pending = this.events.pending.size;
    this.storage.show(this.model.get("status"), pending);
    this.root.dataset.pending = pending;
  }
  themed() {
    this.overlay.theme();
    this.ask();
  }
  resized() {
    const { stage } = this;
    stage.node.style.height = `${stage.tall()}px`;
    stage.measure();
    stage.want();
    this.ask();
  }
  ask() { if (!this.frame) this.frame = requestAnimationFrame(this.draw); }

  draw() {
    const { stage, overlay, layers, tiles } = this, { shown } = layers, dots = pixelRatio();
    this.frame = 0;
    stage.measure();
    if (!stage.width) return;
    stage.lines.draw(shown, {
      from: stage.from, to: stage.to, left: stage.left, top: stage.top, lane: stage.laneHeight, dots, gain: stage.gain,
      colours: overlay.colours, width: stage.width, height: stage.height,
    });
    overlay.draw();
    const complete = shown.every((layer) => tiles.complete(layer, stage.from, stage.to, stage.width * dots));
    if (complete && !this.first) this.first = performance.now();
    Object.assign(this.root.dataset, { frames: ++this.frames, complete, first: this.first ? performance.timeOrigin + this.first : "" });
  }
  close() {
    this.storage.close();
    this.video.close();
    cancelAnimationFrame(this.frame); // closing the video asks for one
  }
}
