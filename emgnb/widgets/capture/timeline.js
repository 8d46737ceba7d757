// Times below the live view and markers on it.

const STEPS = [0.5, 1, 2, 5, 10, 20, 30, 60]; // s between two times that are written

/**
 * Return the step between two times so that they have room.
 * @param {number} seconds in view
 * @param {number} width px of the view
 * @param {number} room px of a time
 */
export const timeStep = (seconds, width, room) => STEPS.find((step) => (step / seconds) * width >= room) ?? STEPS.at(-1);

/**
 * Write the times from one scan to another.
 * @param {CanvasRenderingContext2D} pen
 * @param {{rate: number, origin: number, seconds: number}} about
 * @param {{from: number, to: number, width: number, y: number}} box scans, and px
 * @param {(scan: number) => number} x
 * @returns {string} times and their places, for tests
 */
export function drawTimes(pen, { rate, origin, seconds }, { from, to, width, y }, x) {
  const begin = from / rate + origin, end = to / rate + origin;
  const half = pen.measureText(`${Math.ceil(end)} s`).width / 2, step = timeStep(seconds, width, 2 * half + 14);
  let written = "";
  pen.textAlign = "center";
  for (let t = Math.ceil(begin / step) * step; t <= end; t += step) {
    const at = x((t - origin) * rate);
    if (at < half || at > width - half) continue; // cut off, 120 s would read as 0 s
    pen.fillText(`${t} s`, at, y);
    written += `${t}@${at.toFixed(1)} `;
  }
  return written;
}

/** @typedef {{scan: number, text: string, id: string | null, sure: boolean}} Mark */

/** Markers in view; one is dashed until it is recorded. */
export class Marks {
  constructor() {
    /** @type {Mark[]} */
    this.all = [];
  }
  clear() { this.all = []; }

  /** @param {Mark} mark to add, in place of one with the same id */
  put(mark) {
    this.all = this.all.filter((known) => mark.id === null || known.id !== mark.id);
    this.all.push(mark);
  }
  /**
   * Change the text of a marker, or remove it if there is no text.
   * @param {string} id
   * @param {string} text
   */
  amend(id, text) {
    this.all = text ? this.all.map((each) => (each.id === id ? { ...each, text } : each)) : this.all.filter((each) => each.id !== id);
  }
  /** @param {number} scan before which markers are dropped */
  drop(scan) { if (this.all.some((mark) => mark.scan < scan)) this.all = this.all.filter((mark) => mark.scan >= scan); }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {{top: number, foot: number, width: number}} box px
   * @param {(scan: number) => number} x
   */
  draw(pen, { top, foot, width }, x) {
    for (const { scan, text, sure } of this.all) {
      const at = x(scan);
      pen.setLineDash(sure ? [] : [3, 4]);
      pen.beginPath();
      pen.moveTo(at, top - 4);
      pen.lineTo(at, foot);
      pen.stroke();
      pen.textAlign = at + pen.measureText(text).width + 4 > width ? "right" : "left";
      pen.fillText(text, at + (pen.textAlign === "left" ? 2 : -2), top / 2);
    }
    pen.setLineDash([]);
  }
}
