// Circular strip on which every new column is painted once.
import { within } from "../shared/numbers.js";

/** @typedef {import("./columns.js").Columns} Columns */
/** @typedef {import("./scales.js").Scales} Scales */

export class Strip {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.brush = this.canvas.getContext("2d");
    this.wide = 1; // px of a column
    /** @type {number | null} */
    this.painted = null; // the newest column on the strip; null: all are to be painted
  }
  /**
   * @param {number} width px
   * @param {number} height px
   * @param {number} columns
   */
  fit(width, height, columns) {
    this.wide = Math.ceil(width / columns);
    this.canvas.width = columns * this.wide;
    this.canvas.height = Math.max(1, height);
    this.painted = null;
  }
  /**
   * Paint the new columns, and all columns of the lanes with another scale.
   * @param {Columns} columns
   * @param {Scales} scales
   * @param {number[]} order lanes drawn
   * @param {number[]} changed lanes with another scale
   * @param {string[]} colours
   * @param {number} thick px of a line
   */
  update(columns, scales, order, changed, colours, thick) {
    const { newest, first } = columns, { width, height } = this.canvas, lane = height / order.length;
    const all = this.painted === null || newest - this.painted >= columns.count;
    if (all) this.brush.clearRect(0, 0, width, height);
    else this.clear(columns, this.painted, newest, 0, height);
    this.brush.lineWidth = thick;
    for (let row = 0; row < order.length; row++) {
      const c = order[row], whole = all || changed.includes(c);
      if (whole && !all) this.clear(columns, first, newest, row * lane, lane);
      this.brush.strokeStyle = colours[c % colours.length];
      this.paint(columns, scales.all[c], c, scales.zooms[c], row, lane, whole ? first : this.painted - 1);
    }
    this.painted = newest;
  }
  paint(columns, { centre, half }, c, zoom, row, lane, from) {
    const { brush, wide } = this, middle = lane * (row + 0.5), edge = lane * 0.5, gain = (zoom * lane * 0.5) / half;
    const lows = columns.lows[c], highs = columns.highs[c], { newest } = columns;
    brush.beginPath();
    let joined = false;
    for (let column = from; column <= newest; column++) {
      const i = columns.slot(column), x = (i + 0.5) * wide, high = highs[i], low = lows[i];
      if (i === 0) joined = false;
      if (Number.isNaN(high)) { joined = false; continue; } // a gap stays a gap
      const top = middle - within((high - centre) * gain, -edge, edge), bottom = middle - within((low - centre) * gain, -edge, edge);
      if (!joined) brush.moveTo(x - (top === bottom ? wide / 2 : 0), top);
      else brush.lineTo(x, top);
      brush.lineTo(x, top === bottom ? bottom + 0.01 : bottom);
      joined = true;
    }
    brush.stroke();
  }
  clear(columns, from, to, top, height) {
    const { brush, wide } = this, { count } = columns;
    const a = columns.slot(from), n = Math.min(to - from + 1, count), beyond = a + n - count;
    brush.clearRect(a * wide, top, n * wide, height);
    if (beyond > 0) brush.clearRect(0, top, beyond * wide, height);
  }
  /**
   * Draw the strip across a canvas.
   * @param {CanvasRenderingContext2D} pen
   * @param {Columns} columns
   * @param {number} top px
   * @param {number} each px of a column there
   * @param {number} seam column of the ring at the left edge
   */
  show(pen, { count }, top, each, seam) {
    const { canvas, wide } = this, { height } = canvas, before = count - seam;
    if (seam < count) pen.drawImage(canvas, seam * wide, 0, before * wide, height, 0, top, before * each, height);
    if (seam) pen.drawImage(canvas, 0, 0, seam * wide, height, before * each, top, seam * each, height);
  }
}
