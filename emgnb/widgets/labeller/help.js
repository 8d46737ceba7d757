// List of all keys.
import { make } from "../shared/dom.js";
import { button } from "./dom.js";

/** @type {[string, [string, string][]][]} */
const HELP = [
  ["View", [
    ["← →", "move the cursor"], ["Page Up, Page Down", "previous, next screen"], ["Home, End", "start, end"],
    ["+ −", "zoom (also Ctrl + wheel, two fingers)"], ["w", "the whole recording"], ["Shift + drag", "move the view (also Shift + wheel)"],
    ["Ctrl + ↑ ↓", "previous, next channel"], ["g, Shift + g", "increase, decrease the gain"], ["f", "autoscale to the view; again: to the whole recording"]]],
  ["Make an event", [
    ["drag", "from onset to offset"], ["Enter … Enter", "begin and end at the cursor"], ["Escape", "cancel; clear the selection"]]],
  ["Change the selected event", [
    ["↑ ↓", "previous, next event"], ["i, o, p", "onset, offset, apex (peak) to the cursor"],
    ["Alt, Shift, Alt + Shift with ← →", "move onset, offset, apex by 10 ms (1 ms in views under 2 s)"],
    ["12, L12C, B23", "FACS code: side, unit, intensity; without a side bilateral"], ["a … e", "intensity"], ["l, r, u", "side"],
    ["Delete", "remove"], ["Ctrl + Z, Ctrl + Y", "undo, redo"]]],
  ["Bursts", [
    ["n, Shift + n", "next, previous moment (or burst)"], ["Enter", "accept it"], ["Delete", "reject it"],
    ["m", "review by moment or by burst"], ["Shift + Enter, Shift + Delete", "accept, reject all shown"], ["s", "snap edges to bursts"]]],
  ["While two coders are compared", [
    ["n, Shift + n (also ↓ ↑)", "next, previous disagreement"], ["k", "keep the event"], ["x, Delete", "drop it"], ["1, 2", "take the first, second coder's times"],
    ["Ctrl + Z, Ctrl + Y", "undo, redo a decision"], ["Escape", "end the comparison"]]],
  ["Video", [["Space", "play, pause"], [", .", "previous, next frame"]]],
  ["List", [["arrow keys", "move between cells"], ["Enter", "edit a cell"], ["Escape", "cancel the edit"]]],
];

/**
 * Create the list of keys.
 * @param {() => void} closed
 * @returns {HTMLDialogElement}
 */
export function helpBox(closed) {
  const box = make("dialog", { className: "help", aria: { label: "keys" } });
  box.append(button("close", "close the list of keys", () => box.close()), ...HELP.map(([title, rows]) => make("section", {}, make("h4", {}, title),
    make("dl", {}, ...rows.flatMap(([keys, what]) => [make("dt", {}, keys), make("dd", {}, what)])))));
  box.onkeydown = (key) => { if (key.key === "Escape") { box.close(); key.stopPropagation(); } };
  box.onclose = closed;
  return box;
}
