// Draw a face that shows action units.
import { draft } from "./dom.js";

// Strengths of units from 0 to 1, as {"12": 0.6, "R14": 0.4}, with a side for unilateral action. Left and
// right are the participant's own: their left is on the right of the drawing.
/** @typedef {Record<string, number>} Units */
/** @typedef {{d?: string, kind?: string, circle?: number[]}} Line a path with its class, or a pupil */
/** @typedef {{x: number, y: number, lip: number}} Corner corner of the mouth, and how far its lip is raised */
/** @typedef {(...numbers: string[]) => number} Strength the greatest strength of some units */

const SIDES = { R: -1, L: 1 };

/**
 * Return the function that gives the greatest strength of some units on a side.
 * @param {Units} units
 * @param {string} side "L", "R" or "" for both
 * @returns {Strength}
 */
export function strengthOf(units, side) {
  return (...numbers) => Math.max(0, ...numbers.map((n) => Math.max(units[n] ?? 0, units[side + n] ?? 0)));
}

/**
 * Return the lines of a face.
 * @param {Units} units
 * @returns {Line[]}
 */
export function curves(units) {
  /** @type {Line[]} */
  const lines = [], both = strengthOf(units, "");
  const open = Math.max(7 * both("25"), 28 * both("26"), 40 * both("27"), 10 * both("22"));
  const jaw = 0.6 * Math.max(28 * both("26"), 40 * both("27"));
  lines.push({ d: `M22 108 C20 40 62 12 100 12 C138 12 180 40 178 108 C178 ${162 + jaw} 136 ${226 + jaw} 100 ${226 + jaw} C64 ${226 + jaw} 22 ${162 + jaw} 22 108 Z`, kind: "head" });
  const corner = {};
  for (const [side, s] of Object.entries(SIDES)) {
    const au = strengthOf(units, side);
    lines.push(...brow(au, s), ...eye(au, s), ...cheek(au, s));
    corner[side] = cornerOf(au, s, open);
    lines.push(...folds(au, s, corner[side]));
  }
  return [...lines, ...mouth(both, corner.L, corner.R, open)];
}

// In the parts of a side, `s` is -1 for the right and 1 for the left; x is given as the distance from
// the midline.
const xOf = (s) => (away) => 100 + s * away;

/** @type {(au: Strength, s: number) => Line[]} */
function brow(au, s) {
  const x = xOf(s), lines = [];
  const inner = 88 - 15 * au("1") + 12 * au("4"), outer = 88 - 16 * au("2") + 3 * au("4"), mid = 80 - 9 * au("1") - 14 * au("2") + 9 * au("4");
  lines.push({ d: `M${x(15 - 5 * au("4"))} ${inner} Q${x(36)} ${mid} ${x(60)} ${outer}`, kind: "brow" });
  if (au("4") > 0) lines.push({ d: `M${x(5)} ${92} q${s * -1} -8 0 -15`, kind: "fold" });
  if (au("1") > 0) lines.push({ d: `M${x(4)} ${62} h${s * 24}`, kind: "fold" });
  if (au("2") > 0) lines.push({ d: `M${x(30)} ${58} q${s * 14} -3 ${s * 26} 6`, kind: "fold" });
  return lines;
}

/** @type {(au: Strength, s: number) => Line[]} */
function eye(au, s) {
  const x = xOf(s), closed = Math.min(1, 2 * au("43", "45", "46"));
  const upper = (10 + 5 * au("5") - 3 * au("7") - 2 * au("4")) * (1 - closed) - 4 * closed;
  const lower = (7 - 4 * au("7") - 4 * au("6")) * (1 - closed) + 4 * closed;
  /** @type {Line[]} */
  const lines = [{ d: `M${x(20)} 110 Q${x(37)} ${110 - 2 * upper} ${x(54)} 109 Q${x(37)} ${110 + 2 * lower} ${x(20)} 110 Z`, kind: "eye" }];
  if (closed < 0.5) lines.push({ circle: [x(37), 110 - 0.5 * (upper - lower), Math.min(6, 0.45 * (upper + lower))] });
  return lines;
}

/** @type {(au: Strength, s: number) => Line[]} */
function cheek(au, s) {
  const x = xOf(s), lines = [];
  if (au("6") > 0) {
    lines.push({ d: `M${x(24)} 122 Q${x(40)} ${130 - 4 * au("6")} ${x(58)} 119`, kind: "fold" });
    lines.push({ d: `M${x(60)} 106 l${s * 9} -4 M${x(60)} 110 h${s * 10} M${x(60)} 114 l${s * 9} 4`, kind: "fold" });
  }
  lines.push({ d: `M${x(6)} ${146 - 5 * au("9")} q${s * 10} 3 ${s * 11} ${-6 - 3 * au("9")}`, kind: "nose" });
  if (au("9") > 0) lines.push({ d: `M${x(3)} ${118} l${s * 9} -5 M${x(4)} ${125} l${s * 10} -5`, kind: "fold" });
  if (au("9", "10", "12") > 0) lines.push({ d: `M${x(20)} ${142 - 4 * au("9", "10")} Q${x(36 + 6 * au("12"))} ${152 - 4 * au("9", "10")} ${x(40 + 8 * au("12"))} ${168 - 8 * au("12")}`, kind: "fold" });
  return lines;
}

/** @type {(au: Strength, s: number, open: number) => Corner} */
function cornerOf(au, s, open) {
  return {
    x: xOf(s)(28 + 13 * au("12", "13") + 14 * au("20") - 15 * au("18") - 8 * au("22") - 5 * au("14") - 4 * au("23", "24")),
    y: 176 - 17 * au("12", "13") + 15 * au("15") - 3 * au("14") + 3 * au("20") + 0.3 * open,
    lip: 8 * au("10") + 3 * au("9"),
  };
}

/** @type {(au: Strength, s: number, corner: Corner) => Line[]} */
function folds(au, s, corner) {
  const x = xOf(s), lines = [];
  if (au("14") > 0) lines.push({ d: `M${corner.x + s * 5} ${corner.y - 6} q${s * 4} 6 0 12`, kind: "fold" });
  if (au("15") > 0) lines.push({ d: `M${corner.x + s * 3} ${corner.y + 4} q${s * 3} 6 ${s * -2} 11`, kind: "fold" });
  if (au("31") > 0) lines.push({ d: `M${x(58)} 158 q${s * 8} 12 0 26 M${x(52)} 162 q${s * 6} 9 0 18`, kind: "fold" });
  return lines;
}

/** @type {(both: Strength, L: Corner, R: Corner, open: number) => Line[]} */
function mouth(both, L, R, open) {
  const thin = Math.max(both("23", "24"), both("28")), pout = both("18", "22");
  const full = (1 - 0.75 * thin) * (1 + 0.8 * pout);
  const middle = 174 + 2 * both("20") + 0.1 * open;
  const top = middle - 5 * full - Math.max(L.lip, R.lip), bottom = middle + open + 8 * full - 6 * both("17") + 7 * both("16");
  const inside = { top: middle - Math.max(L.lip, R.lip) * 0.6, bottom: middle + open - 5 * both("17") + 4 * both("16") };
  const bow = (y) => 2 * y - (L.y + R.y) / 2; // control point of a curve whose middle is at y
  const lines = [
    { d: `M${R.x} ${R.y} Q100 ${bow(top)} ${L.x} ${L.y} Q100 ${bow(bottom)} ${R.x} ${R.y} Z`, kind: "lips" },
    { d: `M${R.x} ${R.y} Q100 ${bow(inside.top)} ${L.x} ${L.y} Q100 ${bow(inside.bottom)} ${R.x} ${R.y} Z`, kind: "mouth" },
  ];
  if (both("17") > 0) lines.push({ d: "M90 206 q3 -5 6 0 q3 5 6 0 q3 -5 7 0", kind: "fold" });
  return lines;
}

/**
 * Draw a face in an `<svg>` element.
 * @param {SVGElement} svg
 * @param {Units} units
 */
export function drawFace(svg, units) {
  svg.setAttribute("viewBox", "0 0 200 250");
  svg.replaceChildren(...curves(units).map(({ d, kind = "", circle }) => {
    if (!circle) return draft("path", { d, class: kind });
    const [cx, cy, r] = circle.map((value) => value.toFixed(1));
    return draft("circle", { cx, cy, r, class: "pupil" });
  }));
}
