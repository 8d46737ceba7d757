// Vertical scale of each lane, one for each or one for all.
/** @typedef {import("./columns.js").Columns} Columns */

const ROOM = 1.15, SHRINK = 0.4; // a scale has room for more, and shrinks when less than that is used
const TAIL = 0.02; // share of the columns that counts as rare extremes

/**
 * @typedef {object} Scale
 * @property {number} centre value in the middle of the lane
 * @property {number} half from there to an edge of the lane
 * @property {number} low of the columns
 * @property {number} high
 * @property {number} [middle] of the values without rare extremes
 * @property {number} [fills] half of their range
 */

export class Scales {
  constructor() {
    /** @type {Scale[]} */
    this.all = [];
    /** @type {number[]} */
    this.zooms = []; // chosen by the user, on top of the automatic scale
    this.bulk = 0; // the greatest `fills`
  }
  /** @param {number} lanes */
  reset(lanes) { this.all = Array.from({ length: lanes }, () => ({ centre: 0, half: 0, low: 0, high: 0 })); }

  /** @param {number} lanes */
  unzoom(lanes) { this.zooms = new Array(lanes).fill(1); }

  restart() { // measure the scales again
    this.bulk = 0;
    for (const scale of this.all) scale.half = 0;
  }
  /**
   * Adapt the scales that the signal leaves, or of which it fills too little.
   * @param {Columns} columns
   * @param {number[]} order lanes drawn
   * @param {boolean} common
   * @param {boolean} due whether a common scale is measured again
   * @returns {number[]} lanes with another scale
   */
  adapt(columns, order, common, due) {
    for (const c of order) this.extremes(columns, c);
    if (common && (!this.bulk || due)) this.measure(columns, order);
    return order.filter((c) => (common ? this.adaptCommon(this.all[c]) : this.adaptOwn(this.all[c])));
  }
  /**
   * @param {Columns} columns
   * @param {number} c
   */
  extremes({ lows, highs, count }, c) {
    let low = Infinity, high = -Infinity;
    const least = lows[c], most = highs[c], scale = this.all[c];
    for (let i = 0; i < count; i++) {
      if (least[i] < low) low = least[i];
      if (most[i] > high) high = most[i];
    }
    scale.low = low <= high ? low : 0;
    scale.high = low <= high ? high : 0;
  }
  /** @param {Scale} scale */
  adaptOwn(scale) {
    const { low, high, centre, half } = scale;
    return change(scale, low < centre - half || high > centre + half, (low + high) / 2, (high - low) / 2);
  }
  /** @param {Scale} scale */
  adaptCommon(scale) {
    return change(scale, Math.abs(scale.middle - scale.centre) > scale.half / 4, scale.middle, this.bulk);
  }
  /**
   * Measure the range of each lane without rare extremes. One artefact would flatten all lanes.
   * @param {Columns} columns
   * @param {number[]} order
   */
  measure({ lows, highs }, order) {
    this.bulk = 0;
    for (const c of order) {
      const [least, most] = bulkOf(lows[c], highs[c]), scale = this.all[c];
      scale.fills = (most - least) / 2;
      scale.middle = (least + most) / 2;
      this.bulk = Math.max(this.bulk, scale.fills);
    }
  }
}

/**
 * @param {Scale} scale
 * @param {boolean} outside whether the signal has left it
 * @param {number} middle
 * @param {number} range half of what it must hold
 */
function change(scale, outside, middle, range) {
  const need = Math.max(range, 1e-9);
  if (!outside && need <= scale.half && need >= SHRINK * scale.half) return false;
  scale.centre = middle;
  scale.half = need * ROOM;
  return true;
}

/**
 * Return the range of a lane without rare extremes.
 * @param {Float32Array} lows
 * @param {Float32Array} highs
 */
export function bulkOf(lows, highs) {
  const low = lows.filter((v) => !Number.isNaN(v)).sort(), high = highs.filter((v) => !Number.isNaN(v)).sort();
  return [low[Math.floor(low.length * TAIL)] ?? 0, high[Math.ceil(high.length * (1 - TAIL)) - 1] ?? 0];
}
