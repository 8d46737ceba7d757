// Times, events and changes in words.
import { counted } from "../shared/numbers.js";
import { nameOf } from "./events.js";

/** @param {number} t s */
export const seconds = (t) => t.toFixed(3);

/** @param {number} s */
export const duration = (s) => (s < 10 ? `${(s * 1000).toFixed(0)} ms` : `${s.toFixed(1)} s`);

/**
 * Format a time, as 1:02:03.5 for 3723.5 s.
 * @param {number} t s
 * @param {number} digits decimals
 */
export function clock(t, digits = 0) {
  if (t < 60) return `${t.toFixed(digits)} s`;
  const whole = Math.floor(t + 1e-9), rest = digits ? (t - whole).toFixed(digits).slice(1) : "";
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return `${h ? `${h}:${two(m)}` : m}:${two(s)}${rest}`;
}

/**
 * Describe an event.
 * @param {any} row
 */
export function eventText(row) {
  const apex = row.apex === null ? "" : `, apex ${seconds(row.apex)}`;
  return `${nameOf(row)}: ${seconds(row.onset)} – ${seconds(row.offset)} s, ${duration(row.offset - row.onset)}${apex}`
    + (row.channel ? `, on ${row.channel}` : "");
}

/**
 * Return when the first of some events begins, and the last ends.
 * @param {{onset: number, offset: number}[]} rows
 */
export const spanOf = (rows) => [Math.min(...rows.map(({ onset }) => onset)), Math.max(...rows.map(({ offset }) => offset))];

/**
 * Describe the bursts of one movement.
 * @param {any[]} rows
 */
export function momentText(rows) {
  const [from, to] = spanOf(rows), known = rows.filter(({ snr }) => snr !== null && snr !== undefined);
  const top = known.reduce((best, row) => (row.snr > (best?.snr ?? -Infinity) ? row : best), null);
  return `${seconds(from)} – ${seconds(to)} s: ${counted(rows.length, "burst")}${top ? `, strongest ${top.snr.toFixed(0)} dB on ${top.channel}` : ""}`;
}

/**
 * Describe an undo or redo.
 * @param {{rows: [string, any][], move: string}} patch what the events are now
 * @param {any[]} before what they were
 */
export function movedText({ rows, move }, before) {
  if (rows.length > 1) return `${move}: ${counted(rows.length, "burst")} ${stateText(rows.map(([, row]) => row))}`;
  const [[, row]] = rows, [was] = before;
  if (!row) return `${move}: ${was ? eventText(was) : "an event"} is gone`;
  return `${move}: ${eventText(row)}${was ? "" : " is back"}`;
}

function stateText(rows) { // of bursts
  const states = new Set(rows.map((row) => (row ? row.state : null))), [state] = states;
  if (states.size > 1) return "changed";
  return { proposed: "to review", refused: "rejected", "": "accepted" }[state] ?? "no longer proposed";
}
