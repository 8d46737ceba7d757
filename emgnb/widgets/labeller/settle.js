// Disagreements of two coders, which a third person decides.
import { make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
import { seconds } from "./describe.js";
import { button, choice, group } from "./dom.js";
import { nameOf } from "./events.js";
/** @typedef {import("./app.js").App} App */
/** @typedef {{row: number, onset: number, offset: number, au: string, what: string, said: Record<string, any>}} Difference */

/** @typedef {{decisions: Record<number, string>, steps: number[], consensus: any}} Now */

/**
 * Describe what a coder said of an event.
 * @param {string} coder
 * @param {{onset: number, offset: number, intensity: string} | null} said
 */
export const saidText = (coder, said) => (said
  ? `${coder}: ${seconds(said.onset)} – ${seconds(said.offset)} s${said.intensity ? `, ${said.intensity}` : ""}` : `${coder}: not coded`);

/**
 * Describe a disagreement.
 * @param {Difference} difference
 * @param {number} number from 1
 * @param {number} all
 * @param {string | undefined} decision
 */
export function differenceText(difference, number, all, decision) {
  const said = Object.entries(difference.said).map(([coder, each]) => saidText(coder, each)).join("; ");
  return `${number} of ${all}: ${nameOf(difference)} (${difference.what}). ${said}. ${decision ? `Decided: ${decisionText(decision)}.` : "Open."}`;
}

/** @param {string} decision */
export const decisionText = (decision) => ({ keep: "kept", drop: "dropped" }[decision] ?? `as ${decision}`);

export class Settle {
  /** @param {App} app */
  constructor(app) {
    this.app = app; this.coders = []; this.rows = []; this.decisions = {}; this.tables = {}; this.steps = [0, 0]; this.at = 0;
    this.asked = false; this.waiting = []; // until Python has answered
    this.text = make("div", { className: "difference", role: "status" });
    this.figures = make("pre", {});
    this.details = make("details", {}, make("summary", { textContent: "agreement of the two" }), this.figures);
    this.takes = [0, 1].map((i) => button("take", `the times and intensity of this coder (${i + 1})`, () => this.inTurn(() => this.decide(this.coders[i]))));
    this.undo = button("undo decision", "undo the last decision (Ctrl+Z)", () => app.move("undo"));
    this.redo = button("redo decision", "redo the decision (Ctrl+Y)", () => app.move("redo"));
    this.node = make("div", { className: "settle", hidden: true }, this.text,
      make("div", { className: "bar" }, group("disagreements", button("previous (N)", "previous disagreement", () => this.inTurn(() => this.go(-1))),
        button("next (n)", "next disagreement", () => this.inTurn(() => this.go(1))), button("keep (k)", "keep the event, with the times in between", () => this.inTurn(() => this.decide("keep"))),
        button("drop (x)", "drop the event (also Delete)", () => this.inTurn(() => this.decide("drop"))), ...this.takes, this.undo, this.redo,
        button("end comparison (Escape)", "label events again; decisions remain stored", () => this.inTurn(() => app.act("finish"))))), this.details);
    this.start = this.starting();
  }
  get on() { return this.coders.length > 0; }
  /** @returns {Difference | undefined} */
  get difference() { return this.rows[this.at]; }

  starting() { // which two coders
    const names = this.app.model.get("others").filter((name) => !name.startsWith("consensus-"));
    if (names.length < 2) return null;
    const pick = names.slice(0, 2), lists = ["first coder", "second coder"].map((title, i) => {
      const list = choice(title, names.map((name) => [name, name]), (value) => { pick[i] = value; });
      list.value = pick[i];
      return list;
    });
    return group("two coders", ...(names.length > 2 ? lists : []), button(names.length > 2 ? "compare" : `compare ${names.join(" and ")}`,
      "show two coders beside each other, and decide where they differ", () => this.app.act("compare", { names: pick })));
  }

  // ---- what Python says
  /** @param {any} said coders; with two of them, rows, agreement, tables, and what holds now (`Now`) */
  compared({ coders, rows = [], agreement = "", tables = {}, ...now }) {
    const { app } = this, was = this.on;
    Object.assign(this, { coders, rows, tables, decisions: {}, at: 0, asked: false, waiting: [] });
    this.figures.textContent = agreement;
    this.coders.forEach((coder, i) => { this.takes[i].textContent = `take ${coder} (${i + 1})`; });
    if (this.on) this.lay(now); else app.events.compare({});
    if (this.on) this.at = Math.max(0, rows.findIndex(({ row }) => !(row in this.decisions)));
    app.root.classList.toggle("settling", this.on);
    this.show();
    app.resized();
    app.changed();
    if (this.on) { this.reveal(); app.focus(); app.say(`${counted(this.open, "disagreement")} of ${coders.join(" and ")} to decide`); }
    else if (was) { app.focus(); app.say("comparison ended; decisions are stored"); }
  }
  /** @param {any} said row decided, "undo" or "redo" as move, and what holds now (`Now`) */
  decided({ row, move, ...now }) {
    this.lay(now);
    const at = this.rows.findIndex((each) => each.row === row), word = this.decisions[row];
    if (move && at >= 0) this.at = at;
    this.app.say(`${move ? `${move}: ` : ""}${word ? decisionText(word) : "open again"}; ${counted(this.open, "disagreement")} left`);
    if (!move) this.forward();
    this.show();
    this.reveal();
    this.app.changed();
  }
  /** @param {Now} now */
  lay({ decisions, steps, consensus }) {
    this.decisions = decisions; this.steps = steps;
    this.app.events.compare({ ...this.tables, consensus });
  }

  // ---- actions, in the order in which they were asked for, however late Python answers
  /** @param {() => void} action done once all before it are answered */
  inTurn(action) { if (this.asked) this.waiting.push(action); else action(); }
  ask(kind, content = {}) {
    this.asked = true;
    this.app.act(kind, content);
  }
  answered() {
    this.asked = false;
    while (this.waiting.length && !this.asked) this.waiting.shift()();
  }
  get open() { return this.rows.filter(({ row }) => !(row in this.decisions)).length; }
  forward() { // to the next open one
    const order = this.rows.map((_, i) => (this.at + 1 + i) % this.rows.length), next = order.find((i) => !(this.rows[i].row in this.decisions));
    if (next !== undefined) this.at = next;
  }
  /** @param {number} by 1 for the next one, -1 for the previous */
  go(by) {
    if (!this.rows.length) return;
    this.at = (this.at + by + this.rows.length) % this.rows.length;
    this.app.say("");
    this.show();
    this.reveal();
  }
  /** @param {string} word "keep", "drop" or a coder */
  decide(word) {
    const { difference } = this;
    if (!difference) return this.app.say("no disagreement to decide");
    if (word in difference.said && !difference.said[word]) return this.app.say(`${word} did not code this event: keep (k) or drop (x)`);
    this.ask("decide", { row: difference.row, word });
  }
  reveal() { // on the stage
    const { difference, app } = this;
    if (!difference) return;
    const { stage } = app, spread = Math.max(4, 3 * (difference.offset - difference.onset)), middle = (difference.onset + difference.offset) / 2;
    if (stage.spread > 4 * spread) stage.look(middle - spread / 2, middle + spread / 2);
    stage.show(difference.onset - 0.1 * spread, difference.offset + 0.1 * spread);
    stage.seek(difference.onset, { follow: false });
  }
  show() {
    const { difference } = this;
    this.node.hidden = !this.on;
    this.text.textContent = !this.on ? "" : difference ? differenceText(difference, this.at + 1, this.rows.length, this.decisions[difference.row])
      : `${this.coders.join(" and ")} do not differ`;
    this.takes.forEach((take, i) => { take.disabled = !difference?.said[this.coders[i]]; });
    this.undo.disabled = !this.steps[0];
    this.redo.disabled = !this.steps[1];
    this.app.ask();
  }

  /**
   * @param {string} name of a key, in lower case except N
   * @returns {(() => void) | null} what it does while coders are compared
   */
  key(name) {
    const next = () => this.go(1), back = () => this.go(-1), drop = () => this.decide("drop"), keep = () => this.decide("keep");
    return {
      n: next, ArrowDown: next, N: back, ArrowUp: back, k: keep, x: drop, Delete: drop,
      1: () => this.decide(this.coders[0]), 2: () => this.decide(this.coders[1]), Escape: () => this.app.act("finish"),
    }[name] ?? null;
  }
}

// Keys that change the view only; all others are without effect while coders are compared.
export const VIEW_KEYS = new Set(["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End", "+", "=", "-", "w", "g", "G", "f", " ", ",", ".", "?"]);
