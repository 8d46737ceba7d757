// Draw the newest seconds of every channel, scrolling or sweeping. Nothing is drawn while off-screen.
import { onTheme, pixelRatio } from "../shared/canvas.js";
import { bytesOf, make, valuesOf } from "../shared/dom.js";
import { sayHello } from "../shared/hello.js";
import { counted } from "../shared/numbers.js";
import { Columns } from "./columns.js";
import { spread } from "./format.js";
import { LaneNames } from "./lane_names.js";
import { Scales } from "./scales.js";
import { Spectrum } from "./spectrum.js";
import { Strip } from "./strip.js";
import { Marks, drawTimes } from "./timeline.js";

/**
 * @typedef {object} About what the kernel sends
 * @property {string[]} channels
 * @property {string[]} [sources] channels that a pair is made of, or ""
 * @property {number} rate Hz
 * @property {number} seconds in view
 * @property {string} units
 * @property {number} origin s, time of scan 0
 */

const LINES = {
  light: ["#0072B2", "#C04F00", "#00805E", "#B35C90", "#8A6D00", "#2D87C4", "#7A5BAA", "#6B6B6B"],
  dark: ["#56B4E9", "#E69F00", "#2BC79B", "#DE9CC2", "#D8C64A", "#8CC8F0", "#B79BE0", "#B0B0B0"],
};
const ABOVE = 18, BELOW = 20; // px for marks and for time
const WORDS_EVERY = 500; // ms between two updates of ranges, colours and spectra
const WEAK = 0.1; // share of a common scale below which a lane's share is written

// The kernel sends new scans only (float32, one scan after another). New columns are painted once on a
// circular strip, which each frame copies to the canvas.
class LiveView {
  /** @param {HTMLElement} place */
  constructor(place) {
    /** @type {About} */
    this.about = { channels: [], rate: 1000, seconds: 8, units: "", origin: 0 };
    this.options = { common: false, sweep: false, paused: false, hidden: [], spectral: false, mains: 50 };
    this.columns = new Columns(); this.scales = new Scales(); this.strip = new Strip(); this.marks = new Marks();
    /** @type {number[]} */
    this.order = []; // lanes drawn
    this.frame = this.frames = this.later = 0; this.visible = true;
    this.dots = 1; this.ink = "#222"; this.lines = LINES.light; this.worded = 0;
    this.each = 1; // px of a column on the canvas
    this.names = new LaneNames((c, change) => this.zoom(c, change));
    this.canvas = make("canvas", { className: "emgnb-live", role: "img" });
    this.pen = this.canvas.getContext("2d");
    this.root = make("div", { className: "emgnb-scope" }, this.names.node, this.canvas);
    place.append(this.root);
    this.spectra = new Spectrum(this.root);
    this.xOf = (scan) => this.x(scan);
    this.draw = this.draw.bind(this);
    this.observe();
    this.layout(this.about);
  }
  observe() {
    const seen = new IntersectionObserver((entries) => { this.visible = entries.at(-1).isIntersecting; this.ask(true); });
    const sized = new ResizeObserver(() => { if (this.widthNow !== this.canvas.width || this.heightNow !== this.canvas.height) this.fit(); });
    seen.observe(this.canvas);
    sized.observe(this.canvas);
    this.observers = [seen, sized, onTheme(() => { this.renew(); this.ask(true); })];
  }
  get widthNow() { return Math.max(2, Math.round(this.canvas.clientWidth * pixelRatio())); } // px of the screen
  get heightNow() { return Math.max(2, Math.round(this.canvas.clientHeight * pixelRatio())); }
  renew() { this.worded = -WORDS_EVERY; } // the next frame updates ranges, colours and spectra

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
    for (const each of this.observers) each.disconnect();
  }

  // ---- what is drawn
  /** @param {About} about */
  layout(about) {
    this.about = about;
    this.scales.unzoom(about.channels.length);
    this.names.layout(about.channels, about.sources);
    this.arrange();
    this.reset();
  }
  arrange() { // rows for what is not hidden
    const { channels } = this.about, { hidden, spectral } = this.options, { root } = this;
    this.order = channels.map((_, c) => c).filter((c) => !hidden.includes(channels[c]));
    root.style.setProperty("--lanes", String(this.order.length || 8));
    this.names.show(this.order);
    root.classList.toggle("spectral", spectral);
    this.spectra.canvas.hidden = !spectral;
    this.canvas.setAttribute("aria-label", `live signal of ${counted(this.order.length, "channel")}; its state is in the line above`);
  }
  /** @param {Partial<LiveView["options"]>} changed */
  set(changed) {
    const rescaled = "common" in changed && changed.common !== this.options.common;
    this.options = { ...this.options, ...changed };
    if (rescaled) {
      this.scales.unzoom(this.about.channels.length);
      for (const { auto } of this.names.entries) auto.disabled = true;
      this.scales.restart();
    }
    if ("hidden" in changed || "spectral" in changed) this.arrange();
    this.strip.painted = null;
    this.renew();
    this.ask(true);
  }
  zoom(c, change) {
    const { zooms } = this.scales;
    zooms[c] = change(zooms[c]);
    this.names.entries[c].auto.disabled = zooms[c] === 1;
    this.strip.painted = null;
    this.ask();
  }
  reset() {
    const { channels, rate, seconds } = this.about;
    this.columns.reset(channels.length, Math.max(2, Math.ceil(rate * seconds)));
    this.marks.clear();
    this.fit();
  }
  fit() { // columns for the width there is, filled again from the samples
    const { canvas, columns } = this;
    this.dots = pixelRatio();
    canvas.width = this.widthNow;
    canvas.height = this.heightNow;
    columns.fit(canvas.width);
    this.each = canvas.width / columns.count;
    this.strip.fit(canvas.width, canvas.height - Math.round((ABOVE + BELOW) * this.dots), columns.count);
    this.scales.reset(columns.rings.length);
    this.renew();
    this.ask(true);
  }

  // ---- what the kernel sends
  /**
   * @param {number} first
   * @param {Float32Array} values
   */
  take(first, values) {
    if (!this.columns.rings.length) return;
    if (this.columns.take(first, values)) this.strip.painted = null;
    this.ask();
  }
  /**
   * Draw a marker at a scan, or at the newest.
   * @param {{scan?: number, text: string, id?: string | null, sure?: boolean}} mark
   */
  mark({ scan = this.columns.next ?? 0, text, id = null, sure = true }) {
    this.marks.put({ scan, text, id, sure });
    this.ask();
  }
  /**
   * @param {string} id
   * @param {string} text "" removes the marker
   */
  amend(id, text) {
    this.marks.amend(id, text);
    this.ask(true);
  }
  /**
   * @param {number} step Hz
   * @param {Float32Array} values
   */
  spectrum(step, values) {
    this.spectra.take(values, this.about.channels.length, step);
    this.renew();
    this.ask(true);
  }

  // ---- drawing
  ask(must = false) { // a held picture is drawn again only when it must be
    if (!this.frame && this.visible && (must || !this.options.paused)) this.frame = requestAnimationFrame(this.draw);
  }
  draw(now) {
    const { canvas, columns, strip, scales, order } = this;
    this.frame = 0;
    if (!canvas.clientWidth) return;
    const changed = scales.adapt(columns, order, this.options.common, performance.now() - this.worded > WORDS_EVERY);
    if (now - this.worded > WORDS_EVERY) this.describe(now);
    else this.later ||= setTimeout(() => { this.later = 0; this.ask(); }, WORDS_EVERY); // the last frame has words, too
    if (columns.newest !== null) strip.update(columns, scales, order, changed, this.lines, Math.max(1, this.dots));
    this.show();
    canvas.dataset.scan = columns.next ?? 0;
    canvas.dataset.frames = ++this.frames;
  }
  x(scan) { // px
    const { columns } = this, at = scan / columns.per;
    return (this.options.sweep ? columns.slot(Math.floor(at)) : at - columns.first) * this.each / this.dots;
  }
  show() {
    const { pen, canvas, columns, strip, dots, options } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (columns.newest === null) return;
    strip.show(pen, columns, Math.round(ABOVE * dots), this.each, options.sweep ? 0 : columns.slot(columns.newest + 1));
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.fillStyle = pen.strokeStyle = this.ink;
    pen.lineWidth = 1;
    if (options.sweep) this.showHead();
    this.showTimes();
  }
  showHead() { // what is next to be painted over
    const { pen, columns, dots } = this, high = this.strip.canvas.height / dots;
    const head = ((columns.slot(columns.newest) + 1) * this.each) / dots;
    pen.clearRect(head, ABOVE, Math.max(8, this.canvas.width / dots / 80), high);
    pen.fillRect(head, ABOVE, 1, high);
  }
  showTimes() {
    const { pen, canvas, columns, dots } = this, { next } = columns, width = canvas.width / dots;
    const oldest = next - columns.size;
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";
    canvas.dataset.times = drawTimes(pen, this.about, { from: Math.max(columns.oldest, oldest), to: next, width, y: canvas.clientHeight - BELOW / 2 }, this.xOf);
    this.marks.drop(oldest);
    this.marks.draw(pen, { top: ABOVE, foot: ABOVE + this.strip.canvas.height / dots, width }, this.xOf);
  }
  describe(now) {
    const { about, options } = this;
    this.worded = now;
    clearTimeout(this.later);
    this.later = 0;
    this.ink = getComputedStyle(this.canvas).color;
    const lines = document.body.dataset.jpThemeLight === "false" ? LINES.dark : LINES.light;
    if (this.lines !== lines) this.strip.painted = null;
    this.lines = lines;
    about.channels.forEach((_, c) => this.names.describe(c, lines[c % lines.length], this.range(c)));
    if (options.spectral) this.spectra.draw({ order: this.order, names: about.channels, lines, ink: this.ink, mains: options.mains, above: ABOVE, below: BELOW });
  }
  range(c) { // in words
    if (this.columns.newest === null) return "";
    const { all, zooms, bulk } = this.scales, { centre, fills } = all[c], half = all[c].half / zooms[c];
    const share = this.options.common && bulk ? fills / bulk : 1;
    const weak = share < WEAK ? `, fills ${Math.max(1, Math.round(100 * share))} %` : "";
    return `${spread(centre - half, centre + half)} ${this.about.units}${weak}`;
  }
}

/**
 * Create a live view.
 * @param {HTMLElement} place
 */
export function liveView(place) { return new LiveView(place); }

const LAYOUT = ["lanes", "rate", "seconds", "units", "origin"];
const OPTIONS = ["common", "sweep", "paused", "hidden", "spectral", "mains"];

/**
 * Create the live view of a widget model: its channels, options, samples and markers.
 * @param {any} model
 * @param {HTMLElement} place
 */
export function liveViewOf(model, place) {
  const view = liveView(place);
  const layout = () => {
    const { lanes, rate, seconds, units, origin } = valuesOf(model, LAYOUT);
    view.layout({ rate, seconds, units, origin, channels: lanes.map(([name]) => name), sources: lanes.map(([, source]) => source) });
  };
  const look = () => view.set(valuesOf(model, OPTIONS));
  const message = (content, buffers) => received(view, content, buffers);
  const on = (act) => (name) => [`change:${name}`, act];
  const handlers = [...LAYOUT.map(on(layout)), ...OPTIONS.map(on(look)), ["msg:custom", message]];
  handlers.forEach(([event, act]) => model.on(event, act));
  layout();
  look();
  const stop = sayHello(model); // the kernel sends what a page that comes later has missed
  return {
    view,
    close() {
      stop();
      view.close();
      handlers.forEach(([event, act]) => model.off(event, act));
    },
  };
}

function received(view, content, buffers) {
  const { kind } = content;
  if (kind === "samples") view.take(content.first, new Float32Array(bytesOf(buffers[0])));
  else if (kind === "spectrum") view.spectrum(content.step, new Float32Array(bytesOf(buffers[0])));
  else if (kind === "mark") view.mark(content);
  else if (kind === "unmark" || kind === "correct") view.amend(content.id, content.text);
  else if (kind === "reset") view.reset();
}
