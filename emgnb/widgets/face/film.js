// A session in the page: the intensities at a time, and playing.
import { bytesOf } from "../shared/dom.js";
import { within } from "../shared/numbers.js";

/** @typedef {{codes: string[], places: string[][], start: number, rate: number, gaps: [number, number, string][]}} About */

const NEAR = 0.5; // s after a gap during which the filters settle: its note still says why there are no values

/** Intensities over time, and the current time. */
export class Film {
  /**
   * @param {About} about
   * @param {Float32Array} intensity (time, unit)
   * @param {Float32Array} activity (time, muscle)
   */
  constructor(about, intensity, activity) {
    this.about = about; this.intensity = intensity; this.activity = activity;
    this.count = about.codes.length ? intensity.length / about.codes.length : 0;
    this.at = about.start;
    this.playing = false;
  }
  get end() { return this.about.start + Math.max(0, this.count - 1) / this.about.rate; }
  get row() { return within(Math.floor((this.at - this.about.start) * this.about.rate + 1e-6), 0, Math.max(0, this.count - 1)); }

  /** @param {number} seconds */
  seek(seconds) { this.at = within(seconds, this.about.start, this.end); }

  /** @param {number} seconds that passed */
  advance(seconds) {
    this.seek(this.at + seconds);
    if (this.at >= this.end) this.playing = false;
  }
  play() {
    if (!this.playing && this.at >= this.end) this.at = this.about.start;
    this.playing = !this.playing;
  }
  /** Return what is known at the current time: intensities, muscles, and the gap. */
  get now() {
    const { codes, places } = this.about, { row } = this;
    /** @type {import("./expression.js").Values} */
    const values = {};
    codes.forEach((code, k) => {
      const value = this.intensity[row * codes.length + k];
      if (!Number.isNaN(value)) values[code] = value;
    });
    const activity = places.map(([muscle, side], k) => [muscle, side, this.activity[row * places.length + k]]);
    return { values, activity, gap: codes.length && !Object.keys(values).length ? this.gap() : "" };
  }
  gap() {
    const { gaps } = this.about, found = gaps.findLast(([from, to]) => from <= this.at + NEAR && this.at <= to + NEAR);
    return found ? found[2] : "no valid samples";
  }
}

/**
 * Read the film that the kernel sends.
 * @param {any} content
 * @param {ArrayBufferView[]} buffers
 */
export function filmOf(content, buffers) {
  const [intensity, activity] = buffers.map((each) => new Float32Array(bytesOf(each)));
  return new Film(content, intensity, activity);
}
