// Newest scans of every channel, and their minimum and maximum per pixel column.

// Scans and columns are numbered from the start of the recording. Both lie in rings: a scan at its number
// modulo `size`, a column at its number modulo `count`. A missing value is NaN.
export class Columns {
  constructor() {
    /** @type {Float32Array[]} */
    this.rings = []; // one per channel, of `size` scans
    /** @type {Float32Array[]} */
    this.lows = []; // one per channel, of `count` columns
    /** @type {Float32Array[]} */
    this.highs = [];
    this.size = 2; this.count = 1; this.per = 1; // `per`: scans in a column
    /** @type {number | null} */
    this.next = null; // scan after the newest
    /** @type {number | null} */
    this.oldest = null; // scan with which the signal begins
    /** @type {number | null} */
    this.newest = null; // column
  }
  /**
   * Forget all scans.
   * @param {number} channels
   * @param {number} size scans to keep of each
   */
  reset(channels, size) {
    this.size = size;
    this.rings = Array.from({ length: channels }, () => new Float32Array(size).fill(NaN));
    this.next = this.oldest = this.newest = null;
  }
  /**
   * Divide the scans into columns, no more than there are scans.
   * @param {number} most
   */
  fit(most) {
    this.count = Math.min(most, this.size);
    this.per = this.size / this.count;
    this.lows = this.rings.map(() => new Float32Array(this.count).fill(NaN));
    this.highs = this.rings.map(() => new Float32Array(this.count).fill(NaN));
    this.newest = null;
    if (this.next !== null) for (let scan = Math.max(this.oldest, this.next - this.size); scan < this.next; scan++) this.fold(scan);
  }
  get first() { return this.newest === null ? 0 : this.newest - this.count + 1; } // the leftmost column in view

  /** @param {number} column */
  slot(column) { return ((column % this.count) + this.count) % this.count; }

  /**
   * Add scans. Scans left out are missing; after a jump back or far ahead, the signal begins there.
   * @param {number} first number of the first scan
   * @param {Float32Array} values one scan after another
   * @returns {boolean} whether the signal begins there
   */
  take(first, values) {
    const { rings, size } = this, scans = values.length / rings.length;
    const begins = this.next === null || first < this.next || first - this.next > size;
    if (begins) {
      for (const ring of rings) ring.fill(NaN);
      this.next = this.oldest = first;
      this.newest = null;
    }
    for (; this.next < first; this.next++) {
      for (const ring of rings) ring[this.next % size] = NaN;
      this.fold(this.next);
    }
    for (let s = 0, v = 0; s < scans; s++, this.next++) {
      for (let c = 0; c < rings.length; c++) rings[c][this.next % size] = values[v++];
      this.fold(this.next);
    }
    return begins;
  }
  /** @param {number} scan to include in its column */
  fold(scan) {
    const { rings, lows, highs } = this, column = Math.floor(scan / this.per);
    if (this.newest === null || column > this.newest) this.open(column);
    const at = scan % this.size, i = this.slot(column);
    for (let c = 0; c < rings.length; c++) {
      const value = rings[c][at];
      if (Number.isNaN(value)) continue;
      if (!(value >= lows[c][i])) lows[c][i] = value;
      if (!(value <= highs[c][i])) highs[c][i] = value;
    }
  }
  /** @param {number} column to empty, with those before it that have had no scan */
  open(column) {
    const { lows, highs, newest } = this;
    const from = newest === null || column - newest > this.count ? column - this.count + 1 : newest + 1;
    for (let c = 0; c < lows.length; c++) for (let k = from; k <= column; k++) lows[c][this.slot(k)] = highs[c][this.slot(k)] = NaN;
    this.newest = column;
  }
}
