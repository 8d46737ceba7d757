// Buttons and keys that set markers.
import { button, make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
/** @typedef {import("./desk.js").Desk} Desk */

const KEYS = 9; // markers with a key
const LIT = 250; // ms that a pressed button is lit
const LATE = 700, LOOK = 300; // ms after which a marker is late, and between two looks

/**
 * Return the text about markers that the kernel has not confirmed in time; "" for none.
 * @param {number} late
 */
export function lateText(late) {
  if (!late) return "";
  return `the kernel is busy: ${counted(late, "marker")} pending, ${late > 1 ? "their times are" : "its time is"} kept`;
}

/**
 * Return what a key of the panel does.
 * @param {{key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat: boolean, defaultPrevented: boolean}} event
 * @param {string[]} cues
 * @returns {{cue?: string, undo?: boolean} | null}
 */
export function keyAction({ key, ctrlKey, altKey, metaKey, repeat, defaultPrevented }, cues) {
  if (ctrlKey || altKey || metaKey || repeat || defaultPrevented) return null;
  if (key === "Backspace") return { undo: true };
  const cue = /^[1-9]$/.test(key) ? cues[Number(key) - 1] : undefined;
  return cue === undefined ? null : { cue };
}

// A marker has the time of its key press, so that a busy kernel does not delay it.
export class Marking {
  /**
   * @param {Desk} desk
   * @param {(mark: {text: string, id: string, sure: boolean}) => void} draw
   */
  constructor(desk, draw) {
    this.desk = desk; this.draw = draw;
    /** @type {Map<string, number>} */
    this.awaited = new Map(); // markers that the kernel has not confirmed, and since when
    this.node = make("div", { className: "cues", role: "group", aria: { label: "markers" } });
    this.word = make("input", { type: "text", placeholder: "custom marker", aria: { label: "custom marker" } });
    this.other = button("Mark", () => { if (this.mark(this.word.value)) this.word.value = ""; });
    this.word.addEventListener("keydown", (event) => { if (event.key === "Enter") this.other.click(); });
    this.undo = button("Undo last marker", () => desk.ask("unmark", { mark: null }),
      { className: "undo", title: "remove the last marker", ariaKeyShortcuts: "Backspace" });
    this.undo.append(keyHint("⌫"));
    this.wait = make("span", { className: "wait", hidden: true });
    this.patience = setInterval(() => this.showWait(), LOOK);
    desk.shows("cues", () => this.show());
    desk.shows("state", () => this.node.querySelectorAll("button, input").forEach((each) => { each.disabled = desk.get("state") !== "recording"; }));
    desk.shows("marked state", () => { this.undo.disabled = desk.get("state") !== "recording" || !(desk.get("marked").length || this.awaited.size); });
  }
  close() { clearInterval(this.patience); }

  show() {
    const buttons = this.desk.get("cues").map((cue, k) => {
      const shortcut = k < KEYS ? { ariaKeyShortcuts: String(k + 1) } : {};
      const made = button(cue, (event) => this.mark(cue, event), { className: "cue", title: `mark ${cue}`, data: { cue }, ...shortcut });
      if (k < KEYS) made.append(keyHint(String(k + 1)));
      return made;
    });
    const idle = this.desk.get("state") !== "recording";
    for (const each of buttons) each.disabled = idle;
    this.node.replaceChildren(...buttons, this.word, this.other, this.undo);
  }
  showWait() {
    const now = performance.now(), late = lateText([...this.awaited.values()].filter((since) => now - since > LATE).length);
    this.wait.hidden = !late;
    if (late) this.wait.textContent = late;
  }
  /**
   * Set a marker.
   * @param {string} written
   * @param {Event} [event] key press or click
   * @returns {boolean} whether it was set
   */
  mark(written, event) {
    const text = written.trim();
    if (!text || this.desk.get("state") !== "recording") return false;
    // When the key went down, also if this page was busy then.
    const at = Date.now() - (event ? Math.max(0, performance.now() - event.timeStamp) : 0);
    const id = `${at}-${Math.random().toString(36).slice(2)}`;
    this.draw({ text, id, sure: false });
    this.light(text);
    this.awaited.set(id, performance.now());
    this.undo.disabled = false;
    this.desk.ask("mark", { text, at, id });
    return true;
  }
  light(text) {
    const pressed = [...this.node.children].find(({ dataset }) => dataset.cue === text);
    pressed?.classList.add("lit");
    setTimeout(() => pressed?.classList.remove("lit"), LIT);
  }
  /** @param {KeyboardEvent & {target: HTMLElement}} event in the panel */
  pressed(event) {
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
    const action = keyAction(event, this.desk.get("cues"));
    if (!action || (action.undo && (this.undo.disabled || event.target.matches(".site")))) return;
    event.preventDefault();
    event.stopPropagation();
    if (action.undo) this.undo.click();
    else this.mark(action.cue, event);
  }
}

const keyHint = (text) => make("kbd", { aria: { hidden: "true" } }, text);
