// Entry module of a task with feedback: the target, the value, and the numbers.
import { eightBit, isDark, onTheme, sized } from "../shared/canvas.js";
import { button, keepKeys, make } from "../shared/dom.js";
import { sayHello } from "../shared/hello.js";
import { History, drawBars, drawTrace, heightOf } from "./scene.js";
import { askedOf, percent, progressOf, rangeOf, spoken } from "./words.js";

const OLD = 500, LOOK_EVERY = 250; // ms without news after which nothing is known, and between two looks
const SAY_EVERY = 3000, WRITE_EVERY = 250; // ms

class Feedback {
  constructor(model) {
    this.model = model; this.history = new History();
    /** @type {import("./words.js").Moment | null} */
    this.moment = null;
    this.came = 0; // ms, of the page's clock
    this.said = this.written = -SAY_EVERY;
    this.frame = 0;
    this.motion = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.units = model.get("units");
    this.draw = this.draw.bind(this);
    this.ask = () => { this.frame ||= requestAnimationFrame(this.draw); };
    this.canvas = make("canvas", { role: "img", aria: { label: "target and value; their numbers are in the table" } });
    this.canvas.style.height = `${heightOf(this.units.length)}px`;
    this.pen = this.canvas.getContext("2d");
    this.root = this.page();
    this.root.onkeydown = (key) => this.pressed(key);
    for (const each of [this.root, ...this.root.querySelectorAll("button")]) keepKeys(each);
    this.resized = new ResizeObserver(this.ask);
    this.resized.observe(this.canvas);
    this.theme = onTheme(this.ask);
    this.clock = setInterval(() => { if (this.running) this.ask(); }, LOOK_EVERY);
  }
  page() {
    const { model } = this, key = (text, name, kind) => { const made = button(text, () => this.tell(kind)); made.append(make("kbd", {}, name)); return made; };
    this.go = key("Start", "Space", "start");
    this.end = key("Stop", "Esc", "stop");
    this.what = make("div", { className: "what" });
    this.note = make("div", { className: "note" });
    this.progress = make("span", { className: "which" });
    this.voice = make("div", { className: "voice", role: "status", aria: { live: "polite" } });
    this.rows = this.units.map((unit) => {
      const cells = [make("td"), make("td")];
      return { unit, cells, row: make("tr", {}, make("th", { scope: "row" }, unit), ...cells) };
    });
    const head = make("tr", {}, ...["unit", "asked", "now"].map((text) => make("th", { scope: "col" }, text)));
    const table = make("table", {}, make("caption", {}, "% of maximum"), make("thead", {}, head), make("tbody", {}, ...this.rows.map(({ row }) => row)));
    const how = make("div", { className: "how" }, model.get("summary"));
    return make("div", { className: "emgnb-feedback", tabIndex: 0, role: "region", aria: { label: "task" } },
      make("div", { className: "top" }, this.what, this.note, how),
      make("div", { className: "sides" }, this.canvas, make("div", { className: "numbers" }, table)),
      make("div", { className: "bar" }, this.go, this.end, this.progress), this.voice);
  }
  get running() { return this.model.get("running"); }

  tell(kind) { this.model.send({ kind }); }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target !== this.root; // a button works by its own keys
    const { key, repeat } = event;
    if (key === "Escape") this.tell("stop");
    else if (key === " " && !own && !repeat) this.tell(this.running ? "select" : "start");
    else if (key !== " " || own) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- what the kernel sends
  received(moment) {
    if (moment.kind !== "now") return;
    const before = this.moment;
    this.moment = moment;
    this.came = performance.now();
    this.history.take(moment, this.units[0]);
    if (!before || before.phase !== moment.phase || before.trial !== moment.trial) this.said = this.written = -SAY_EVERY;
    this.ask();
  }
  /** Why there is no value; "" if there is. */
  lack(time) {
    const { moment, running } = this;
    if (!running || !moment || moment.phase === "over") return "";
    if (moment.phase === "gap") return moment.note;
    const late = time - this.came;
    return late > OLD ? `no new values for ${Math.floor(late / 1000) || "½"} s` : "";
  }

  // ---- drawing
  draw() {
    this.frame = 0;
    const { canvas, pen, moment, units, running } = this, width = canvas.clientWidth, height = canvas.clientHeight;
    const time = performance.now(), note = this.lack(time);
    this.go.disabled = running;
    this.end.disabled = !running;
    this.root.dataset.phase = note ? "gap" : running || moment?.phase === "over" ? moment?.phase ?? "ready" : "ready";
    this.write(this.what, note ? "No signal" : askedOf(moment, running));
    this.write(this.note, note || (running && moment?.phase !== "over" && moment ? `${moment.left.toFixed(0)} s` : ""));
    this.write(this.progress, progressOf(moment));
    this.writeNumbers(note, time);
    if (!width) return;
    sized(canvas, pen, width, height);
    const view = { width, height, still: this.motion.matches, colours: this.colours() };
    if (units.length === 1) drawTrace(pen, view, moment, this.history, units[0], note);
    else drawBars(pen, view, moment, units, note);
    canvas.dataset.seconds = moment?.seconds ?? -1;
  }
  write(node, text) { if (node.textContent !== text) node.textContent = text; }

  writeNumbers(note, time) {
    const { moment } = this;
    if (time - this.written < WRITE_EVERY) return;
    this.written = time;
    for (const { unit, cells: [asked, now] } of this.rows) {
      this.write(asked, rangeOf(moment?.target[unit]));
      this.write(now, note ? "–" : percent(moment?.values[unit]));
    }
    if (!moment || (!this.running && moment.phase !== "over") || time - this.said < SAY_EVERY) return;
    this.said = time;
    this.write(this.voice, spoken(moment, note));
  }
  colours() {
    const ink = getComputedStyle(this.root).color, dark = isDark(eightBit(ink));
    return {
      ink,
      band: dark ? "rgba(200,200,200,0.35)" : "rgba(90,90,90,0.28)",
      edge: "rgba(128,128,128,0.35)",
      inside: dark ? "#2fd6a3" : "#007a59",
      outside: dark ? "#ff9a5c" : "#b34700",
    };
  }
  close() {
    cancelAnimationFrame(this.frame);
    clearInterval(this.clock);
    this.resized.disconnect();
    this.theme.disconnect();
  }
}

function render({ model, el }) {
  const feedback = new Feedback(model), received = (content) => feedback.received(content);
  el.append(feedback.root);
  model.on("msg:custom", received);
  model.on("change:running", feedback.ask);
  feedback.ask();
  const stop = sayHello(model); // the kernel sends the newest moment
  return () => {
    stop();
    model.off("msg:custom", received);
    model.off("change:running", feedback.ask);
    feedback.close();
  };
}

export default { render };
