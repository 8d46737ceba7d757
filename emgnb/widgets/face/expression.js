// Intensities of action units, and the weights of the face shapes that draw them.

// Keys are FACS codes: "12" for both sides, "L12" and "R12" for the participant's left and right.
/** @typedef {Record<string, number>} Values intensities from 0 to 1; a unit that is not known is missing */
/** @typedef {{number: string, name: string, moves: Record<string, Record<string, number>>}} Unit factors of shapes, by side "", "L" or "R" */

const UNSEEN = 0.004; // change of a weight that moves the head by less than a pixel, and of a light that changes no colour

const OTHER = { left: ["L", "R"], right: ["R", "L"] };

/**
 * Return the values with those of one side on both sides.
 * @param {Values} values
 * @param {string} from "left", "right" or "" for no change
 * @returns {Values}
 */
export function mirrored(values, from) {
  if (!OTHER[from]) return values;
  const [own, other] = OTHER[from], made = {};
  for (const [code, value] of Object.entries(values)) {
    if (code.startsWith(other)) continue;
    made[code] = value;
    if (code.startsWith(own)) made[other + code.slice(1)] = value;
  }
  return made;
}

/**
 * Return the weights of the shapes: the largest of the units that move one, as `emgnb.facs.blendshapes.weights`.
 * @param {Values} values
 * @param {Map<string, Record<string, number>>} moves factors of shapes by code, see `movesOf`
 * @param {number} exaggeration factor on all weights, which stay within 0 to 1
 */
export function weightsOf(values, moves, exaggeration) {
  const weights = {};
  for (const [code, value] of Object.entries(values)) {
    for (const [shape, factor] of Object.entries(moves.get(code) ?? {})) {
      weights[shape] = Math.max(weights[shape] ?? 0, Math.min(1, factor * value * exaggeration));
    }
  }
  return weights;
}

/**
 * Return whether two sets of weights or lights look the same; one that is missing or NaN is 0.
 * @param {Record<string, number>} a
 * @param {Record<string, number>} b
 */
export function alike(a, b) {
  return Object.keys({ ...a, ...b }).every((name) => Math.abs((a[name] || 0) - (b[name] || 0)) <= UNSEEN);
}

/**
 * Return the factors of shapes by FACS code.
 * @param {Unit[]} units
 */
export function movesOf(units) {
  return new Map(units.flatMap(({ number, moves }) => Object.entries(moves).map(([side, factors]) => [side + number, factors])));
}

/**
 * Return the intensity of a unit on the participant's right and left; null where it is not known.
 * @param {Values} values
 * @param {string} number
 */
export const sidesOf = (values, number) => ["R", "L"].map((side) => values[side + number] ?? values[number] ?? null);

/**
 * Write an intensity in percent.
 * @param {number | null} value
 */
export const percent = (value) => (value === null ? "–" : `${Math.round(100 * value)} %`);

/**
 * Say which units are active, for screen readers.
 * @param {Values} values
 * @param {Unit[]} units
 * @param {number} least intensity that is said
 */
export function spoken(values, units, least = 0.1) {
  const parts = units.flatMap(({ number, name }) => {
    const [right, left] = sidesOf(values, number).map((value) => (value !== null && value >= least ? percent(value) : ""));
    if (!right && !left) return [];
    const how = right === left ? right : [left && `left ${left}`, right && `right ${right}`].filter(Boolean).join(", ");
    return [`${name} ${how}`];
  });
  return parts.join("; ") || "face at rest";
}
