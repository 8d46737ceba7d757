// The part of the canvas in which the head looks different: without a graphics card, every pixel costs time.

const MARGIN = 2; // pixels around, for edges that the painter rounds

/** What is painted of each vertex: three numbers of `position` and `normal`, and of `surface` the light as the third. */
/** @typedef {{position: Float32Array, normal: Float32Array, surface: Float32Array}} Painted */

/**
 * Return a copy, to compare the next frame with.
 * @param {Painted} painted
 * @returns {Painted}
 */
export const copied = ({ position, normal, surface }) => ({ position: position.slice(), normal: normal.slice(), surface: surface.slice() });

/**
 * Return the vertices of all triangles of which a corner has changed, as 1 in their place.
 * @param {Uint16Array} triangle
 * @param {Painted} before
 * @param {Painted} now
 */
export function touched(triangle, before, now) {
  const count = now.position.length / 3, changed = new Uint8Array(count), found = new Uint8Array(count);
  for (const name of ["position", "normal", "surface"]) {
    const a = before[name], b = now[name];
    for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) changed[Math.floor(k / 3)] = 1;
  }
  for (let k = 0; k < triangle.length; k += 3) {
    const [a, b, c] = [triangle[k], triangle[k + 1], triangle[k + 2]];
    if (changed[a] || changed[b] || changed[c]) found[a] = found[b] = found[c] = 1;
  }
  return found;
}

/**
 * Return the box around what has changed, in pixels of the canvas from its lower left corner; empty if nothing has.
 * @param {Uint16Array} triangle
 * @param {Painted} before
 * @param {Painted} now
 * @param {number[]} view matrix, see `projection`
 * @param {{width: number, height: number}} canvas
 * @returns {[number, number, number, number]} left, low, width, height
 */
export function regionOf(triangle, before, now, view, { width, height }) {
  const found = touched(triangle, before, now);
  let left = Infinity, right = -Infinity, low = Infinity, high = -Infinity;
  for (const { position: p } of [before, now]) {
    for (let k = 0, at = 0; k < found.length; k++, at += 3) {
      if (!found[k]) continue;
      const [x, y, w] = [0, 1, 3].map((row) => view[row] * p[at] + view[4 + row] * p[at + 1] + view[8 + row] * p[at + 2] + view[12 + row]);
      left = Math.min(left, x / w); right = Math.max(right, x / w);
      low = Math.min(low, y / w); high = Math.max(high, y / w);
    }
  }
  if (left > right) return [0, 0, 0, 0];
  const from = (share, most) => Math.min(Math.max(Math.floor(((share + 1) / 2) * most) - MARGIN, 0), most);
  const to = (share, most) => Math.min(Math.max(Math.ceil(((share + 1) / 2) * most) + MARGIN, 0), most);
  const [x, y] = [from(left, width), from(low, height)];
  return [x, y, to(right, width) - x, to(high, height) - y];
}
