// Draw one pane of the picture: axes, curves, legend and the values under the mouse.
import { aired, figure, raised, reach, ticks, written } from "../shared/axes.js";
import { line } from "../shared/canvas.js";
import { bounds, nearest } from "../shared/numbers.js";

/** @typedef {{name: string, start: number, across: Float32Array, up: Float32Array}} Curve */
/**
 * @typedef {object} Pane
 * @property {string} title with the unit of the vertical axis in parentheses
 * @property {string} unit of the horizontal axis
 * @property {Curve[]} curves
 * @property {boolean} log
 * @property {number[]} [span] of the vertical axis; as the curves without it
 * @property {number[]} [extent] s, of a pane with a time axis
 * @property {string} [said] text in place of curves
 */
/** @typedef {{left: number, right: number, top: number, foot: number}} Box px */
/** @typedef {Record<string, string>} Colours of curves, and `ink` and `ground` of texts */

const SIGNAL = 128, BELOW = 200, HEAD = 20, LEFT = 52, RIGHT = 10, NARROW = 640; // px
export const FOOT = 30; // px below a pane

/**
 * Return a box for each of the four panes; the last two beside each other where there is room.
 * @param {number} width px
 * @param {number} first px above the first
 * @returns {Box[]}
 */
export function boxesOf(width, first) {
  const box = (left, right, top, tall) => ({ left: left + LEFT, right: right - RIGHT, top: top + HEAD, foot: top + HEAD + tall });
  const second = first + HEAD + SIGNAL, third = second + HEAD + SIGNAL + FOOT + 4, half = width / 2;
  const beside = width >= NARROW, fourth = beside ? third : third + HEAD + BELOW + FOOT + 4;
  return [box(0, width, first, SIGNAL), box(0, width, second, SIGNAL), box(0, beside ? half : width, third, BELOW), box(beside ? half : 0, width, fourth, BELOW)];
}

/**
 * Return the values of the curves at a place, in words. A time axis has pairs of minimum and maximum.
 * @param {Pane} pane
 * @param {number} at
 */
export function valuesAt({ curves, extent }, at) {
  return curves.flatMap(({ start, across, up }) => {
    const k = nearest(across, at - start);
    if (k === null) return [];
    const pair = extent && up[k & ~1] < up[k | 1] ? [up[k & ~1], up[k | 1]] : [up[k]];
    return [Number.isFinite(pair[0]) ? pair.map(figure).join(" … ") : extent ? "missing" : "–"];
  });
}

const colourOf = (name) => name.split(" ").at(-1); // "recorded", "filtered" or "response"

/** Axes of a pane in its box. */
class Axes {
  /**
   * @param {Pane} pane
   * @param {Box} box
   * @param {number[]} [range] of the horizontal axis; as the curves without it
   */
  constructor(pane, box, range) {
    const { curves, log } = pane;
    const [from, to] = range ?? reach(curves.map(({ start, across }) => bounds(across).map((x) => x + start)));
    const [low, high] = pane.span ?? aired(reach(curves.map(({ start, across, up }) =>
      bounds(up, (k) => start + across[k] >= from && start + across[k] <= to))));
    this.from = from; this.to = to; this.low = low; this.high = high;
    this.box = box; this.log = log;
    const { power, say } = log ? { power: 0, say: (n) => raised(Math.round(n)) } : written(low, high);
    this.power = power; this.say = say;
    this.name = written(from, to, pane.unit).say;
  }
  x(value) { return this.box.left + ((value - this.from) / (this.to - this.from || 1)) * (this.box.right - this.box.left); }
  level(value) { return this.box.foot - ((value - this.low) / (this.high - this.low || 1)) * (this.box.foot - this.box.top); }
  y(value) { return this.level(this.log ? Math.log10(value) : value); }
  at(x) { return this.from + ((x - this.box.left) / (this.box.right - this.box.left)) * (this.to - this.from); }
  get across() { return ticks(this.from, this.to, (this.box.right - this.box.left) / 80); }
  get up() {
    return this.log ? ticks(this.low, this.high, 6).filter(Number.isInteger) : ticks(this.low, this.high, (this.box.foot - this.box.top) / 34);
  }
}

/** Pen that draws panes. */
export class PanePen {
  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {Colours} colours
   */
  constructor(pen, colours) { this.pen = pen; this.colours = colours; }

  /**
   * Draw a pane.
   * @param {Pane} pane
   * @param {Box} box
   * @param {{range?: number[], times: boolean, hover: number | null}} options range of the horizontal
   *   axis; whether its values are written; px of the mouse
   */
  draw(pane, box, { range, times, hover }) {
    const { pen, colours } = this, axes = new Axes(pane, box, range);
    pen.fillStyle = pen.strokeStyle = colours.ink;
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    this.drawLevels(axes);
    this.drawAcross(axes, pane.unit, times);
    this.drawTitle(pane.title, axes);
    this.drawCurves(pane.curves, axes);
    if (pane.said) {
      pen.fillStyle = colours.ink;
      pen.textAlign = "center";
      pen.fillText(pane.said, (box.left + box.right) / 2, (box.top + box.foot) / 2);
    }
    if (pane.curves.length > 1) this.drawLegend(pane.curves, box);
    if (hover !== null) this.drawValues(pane, axes, axes.at(hover));
  }
  rule(x0, y0, x1, y1) {
    this.pen.globalAlpha = 0.14;
    line(this.pen, x0, y0, x1, y1);
    this.pen.globalAlpha = 1;
  }
  drawLevels(axes) {
    const { left, right } = axes.box;
    this.pen.textAlign = "right";
    for (const tick of axes.up) {
      const at = axes.level(tick);
      this.rule(left, at, right, at);
      this.pen.fillText(axes.say(tick), left - 5, at);
    }
  }
  drawAcross(axes, unit, times) {
    const { pen } = this, { left, right, top, foot } = axes.box;
    pen.textAlign = "center";
    for (const tick of axes.across) {
      this.rule(axes.x(tick), top, axes.x(tick), foot);
      if (times) pen.fillText(axes.name(tick), axes.x(tick), foot + 10);
    }
    if (times) pen.fillText(unit === "Hz" ? "frequency (Hz)" : "time (s)", (left + right) / 2, foot + 23);
  }
  drawTitle(title, { power, box }) {
    const [, what, unit] = title.match(/^(.*?)(?: \((.*)\))?$/), shown = [raised(power), unit].filter(Boolean).join(" ");
    this.pen.textAlign = "left";
    this.pen.fillText(power ? `${what} (${shown})` : title, box.left, box.top - 10);
  }
  drawCurves(curves, axes) {
    const { pen } = this, { left, right, top, foot } = axes.box;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, foot - top);
    pen.clip();
    for (const curve of curves) {
      pen.strokeStyle = this.colours[colourOf(curve.name)];
      pen.lineWidth = curve.name === "response" ? 1.5 : 1;
      this.trace(curve, axes);
    }
    pen.restore();
  }
  trace({ start, across, up }, axes) {
    const { pen } = this;
    let joined = false;
    pen.beginPath();
    for (let k = 0; k < up.length; k++) {
      const value = up[k];
      if (Number.isNaN(value) || (axes.log && value <= 0)) { joined = false; continue; } // a gap stays a gap
      const x = axes.x(start + across[k]), y = axes.y(value);
      if (!joined) pen.moveTo(x - 0.5, y); // so that a single sample between gaps is seen
      pen.lineTo(x, y);
      joined = true;
    }
    pen.stroke();
  }
  drawLegend(curves, { right, top }) {
    const { pen, colours } = this, y = top - 10;
    let x = right;
    pen.textAlign = "right";
    for (const { name } of [...curves].reverse()) {
      const text = colourOf(name);
      pen.fillStyle = colours.ink;
      pen.fillText(text, x, y);
      x -= pen.measureText(text).width + 22;
      pen.fillStyle = colours[text];
      pen.fillRect(x + 4, y - 1, 14, 2);
      x -= 8;
    }
  }
  drawValues(pane, axes, at) { // under the mouse
    const words = valuesAt(pane, at), { pen, colours } = this, { left, right, top, foot } = axes.box, x = axes.x(at);
    if (!words.length) return;
    pen.fillStyle = colours.ink;
    pen.globalAlpha = 0.6;
    pen.fillRect(Math.round(x), top, 1, foot - top);
    pen.globalAlpha = 1;
    const text = `${axes.name(at, 1)} ${pane.unit}: ${words.join(" → ")}`, wide = pen.measureText(text).width + 10;
    const box = Math.max(left, Math.min(x + 6, right - wide));
    pen.fillRect(box, top + 2, wide, 18);
    pen.fillStyle = colours.ground;
    pen.textAlign = "left";
    pen.fillText(text, box + 5, top + 11);
  }
}
