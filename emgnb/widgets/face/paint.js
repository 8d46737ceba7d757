// What is painted on the head and does not move: the kind of surface of each triangle, and the skin's slow colours.
import { within } from "../shared/numbers.js";
import { KINDS } from "./shaders.js";

const NECK = -170, FADING = 42; // mm where the neck ends, and above which it is solid
const SKIN = [0.80, 0.62, 0.53], CHEEK = [0.79, 0.48, 0.42], INSIDE = [0.50, 0.20, 0.20];
// Boxes (mm) around a brow and a half of the lips, as the shader paints them: from and to the side, low, high, back.
const DETAILS = [[7, 57, 13, 28, -75], [0, 27, -74, -42, -23]];
const DEPTH = 10; // mm that triangles may differ and keep their order: neighbours share corners that are computed once

/**
 * Return the triangles by the kind of their surface, each with the front ones first: what they hide is not painted.
 * @param {import("./head.js").Head} head
 * @returns {{triangle: Uint16Array, kinds: {kind: string, first: number, count: number}[]}}
 */
export function sorted({ rest, triangle, part }) {
  /** @type {Record<string, {at: number, depth: number}[]>} */
  const found = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  for (let at = 0; at < triangle.length; at += 3) {
    const corners = [0, 1, 2].map((k) => [0, 1, 2].map((i) => rest[3 * triangle[at + k] + i]));
    const depth = Math.round((corners[0][2] + corners[1][2] + corners[2][2]) / 3 / DEPTH);
    found[kindOf(part[triangle[at]], corners)].push({ at, depth });
  }
  const order = [], kinds = [];
  for (const kind of KINDS) {
    kinds.push({ kind, first: 3 * order.length, count: 3 * found[kind].length });
    order.push(...found[kind].sort((a, b) => b.depth - a.depth));
  }
  return { triangle: Uint16Array.from(order.flatMap(({ at }) => [...triangle.subarray(at, at + 3)])), kinds };
}

function kindOf(part, corners) {
  if (part > 0) return part === 1 ? "EYE" : "MOUTH";
  const reach = (values, from, to) => Math.min(...values) <= to && Math.max(...values) >= from;
  const touches = ([from, to, low, high, back]) => reach(corners.map(([x]) => Math.abs(x)), from, to)
    && reach(corners.map(([, y]) => y), low, high) && reach(corners.map(([, , z]) => z), back, Infinity);
  return DETAILS.some(touches) ? "DETAIL" : "SKIN";
}

const smooth = (low, high, value) => {
  const part = within((value - low) / (high - low), 0, 1);
  return part * part * (3 - 2 * part);
};
const mixed = (a, b, share) => a.map((value, i) => value + share * (b[i] - value));

/**
 * Return the colour of the skin at each vertex, and a fourth value: 0 where the neck ends, 1 where it is solid.
 * @param {import("./head.js").Head} head
 */
export function tones({ rest }) {
  const found = new Float32Array((4 * rest.length) / 3);
  for (let k = 0; k < rest.length / 3; k++) {
    const x = Math.abs(rest[3 * k]), y = rest[3 * k + 1], z = rest[3 * k + 2];
    const around = (side, up, narrow) => Math.exp(-narrow * ((x - side) ** 2 + (y - up) ** 2));
    const inside = (1 - smooth(-34, -26, z)) * (1 - smooth(20, 26, x)) * (1 - smooth(15, 22, Math.abs(y + 58)));
    const skin = mixed(SKIN, CHEEK, 0.30 * around(40, -28, 0.0022) + 0.22 * around(0, -28, 0.006));
    found.set([...mixed(skin, INSIDE, inside), (y - 0.6 * Math.max(0, x - 50) - NECK) / FADING], 4 * k);
  }
  return found;
}
