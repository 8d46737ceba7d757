// A task in words and numbers.

/**
 * @typedef {object} Moment what the task asks now, from the kernel
 * @property {string} phase "ready", "rest", "go", "gap" or "over"
 * @property {number} trial
 * @property {number} of
 * @property {string} name
 * @property {number | null} seconds
 * @property {number} left s
 * @property {Record<string, number[]>} target range of each unit
 * @property {Record<string, number>} values
 * @property {boolean} inside
 * @property {number} held s
 * @property {string} selection
 * @property {number} dwell s
 * @property {string} note
 * @property {number | null} score
 * @property {[number, Record<string, number[]>][]} ahead ranges to come
 */

/**
 * Write a share in percent.
 * @param {number | null | undefined} share
 */
export const percent = (share) => (typeof share === "number" ? `${Math.round(100 * share)} %` : "–");

/**
 * Write a range in percent.
 * @param {number[] | undefined} range
 */
export const rangeOf = (range) => (range ? `${Math.round(100 * range[0])}–${percent(range[1])}` : "–");

/**
 * Return what to do.
 * @param {Moment | null} moment
 * @param {boolean} running
 */
export function askedOf(moment, running) {
  if (!moment || (!running && moment.phase !== "over")) return "Ready when you are";
  const { phase, name, selection } = moment;
  if (phase === "gap") return "No signal";
  if (phase === "over") return "Done. Thank you!";
  return phase === "go" ? capital(name) : selection ? "Relax" : `Relax. Next: ${name}`;
}

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Return how far the task is.
 * @param {Moment | null} moment
 */
export function progressOf(moment) {
  if (!moment) return "";
  const score = moment.score === null ? "" : `, score ${Math.round(moment.score)} %`;
  return moment.phase === "over" ? score.slice(2) : `trial ${moment.trial} of ${moment.of}${score}`;
}

/**
 * Say how it goes, for screen readers.
 * @param {Moment} moment
 * @param {string} note why there is no value; "" if there is
 */
export function spoken(moment, note) {
  if (note) return note;
  if (moment.phase !== "go") return askedOf(moment, true);
  const units = Object.entries(moment.target).map(([unit, range]) => `${unit} ${percent(moment.values[unit])}, asked ${rangeOf(range)}`);
  return `${units.join("; ")}: ${moment.inside ? "inside" : "outside"}`;
}
