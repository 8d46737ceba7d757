// Where the muscles lie on the head, to light them up.
import { within } from "../shared/numbers.js";

// Half-width (mm) of a muscle, and its course in mm from the bridge of the nose (side, up), on the participant's
// left. Ring-shaped muscles return to where they began. The positions follow `PLACES` of emgnb.simulate.
/** @type {Record<string, {wide: number, course: number[][]}>} */
export const COURSES = {
  frontalis_medialis: { wide: 8, course: [[13, 25], [14, 58]] },
  frontalis_lateralis: { wide: 9, course: [[36, 26], [36, 54]] },
  corrugator: { wide: 5, course: [[6, 14], [18, 20], [28, 24]] },
  orbicularis_oculi: { wide: 6, course: [[31, 26], [48, 20], [55, 6], [46, -8], [31, -13], [16, -6], [11, 6], [17, 20], [31, 26]] },
  levator_labii: { wide: 5, course: [[13, -6], [15, -24], [17, -40]] },
  zygomaticus_minor: { wide: 4, course: [[40, -16], [30, -30], [21, -43]] },
  zygomaticus_major: { wide: 5, course: [[56, -20], [44, -36], [29, -54]] },
  buccinator: { wide: 6, course: [[56, -54], [40, -56], [30, -58]] },
  depressor_anguli_oris: { wide: 5, course: [[26, -60], [28, -72], [28, -84]] },
  mentalis: { wide: 8, course: [[-5, -84], [5, -84]] },
  orbicularis_oris: { wide: 5, course: [[0, -42], [16, -46], [25, -57], [15, -68], [0, -71]] },
  platysma: { wide: 9, course: [[40, -82], [46, -100], [50, -120]] },
  masseter: { wide: 9, course: [[62, -34], [60, -52], [56, -68]] },
};

const DEEPEST = -75; // mm: the muscles of the face are in front of it

/**
 * Return the distance of a point from a course of straight pieces.
 * @param {number} x
 * @param {number} y
 * @param {number[][]} course
 */
export function distance(x, y, course) {
  let least = Infinity;
  for (let k = 1; k < course.length; k++) {
    const [ax, ay] = course[k - 1], [bx, by] = course[k], dx = bx - ax, dy = by - ay;
    const along = within(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
    least = Math.min(least, Math.hypot(x - ax - along * dx, y - ay - along * dy));
  }
  return least;
}

/**
 * Return how much of each vertex of the skin belongs to a muscle: the vertices, and shares from 0 to 1.
 * @param {import("./head.js").Head} head
 * @param {string} muscle
 * @param {string} side "left", "right" or "midline"
 * @returns {{at: number[], share: number[]}}
 */
export function muscleOf({ rest, part }, muscle, side) {
  const found = { at: [], share: [] }, { wide, course } = COURSES[muscle] ?? { wide: 1, course: [] };
  const mirrored = side === "right" ? -1 : 1;
  part.forEach((kind, k) => {
    const x = mirrored * rest[3 * k], y = rest[3 * k + 1];
    if (kind !== 0 || rest[3 * k + 2] < DEEPEST || (side !== "midline" && x < -2)) return;
    const away = distance(x, y, course) / wide;
    if (away > 2) return;
    found.at.push(k);
    found.share.push(Math.exp(-(away ** 2)));
  });
  return found;
}

/**
 * Return the light of each vertex: the greatest activity of the muscles below it.
 * @param {Float32Array} light is overwritten
 * @param {{at: number[], share: number[]}[]} places of the muscles
 * @param {ArrayLike<number>} activity of each, 0 to 1; NaN is dark
 */
export function lightUp(light, places, activity) {
  light.fill(0);
  places.forEach(({ at, share }, m) => {
    const active = Math.min(1, activity[m]);
    if (active > 0) at.forEach((vertex, k) => { light[vertex] = Math.max(light[vertex], active * share[k]); });
  });
  return light;
}
