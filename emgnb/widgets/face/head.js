// The mesh of the head, and its surface for weights of the face shapes.

/**
 * @typedef {object} Head what head/head.bin contains; positions in mm, see head/README.md
 * @property {string[]} shapes names, in the file's order
 * @property {Float32Array} rest x, y, z of each vertex
 * @property {Uint16Array} triangle
 * @property {Uint8Array} part
 * @property {Uint8Array} shade
 * @property {Map<string, {at: Uint16Array, by: Float32Array}>} moves of each shape, vertices and displacements
 */

const KINDS = { i2: Int16Array, u2: Uint16Array, u1: Uint8Array };

/**
 * Read head/head.bin.
 * @param {ArrayBuffer} buffer
 * @returns {Head}
 */
export function readHead(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const { step, shapes, arrays } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const array = (name) => {
    const [kind, offset, size] = arrays[name];
    return new KINDS[kind](buffer, 4 + length + offset, size);
  };
  const inMm = (name) => Float32Array.from(array(name), (value) => step * value);
  const moves = new Map(shapes.map((name) => [name, { at: array(`${name}.at`), by: inMm(`${name}.by`) }]));
  return { shapes, rest: inMm("position"), triangle: array("triangle"), part: array("part"), shade: array("shade"), moves };
}

/** The surface of a head: positions and normals of its vertices. */
export class Surface {
  /** @param {Head} head */
  constructor(head) {
    this.head = head;
    this.position = head.rest.slice();
    this.normal = new Float32Array(head.rest.length);
    this.orient();
  }
  /**
   * Move the surface.
   * @param {Record<string, number>} weights of shapes; the others are 0
   */
  shape(weights) {
    this.position.set(this.head.rest);
    for (const [name, weight] of Object.entries(weights)) if (weight) this.add(name, weight);
    this.orient();
  }
  add(name, weight) {
    const { position } = this, { at, by } = this.head.moves.get(name);
    for (let k = 0, from = 0; k < at.length; k++, from += 3) {
      const to = 3 * at[k];
      position[to] += weight * by[from];
      position[to + 1] += weight * by[from + 1];
      position[to + 2] += weight * by[from + 2];
    }
  }
  orient() { // normals are the sum of those of the triangles, by area; the shader makes their length 1
    const { position: p, normal: n, head: { triangle } } = this;
    n.fill(0);
    for (let k = 0; k < triangle.length; k += 3) {
      const a = 3 * triangle[k], b = 3 * triangle[k + 1], c = 3 * triangle[k + 2];
      const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
      const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
      const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
      n[a] += x; n[a + 1] += y; n[a + 2] += z;
      n[b] += x; n[b + 1] += y; n[b + 2] += z;
      n[c] += x; n[c + 1] += y; n[c + 2] += z;
    }
  }
}

/**
 * Return the sphere around the vertices of the left eye: x, y, z and radius in mm.
 * @param {Head} head
 */
export function leftEye({ rest, part }) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  part.forEach((kind, k) => {
    if (kind !== 1 || rest[3 * k] < 0) return;
    for (let i = 0; i < 3; i++) {
      low[i] = Math.min(low[i], rest[3 * k + i]);
      high[i] = Math.max(high[i], rest[3 * k + i]);
    }
  });
  return [...low.map((value, i) => (value + high[i]) / 2), (high[0] - low[0]) / 2];
}
