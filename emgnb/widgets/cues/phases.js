// Phases of a guided protocol: what is shown in each.

const SEEN = { A: 0.3, B: 0.5, C: 0.7, D: 0.85, E: 1 }; // how strongly an intensity is drawn
const UNKNOWN = 0.7; // and one that has no letter
const TITLES = { ready: "Ready when you are", countdown: "Get ready", hold: "Hold", rest: "Relax", paused: "Paused", over: "Done. Thank you!", stopped: "Stopped", failed: "Ended early" };
const KINDS = { practice: "practice: ", mvc: "as strongly as you can: " };
const ACTIONS = { ready: "Start", over: "Run again", stopped: "Run again", failed: "Run again", paused: "Resume" };

/**
 * @typedef {object} Moment state of the protocol in the kernel
 * @property {string} phase
 * @property {any} [step] with `kind`, `name`, `instruction` and `aus`
 * @property {number} seconds of the phase; 0 where it does not end by itself
 * @property {number} began Unix time in s
 * @property {string} [problem]
 * @property {number} [asked] expressions cued
 * @property {number} [expressions] of the protocol
 * @property {number} [expression] number of this one
 * @property {number} [number] of the trial
 * @property {number} [serial] of this moment
 */

/** @param {string} phase */
export const isRunning = (phase) => ["countdown", "hold", "rest", "paused"].includes(phase);

/** @param {string} phase */
export const isResting = (phase) => ["rest", "over", "stopped", "failed"].includes(phase);

/** @param {string} phase */
export const titleOf = (phase) => TITLES[phase] ?? phase;

/** @param {string} phase */
export const actionOf = (phase) => ACTIONS[phase] ?? "Pause";

/**
 * Return the request that the start button sends.
 * @param {string} phase
 */
export const requestOf = (phase) => (!isRunning(phase) ? "start" : phase === "paused" ? "resume" : "pause");

/**
 * Return the name of a step.
 * @param {{kind: string, name?: string}} step
 */
export const nameOfStep = ({ kind, name }) => (kind === "baseline" ? "rest" : `${KINDS[kind] ?? ""}${name ?? ""}`);

/**
 * Return the action units to draw, from 0 to 1.
 * @param {Moment} moment
 */
export function unitsOf({ phase, step }) {
  const units = isResting(phase) ? {} : step?.aus ?? {};
  return Object.fromEntries(Object.entries(units).map(([unit, letter]) => [unit, SEEN[letter] ?? UNKNOWN]));
}

/**
 * Describe the face that is drawn.
 * @param {Moment} moment
 */
export const faceText = ({ phase, step }) => (isResting(phase) || !step?.name ? "a face at rest" : `a face that shows ${step.name}`);

/**
 * Return what to do.
 * @param {Moment} moment
 * @param {string} summary of the protocol
 */
export function instructionOf({ phase, step, problem, asked, expressions }, summary) {
  if (problem) return problem;
  if (phase === "stopped") return `${asked} of ${expressions} expressions were cued.`;
  if (phase === "ready") return summary;
  return isResting(phase) ? "" : step?.instruction ?? "";
}

/**
 * Return how far the protocol is.
 * @param {Moment} moment
 * @param {number} repeated trials to repeat
 */
export function progressOf({ phase, expression, expressions }, repeated) {
  if (!isRunning(phase)) return "";
  const which = expression ? `${expression} of ${expressions}` : `then ${expressions} expressions`;
  return repeated ? `${which}, ${repeated} repeated` : which;
}

/**
 * Return the seconds left as text. The kernel ends the phase; until it does, the last second is not over.
 * @param {string} phase
 * @param {number} left s
 */
export const countOf = (phase, left) => (phase === "rest" ? "" : String(Math.max(1, Math.ceil(left))));
