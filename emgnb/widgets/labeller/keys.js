// Keyboard control of the display.
import { within } from "../shared/numbers.js";
import { eventText } from "./describe.js";
import { CODE_KEY, facsCode, facsText, oneLip } from "./events.js";
import { FACS } from "./notation.js";
import { VIEW_KEYS } from "./settle.js";
/** @typedef {import("./app.js").App} App */

const FORGET = 1200; // ms after which a new code begins
const FIRST = "select an event first";

/** A FACS code, typed letter by letter. */
export class TypedCode {
  constructor() { this.typed = ""; }

  /**
   * Add a letter. One that does not fit the code begins a new one.
   * @param {string} letter
   * @returns {{change: ReturnType<typeof facsCode>, first: boolean}} what the code means; whether it begins
   */
  type(letter) {
    const longer = facsCode(this.typed + letter), first = !this.typed || !longer;
    this.typed = longer ? this.typed + letter : letter;
    return { change: longer ?? facsCode(letter), first };
  }
  forget() { this.typed = ""; }
}

/**
 * Return the edge that an arrow key moves.
 * @param {{altKey: boolean, shiftKey: boolean}} key
 * @returns {"onset" | "apex" | "offset" | null} null: the cursor
 */
export function edgeOf({ altKey, shiftKey }) {
  if (altKey) return shiftKey ? "apex" : "onset";
  return shiftKey ? "offset" : null;
}

/**
 * Return the name by which a key is found: letters in lower case, except where Shift means another action.
 * @param {string} key
 */
export const keyName = (key) => (key.length === 1 && key !== "G" && key !== "N" ? key.toLowerCase() : key);

// Keys act only while the display has the focus, so that a letter typed elsewhere changes nothing.
export class Keyboard {
  /** @param {App} app */
  constructor(app) {
    this.app = app; this.stage = app.stage; this.events = app.events;
    this.code = new TypedCode(); this.forget = 0; this.before = null; // the event before the code
    this.plain = this.plainKeys();
    this.withControl = this.controlKeys();
  }
  /** @returns {Record<string, (key: KeyboardEvent) => void>} */
  plainKeys() {
    const { app, stage, events } = this, { review, video } = app, edge = (name) => () => this.edge(name, stage.cursor);
    return {
      ...this.arrows(), ArrowUp: () => app.step(-1), ArrowDown: () => app.step(1), PageUp: () => this.page(-1), PageDown: () => this.page(1),
      Home: () => stage.seek(app.tiles.start), End: () => stage.seek(app.tiles.end),
      "+": () => stage.zoom(0.5), "=": () => stage.zoom(0.5), "-": () => stage.zoom(2), w: () => stage.whole(),
      g: () => app.scale(1.25), G: () => app.scale(0.8), f: () => app.fit(),
      i: edge("onset"), o: edge("offset"), p: edge("apex"), Backspace: () => app.drop(), Escape: () => this.cancel(),
      Enter: (key) => (key.shiftKey ? review.decideAll("") : this.enter()),
      Delete: (key) => (key.shiftKey ? review.decideAll("refused") : app.drop()),
      n: () => review.go(1), N: () => review.go(-1), m: () => review.setByMoment(!events.byMoment), s: () => app.setSnap(!stage.snap),
      " ": () => video.toggle(), ",": () => video.step(-1), ".": () => video.step(1), "?": () => app.help(),
    };
  }
  /** @returns {Record<string, (key: KeyboardEvent) => void>} */
  controlKeys() {
    const { app, stage } = this;
    return {
      ...this.arrows(), ArrowUp: () => app.setLane(stage.lane - 1), ArrowDown: () => app.setLane(stage.lane + 1),
      z: (key) => app.move(key.shiftKey ? "redo" : "undo"), y: () => app.move("redo"),
    };
  }
  arrows() { return { ArrowLeft: (key) => this.arrow(key, -1), ArrowRight: (key) => this.arrow(key, 1) }; }

  /** @param {KeyboardEvent} key on the display */
  pressed(key) {
    const control = key.ctrlKey || key.metaKey, name = keyName(key.key), arrow = name === "ArrowLeft" || name === "ArrowRight";
    if (this.app.settle?.on && !control) {
      if (!this.settles(key, name, arrow)) return;
    } else if (!control && !key.altKey && CODE_KEY.test(name)) this.type(name);
    else {
      const action = (control ? this.withControl : this.plain)[name];
      if (!action || (key.altKey && !arrow)) return;
      action(key);
    }
    key.preventDefault();
    key.stopPropagation();
  }
  /**
   * Act on a key while coders are compared.
   * @param {KeyboardEvent} key
   * @param {string} name
   * @param {boolean} arrow left or right
   * @returns {boolean} whether it is a key of the labeller
   */
  settles(key, name, arrow) {
    const { settle } = this.app, action = settle.key(name);
    if (key.altKey || (arrow && key.shiftKey)) return false;
    if (action) settle.inTurn(action);
    else if (VIEW_KEYS.has(name)) this.plain[name](key);
    else if (!CODE_KEY.test(name) && !this.plain[name]) return false;
    else this.app.say("two coders are compared: n, k, x, 1 and 2 decide, Escape ends it");
    return true;
  }
  /** @param {KeyboardEvent & {target: HTMLElement}} key anywhere in the labeller: undo and redo */
  pressedAnywhere(key) {
    const name = key.key.toLowerCase();
    if (!(key.ctrlKey || key.metaKey) || !"zy".includes(name) || key.target.matches("input:not([type=checkbox])")) return;
    this.app.move(name === "y" || key.shiftKey ? "redo" : "undo");
    key.preventDefault();
  }

  // ---- FACS codes
  forgetCode() { this.code.forget(); this.app.root.dataset.code = ""; }
  type(letter) {
    const { app } = this, row = this.events.event;
    clearTimeout(this.forget);
    this.forget = setTimeout(() => this.forgetCode(), FORGET);
    if (!this.code.typed) this.before = row ? { key: row.key, au: row.au, side: row.side, intensity: row.intensity } : { key: null, ...app.fields.values };
    const { change, first } = this.code.type(letter);
    app.root.dataset.code = this.code.typed; // the code that the next letter continues
    if (!change) return;
    if (change.au && !app.units.includes(change.au)) {
      if (!app.units.some((unit) => unit.startsWith(change.au))) app.say(`there is no action unit ${change.au} in the table`);
      return;
    }
    this.write({ ...this.before, ...change }, first);
  }
  /**
   * @param {{key: string | null, au?: string, side?: string, intensity?: string}} code key of the event, null for the next one
   * @param {boolean} first
   */
  write({ key, au, side, intensity }, first) {
    const { app } = this;
    if (oneLip({ au, side })) return app.say(`${side} means one lip and needs one of the units ${FACS.lipUnits.join(", ")}`);
    if (key) this.events.edit(key, { au, side, intensity }, !first);
    app.fields.set({ au, side, intensity });
    app.say(`${key ? "" : "next event: "}${facsText({ au, side, intensity })}`);
  }

  // ---- edges, events and the cursor
  edge(name, t, merge = false) {
    const { app, events } = this, row = events.event, { start, end } = app.tiles;
    if (!row) return app.say(FIRST);
    events.edit(row.key, { [name]: events.bounded(row, name, t, [start, end], this.stage.shortest) }, merge);
    app.say(eventText(events.event));
  }
  nudge(name, sign, merge) {
    const row = this.events.event, step = this.stage.spread < 2 ? 0.001 : 0.01;
    if (!row) return this.app.say(FIRST);
    const now = row[name] ?? (row.onset + row.offset) / 2;
    this.edge(name, Math.round((now + sign * step) * 1e6) / 1e6, merge);
  }
  arrow(key, sign) {
    const edge = edgeOf(key), { stage } = this;
    if (edge) this.nudge(edge, sign, key.repeat);
    else stage.seek(stage.cursor + (sign * stage.spread) / (key.ctrlKey || key.metaKey ? 10 : 100));
  }
  page(sign) { // the cursor keeps its place on the screen
    const { stage } = this, at = (stage.cursor - stage.from) / stage.spread;
    stage.pan(sign * 0.9);
    stage.seek(stage.from + within(at, 0, 1) * stage.spread, { follow: false });
  }
  enter() { // accept a burst, or begin and end an event
    const { app, stage } = this;
    if (this.events.event?.state === "proposed") return app.review.decide("");
    if (!stage.began) {
      stage.began = { from: stage.cursor, to: stage.cursor };
      return app.say("event started: move the cursor, then press Enter to end it or Escape to cancel");
    }
    const [a, b] = [stage.began.from, stage.cursor].sort((p, q) => p - q), lane = app.inOne ? stage.lane : -1;
    stage.began = null;
    if (b - a < stage.shortest) return app.say("no event: the cursor was not moved");
    app.add(stage.snapTo("onset", a, lane), stage.snapTo("offset", b, lane), stage.lane);
  }
  cancel() {
    const { app, stage } = this;
    if (stage.began || stage.drag) stage.began = stage.drag = null;
    else app.choose(null);
    app.ask();
  }
}
