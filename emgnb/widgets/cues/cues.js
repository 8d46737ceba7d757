// Entry module of the guided protocol: shows the expression, the instruction and the remaining time.
import { drawFace } from "../shared/face.js";
import { button, draft, keepKeys, make } from "../shared/dom.js";
import { actionOf, countOf, faceText, instructionOf, isResting, isRunning, nameOfStep, progressOf, requestOf, titleOf, unitsOf } from "./phases.js";

const PITCHES = { hold: 880, rest: 440, second: 587 }; // Hz

/** A text in a place as large as its largest text, so that nothing moves when it changes. */
class SteadyText {
  /**
   * @param {string} tag
   * @param {string} className
   * @param {string[]} texts
   */
  constructor(tag, className, texts) {
    this.shown = make("span");
    const others = [...new Set(texts)].map((text) => make("span", {}, text));
    this.node = make(tag, { className: `steady ${className}` }, this.shown, make("span", { className: "others", aria: { hidden: "true" } }, ...others));
  }
  /** @param {string} text */
  set(text) { if (this.shown.textContent !== text) this.shown.textContent = text; }
}

/** Tones, if the participant wants them. */
class Sound {
  constructor() {
    this.box = make("input", { type: "checkbox" });
    /** @type {AudioContext | undefined} */
    this.audio = undefined;
  }
  allow() { if (this.box.checked) this.audio ??= new AudioContext(); } // browsers allow sound only after a click

  /** @param {number} pitch Hz */
  beep(pitch) {
    const { audio } = this;
    if (!this.box.checked || !audio) return;
    const tone = new OscillatorNode(audio, { frequency: pitch }), loud = new GainNode(audio, { gain: 0.15 });
    tone.connect(loud).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.12);
  }
  close() { this.audio?.close(); }
}

// The kernel sets the phase; the browser counts down and reports when a phase is drawn.
class Cues {
  constructor(model) {
    this.model = model; this.sound = new Sound();
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.began = this.frame = 0;
    /** @type {string | null} */
    this.last = null; // count shown
    this.tick = this.tick.bind(this);
    const steps = model.get("steps");
    this.face = draft("svg", { class: "face", role: "img" });
    this.phase = make("div", { className: "phase" });
    this.what = new SteadyText("div", "what", [this.title, ...steps.map(nameOfStep)]);
    this.how = new SteadyText("div", "how", [model.get("summary"), ...steps.map((step) => step.instruction)]);
    this.count = make("div", { className: "count", aria: { hidden: "true" } });
    this.passed = make("div");
    this.progress = make("span", { className: "which" });
    this.keys = this.buttons();
    this.root = this.page();
    this.root.onkeydown = (key) => this.pressed(key);
    for (const each of [this.root, ...this.root.querySelectorAll("button, input")]) keepKeys(each);
  }
  buttons() {
    const key = (inside, name, act) => { const made = button(inside, act); made.append(make("kbd", {}, name)); return made; };
    this.action = new SteadyText("span", "", ["Start", "Pause", "Resume", "Run again"]);
    this.go = key(this.action.node, "Space", () => this.ask(requestOf(this.moment.phase)));
    this.redo = key("Repeat last trial", "R", () => this.ask("redo"));
    this.stop = key("Stop", "Esc", () => this.ask("stop"));
    this.full = key("Full screen", "F", () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()));
    return { " ": this.go, r: this.redo, R: this.redo, Escape: this.stop, f: this.full, F: this.full };
  }
  page() {
    const said = make("div", { aria: { live: "assertive" } }, this.phase, this.what.node, this.how.node);
    const bar = make("div", { className: "time", aria: { hidden: "true" } }, this.passed);
    return make("div", { className: "emgnb-cues", tabIndex: 0, role: "region", aria: { label: "guided protocol" } },
      make("div", { className: "stage" }, this.face, make("div", { className: "asked" }, said, this.count, bar)),
      make("div", { className: "bar" }, this.go, this.redo, this.stop, this.full, make("label", {}, this.sound.box, "sound"), this.progress));
  }
  /** @returns {import("./phases.js").Moment} */
  get moment() { return this.model.get("moment"); }
  get title() { return this.model.get("title") || "A guided protocol"; }

  ask(kind) {
    this.sound.allow();
    this.model.send({ kind });
  }
  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target !== this.root; // a button or box works by its own keys as well
    const pressed = this.keys[event.key];
    if (!pressed || (own && event.key === " ")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!pressed.disabled) pressed.click();
  }

  // ---- display
  show() {
    const { moment, root } = this, { phase } = moment;
    // After a reload the countdown continues.
    const late = Date.now() - 1000 * moment.began;
    this.began = performance.now() - (late > 0 && late < 1000 * moment.seconds ? late : 0);
    this.showStep(moment);
    root.dataset.phase = phase;
    root.dataset.number = String(moment.number);
    this.action.set(actionOf(phase));
    this.redo.disabled = this.stop.disabled = !isRunning(phase);
    if (phase === "hold" || phase === "rest") this.sound.beep(PITCHES[phase]);
    this.last = null;
    cancelAnimationFrame(this.frame);
    // Two frames on, this one is on the screen.
    requestAnimationFrame(() => requestAnimationFrame(() => this.model.send({ kind: "drawn", serial: moment.serial, at: Date.now() })));
    this.tick();
  }
  showStep(moment) {
    const { model } = this, { phase } = moment;
    drawFace(this.face, unitsOf(moment));
    this.face.setAttribute("aria-label", faceText(moment));
    this.phase.textContent = titleOf(phase);
    this.what.set(isResting(phase) ? "" : phase === "ready" ? this.title : nameOfStep(moment.step ?? {}));
    this.how.set(instructionOf(moment, model.get("summary")));
    this.progress.textContent = progressOf(moment, model.get("spoilt"));
  }
  tick() { // every frame of a phase with an end
    const { phase, seconds } = this.moment, { passed, count } = this;
    if (!seconds) { passed.style.width = "0"; count.textContent = ""; return; }
    const spent = (performance.now() - this.began) / 1000, left = Math.max(0, seconds - spent);
    if (!this.still.matches) passed.style.width = `${Math.min(100, (100 * spent) / seconds)}%`;
    const text = countOf(phase, left);
    if (text !== this.last) {
      count.textContent = this.last = text;
      if (phase === "countdown" && left > 0.05) this.sound.beep(PITCHES.second);
    }
    if (left > 0) this.frame = requestAnimationFrame(this.tick);
  }
  close() {
    cancelAnimationFrame(this.frame);
    this.sound.close();
  }
}

function render({ model, el }) {
  const cues = new Cues(model), show = () => cues.show();
  el.append(cues.root);
  model.on("change:moment", show);
  show();
  return () => {
    model.off("change:moment", show);
    cues.close();
  };
}

export default { render };
