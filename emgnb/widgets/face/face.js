// Entry module of the face: a head, its numbers, and the controls.
import { button, bytesOf, keepKeys, make } from "../shared/dom.js";
import { sayHello } from "../shared/hello.js";
import { mirrored, movesOf, weightsOf } from "./expression.js";
import { Feed } from "./feed.js";
import { filmOf } from "./film.js";
import { Numbers } from "./numbers.js";
import { Stage } from "./stage.js";
import { Traces } from "./traces.js";

const OPTIONS = ["exaggeration", "mirror", "muscles"];
const LOOK_EVERY = 250; // ms between two looks whether a live output is too old
const GAP_SHOWN = 3000; // ms for which a gap that is over is still named
const SIDES = { left: "right", right: "left" };

class Face {
  constructor(model) {
    this.model = model; this.feed = new Feed(); this.film = null;
    this.frame = this.last = 0;
    this.past = { text: "", until: 0 }; // a gap that is over
    const units = model.get("units");
    this.moves = movesOf(units);
    this.draw = this.draw.bind(this);
    this.ask = () => { this.frame ||= requestAnimationFrame(this.draw); };
    this.later = 0;
    this.stage = new Stage(this.ask);
    this.numbers = new Numbers(units);
    this.traces = new Traces((seconds) => { this.film?.seek(seconds); this.ask(); });
    this.root = make("div", { className: "emgnb-face", role: "region", aria: { label: "face" } },
      make("div", { className: "sides" }, this.stage.node, this.numbers.node), this.timeline(), this.controls());
    this.root.onkeydown = (event) => this.pressed(event);
    for (const each of this.root.querySelectorAll("canvas[tabindex], button, input, select, [tabindex]")) keepKeys(each);
    this.clock = setInterval(() => { if (this.mode === "live") this.ask(); }, LOOK_EVERY);
  }
  get mode() { return this.model.get("mode"); }

  timeline() {
    this.play = button("Play", () => { this.film?.play(); this.last = performance.now(); this.ask(); });
    this.slider = make("input", { type: "range", step: "any", aria: { label: "time" }, oninput: () => { this.film?.seek(Number(this.slider.value)); this.ask(); } });
    this.time = make("output");
    this.line = make("div", { className: "timeline", hidden: true }, make("div", { className: "bar" }, this.play, this.slider, this.time), this.traces.canvas);
    return this.line;
  }
  controls() {
    const set = (name, value) => { this.model.set(name, value); this.model.save_changes(); this.ask(); };
    this.strength = make("input", { type: "range", min: 0.5, max: 3, step: 0.1, oninput: () => set("exaggeration", Number(this.strength.value)) });
    this.times = make("output");
    const options = [["", "off"], ["left", "left side on both"], ["right", "right side on both"]].map(([value, text]) => make("option", { value }, text));
    this.mirror = make("select", { onchange: () => set("mirror", this.mirror.value) }, ...options);
    this.muscles = make("input", { type: "checkbox", onchange: () => set("muscles", this.muscles.checked) });
    return make("div", { className: "bar" }, make("label", {}, "Exaggeration ", this.strength), this.times,
      make("label", {}, "Mirror ", this.mirror), make("label", {}, this.muscles, " Muscles"),
      button("Front", () => this.stage.keys.Home()));
  }
  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage.canvas) return;
    const act = { ...this.stage.keys, " ": () => this.play.click() }[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- what the kernel sends
  show() {
    const { model } = this;
    this.strength.value = model.get("exaggeration");
    this.mirror.value = model.get("mirror");
    this.muscles.checked = model.get("muscles");
    this.times.textContent = `× ${model.get("exaggeration").toFixed(1)}`;
    this.line.hidden = this.mode !== "film";
    this.root.dataset.mode = this.mode;
    this.numbers.written = -Infinity;
    this.ask();
  }
  received(content, buffers) {
    const { kind } = content;
    if (kind === "head" && this.stage.head) return; // sent to another page
    if (kind === "head") this.stage.take(/** @type {ArrayBuffer} */ (bytesOf(buffers[0])));
    else if (kind === "film") this.open(filmOf(content, buffers));
    else if (kind === "now") this.came(content);
    else if (kind === "ended") this.feed.end();
    this.ask();
  }
  open(film) {
    this.film = film;
    Object.assign(this.slider, { min: film.about.start, max: film.end, value: film.at });
    this.show();
  }
  came(output) {
    this.feed.take(output, performance.now(), Date.now());
    const [gap] = output.gaps.slice(-1);
    if (gap) this.past = { text: `${gap[1]} at ${gap[0].toFixed(1)} s`, until: performance.now() + GAP_SHOWN };
  }

  // ---- drawing
  now(time) {
    if (this.mode === "live") return this.feed.now(time);
    if (this.mode === "film") return this.film?.now ?? { values: {}, activity: [], gap: "loading" };
    return { values: {}, activity: [], ...this.model.get("now"), gap: "" };
  }
  draw(time) {
    const { model, stage } = this, passed = this.last ? time - this.last : 0;
    this.frame = 0;
    this.last = time;
    if (this.film?.playing && this.mode === "film") this.film.advance(Math.max(0, passed) / 1000);
    const { values, activity, gap } = this.now(performance.now());
    const shown = mirrored(values, model.get("mirror")), weights = weightsOf(shown, this.moves, model.get("exaggeration"));
    stage.canvas.dataset.number = this.feed.newest?.number ?? -1;
    stage.canvas.dataset.sampled = this.feed.newest?.sampled ?? Number.NaN;
    const fading = stage.draw({ weights, values: shown, activity: model.get("muscles") ? activity : [], unknown: Boolean(gap) }, passed);
    if (this.mode === "live") this.feed.drawn(Date.now());
    this.describe(gap, values, performance.now());
    if (fading || (this.film?.playing && this.mode === "film")) this.ask();
    else this.last = 0;
  }
  describe(gap, values, time) {
    const { stage, numbers, film } = this;
    if (this.mode === "film" && film) this.showTime(film);
    this.showNote(gap || (time < this.past.until ? this.past.text : this.feed.newest?.label || ""));
    if (numbers.update(values, gap, time)) stage.facts.textContent = this.facts;
    else this.later ||= setTimeout(() => { this.later = 0; this.ask(); }, LOOK_EVERY);
  }
  showNote(text) { // a gap at once, while numbers may wait
    const { note } = this.stage;
    if (note.textContent === text) return;
    note.textContent = text;
    note.hidden = !text;
    this.numbers.written = -Infinity;
  }
  get facts() {
    const much = this.model.get("exaggeration");
    return [much !== 1 ? `exaggerated × ${much.toFixed(1)}` : "", this.mirroring(), this.stage.flat?.dataset.why ?? ""].filter(Boolean).join(" · ");
  }
  mirroring() {
    const from = this.model.get("mirror"), { delay } = this.feed;
    if (this.mode === "live" && !Number.isNaN(delay)) {
      const late = `${Math.round(delay)} ms after the muscles`;
      return from ? `${SIDES[from]} side copies the ${from}, ${late}` : `drawn ${late}`;
    }
    return from ? `${SIDES[from]} side copies the ${from}` : "";
  }
  showTime(film) {
    if (document.activeElement !== this.slider || film.playing) this.slider.value = film.at;
    this.time.textContent = `${film.at.toFixed(1)} s`;
    const label = film.playing ? "Pause" : "Play";
    if (this.play.textContent !== label) this.play.textContent = label;
    const style = getComputedStyle(this.root);
    this.traces.draw(film, { ink: style.color, curve: this.stage.dark ? "#56B4E9" : "#0072B2", theme: String(this.stage.dark) });
  }
  close() {
    cancelAnimationFrame(this.frame);
    clearInterval(this.clock);
    clearTimeout(this.later);
    this.stage.close();
  }
}

function render({ model, el }) {
  const face = new Face(model), show = () => face.show();
  el.append(face.root);
  const received = (content, buffers) => face.received(content, buffers);
  const events = [...OPTIONS, "mode", "now"].map((name) => `change:${name}`);
  for (const event of events) model.on(event, show);
  model.on("msg:custom", received);
  face.show();
  const stop = sayHello(model); // the kernel sends the head, and the session or the newest output
  return () => {
    stop();
    for (const event of events) model.off(event, show);
    model.off("msg:custom", received);
    face.close();
  };
}

export default { render };
