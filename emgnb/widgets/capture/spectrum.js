// Draw the spectrum of each lane next to it, in dB relative to its peak.
import { sized } from "../shared/canvas.js";
import { make } from "../shared/dom.js";

const RANGE = 60; // dB from a lane's top to its floor
const WORDS = 14; // px of a lane kept for its peak
const SIDE = 4; // px left of 0 Hz and right of the highest frequency

/**
 * Return the bin of the greatest level. The constant at 0 Hz is no oscillation.
 * @param {ArrayLike<number>} level dB
 */
export function peakOf(level) {
  let peak = 1;
  for (let k = 2; k < level.length; k++) if (level[k] > level[peak]) peak = k;
  return peak;
}

/**
 * Return the step between two frequencies so that their texts have room.
 * @param {number} top highest frequency in Hz
 * @param {number} width px of the axis
 * @param {number} room px of a text
 */
export function frequencyStep(top, width, room) {
  return [10, 20, 50, 100, 200, 500, 1000].find((step) => (step / top) * width >= room) ?? top;
}

/**
 * @typedef {object} SpectraShown
 * @property {number[]} order lanes drawn
 * @property {string[]} names of all lanes
 * @property {string[]} lines colours
 * @property {string} ink colour of texts
 * @property {number} mains Hz, dotted with its multiples; 0 for none
 * @property {number} above px above the lanes
 * @property {number} below px below the lanes
 */

export class Spectrum {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.canvas = make("canvas", { className: "emgnb-spectrum", hidden: true, role: "img", aria: { label: "spectra" } });
    this.pen = this.canvas.getContext("2d");
    /** @type {Float32Array[]} */
    this.levels = []; // dB, one a lane
    this.step = 1; // Hz between bins
    this.width = this.height = this.top = 0; // px, px, Hz
    place.append(this.canvas);
  }
  /**
   * Take the levels of all lanes, one lane after another. The kernel computes them twice per second.
   * @param {Float32Array} values
   * @param {number} lanes
   * @param {number} step Hz between bins
   */
  take(values, lanes, step) {
    const bins = lanes ? values.length / lanes : 0;
    this.levels = Array.from({ length: lanes }, (_, c) => values.subarray(c * bins, (c + 1) * bins));
    this.step = step;
  }
  x(hertz) { return (hertz / this.top) * (this.width - 2 * SIDE) + SIDE; }

  /** @param {SpectraShown} shown */
  draw(shown) {
    const { canvas, pen } = this, { order, names, above, below } = shown, bins = this.levels[order[0]]?.length ?? 0;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    sized(canvas, pen, this.width, this.height);
    if (!this.width || bins < 3) return;
    this.top = (bins - 1) * this.step;
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";
    pen.strokeStyle = pen.fillStyle = shown.ink;
    pen.lineWidth = 1;
    this.drawMains(shown);
    const lane = (this.height - above - below) / order.length;
    const peaks = order.map((c, row) => `${names[c]} ${this.drawLane(c, above + lane * (row + 1) - 1, lane, shown)}`);
    this.drawFrequencies(below);
    canvas.setAttribute("aria-label", `spectra: ${peaks.join(", ")}`);
    canvas.dataset.drawn = Number(canvas.dataset.drawn ?? 0) + 1;
  }
  drawMains({ mains, above, below }) {
    const { pen } = this;
    pen.globalAlpha = 0.35;
    pen.setLineDash([1, 3]);
    pen.beginPath();
    for (let hertz = mains; mains > 0 && hertz < this.top; hertz += mains) {
      pen.moveTo(this.x(hertz), above);
      pen.lineTo(this.x(hertz), this.height - below);
    }
    pen.stroke();
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }
  drawLane(c, base, lane, { lines, ink }) { // returns what it shows, in words
    const { pen } = this, level = this.levels[c], peak = peakOf(level), high = level[peak];
    if (!Number.isFinite(high)) return "is constant";
    pen.strokeStyle = lines[c % lines.length];
    pen.beginPath();
    for (let k = 1; k < level.length; k++) {
      const share = Math.max(0, 1 - (high - level[k]) / RANGE);
      pen.lineTo(this.x(k * this.step), base - share * (lane - WORDS));
    }
    pen.stroke();
    const text = `peak ${Math.round(peak * this.step)} Hz`;
    pen.textAlign = "right";
    pen.fillStyle = ink;
    if (lane > WORDS) pen.fillText(text, this.width - SIDE, base - lane + 9);
    return text;
  }
  drawFrequencies(below) {
    const { pen, width, top } = this, label = (hertz) => `${hertz} Hz`, room = pen.measureText(label(top)).width + 12;
    const step = frequencyStep(top, width - 2 * SIDE, room);
    pen.textAlign = "center";
    for (let hertz = step; this.x(hertz) + room / 2 <= width + 6; hertz += step) pen.fillText(label(hertz), this.x(hertz), this.height - below / 2);
  }
}
