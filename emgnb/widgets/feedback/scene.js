// Draw the target and the value: over time for one unit, as bars for several.
import { line } from "../shared/canvas.js";
import { percent } from "./words.js";

const PAST = 6; // s shown before now
const NOW = 0.6; // share of the width
const LEFT = 44, TOP = 14, FOOT = 14; // px
const NAME = 70, ROW = 34; // px, of bars

/** @typedef {{seconds: number, value: number | null, low: number | null, high: number | null}} Point */
/** @typedef {{ink: string, band: string, edge: string, inside: string, outside: string}} Colours */
/** @typedef {import("./words.js").Moment} Moment */

/** The last seconds of the value and its range. */
export class History {
  constructor() {
    /** @type {Point[]} */
    this.points = [];
  }
  /**
   * @param {Moment} moment
   * @param {string} unit
   */
  take({ phase, seconds, values, target }, unit) {
    if (seconds === null) return;
    const [low, high] = phase === "go" ? target[unit] ?? [null, null] : [null, null];
    const { points } = this, last = points[points.length - 1];
    if (last && seconds < last.seconds) this.points = [];
    this.points.push({ seconds, value: phase === "gap" ? null : values[unit] ?? null, low, high });
    while (this.points[0].seconds < seconds - PAST) this.points.shift();
  }
}

/**
 * Return the height that a scene needs in px.
 * @param {number} units
 */
export const heightOf = (units) => (units === 1 ? 260 : Math.max(120, TOP + FOOT + units * ROW));

/**
 * Draw one unit over time, with now at a fixed place; without motion only now.
 * @param {CanvasRenderingContext2D} pen
 * @param {{width: number, height: number, still: boolean, colours: Colours}} view
 * @param {Moment | null} moment
 * @param {History} history
 * @param {string} unit
 * @param {string} note why there is no value, "" if there is
 */
export function drawTrace(pen, { width, height, still, colours }, moment, history, unit, note) {
  const now = LEFT + NOW * (width - LEFT), perSecond = (now - LEFT) / PAST;
  const y = (share) => height - FOOT - share * (height - TOP - FOOT);
  grid(pen, width, y, colours);
  if (!moment) return;
  const range = moment.phase === "go" || (moment.phase === "rest" && !moment.selection) ? moment.target[unit] : undefined;
  if (still) {
    if (range) band(pen, colours, [[LEFT, range], [width, range]], y);
  } else {
    const x = (seconds) => now + (seconds - (moment.seconds ?? 0)) * perSecond;
    for (const piece of pieces(history.points, (p) => p.low !== null)) band(pen, colours, piece.map((p) => [x(p.seconds), [p.low, p.high]]), y);
    if (moment.phase !== "gap") band(pen, colours, moment.ahead.map(([after, bands]) => [now + after * perSecond, bands[unit]]), y);
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 2;
    for (const piece of pieces(history.points, (p) => p.value !== null)) {
      pen.beginPath();
      piece.forEach((p, k) => (k ? pen.lineTo(x(p.seconds), y(p.value)) : pen.moveTo(x(p.seconds), y(p.value))));
      pen.stroke();
    }
  }
  const value = moment.values[unit];
  if (!note && value !== undefined) dot(pen, colours, still ? (LEFT + width) / 2 : now, y(value), moment);
}

/**
 * Draw several units as bars.
 * @param {CanvasRenderingContext2D} pen
 * @param {{width: number, height: number, colours: Colours}} view
 * @param {Moment | null} moment
 * @param {string[]} units
 * @param {string} note
 */
export function drawBars(pen, { width, colours }, moment, units, note) {
  const x = (share) => NAME + share * (width - NAME - 12), asked = moment?.phase === "go" || moment?.phase === "rest";
  units.forEach((unit, k) => {
    const top = TOP + k * ROW, range = asked ? moment?.target[unit] : undefined, value = note ? undefined : moment?.values[unit];
    pen.fillStyle = colours.ink;
    pen.font = "14px sans-serif";
    pen.textBaseline = "middle";
    pen.fillText(unit, 8, top + ROW / 2 - 3);
    pen.strokeStyle = colours.edge;
    pen.lineWidth = 1;
    pen.strokeRect(x(0), top, x(1) - x(0), ROW - 8);
    if (range) {
      pen.fillStyle = colours.band;
      pen.fillRect(x(range[0]), top, x(range[1]) - x(range[0]), ROW - 8);
    }
    if (value === undefined) return;
    const inside = range && value >= range[0] && value <= range[1];
    pen.fillStyle = moment?.phase !== "go" ? colours.ink : inside ? colours.inside : colours.outside;
    pen.fillRect(x(0), top + 8, x(value) - x(0), ROW - 24);
    pen.fillRect(x(value) - 1.5, top, 3, ROW - 8);
  });
}

function grid(pen, width, y, { ink, edge }) {
  pen.font = "12px sans-serif";
  pen.textBaseline = "middle";
  pen.lineWidth = 1;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    pen.strokeStyle = edge;
    line(pen, LEFT, y(share), width, y(share));
    pen.fillStyle = ink;
    pen.textAlign = "right";
    pen.fillText(percent(share), LEFT - 6, y(share));
  }
  pen.textAlign = "left";
}

/** Fill a range along [x, [low, high]] places. */
function band(pen, colours, places, y) {
  if (places.length < 2) return;
  pen.beginPath();
  for (const [x, [low]] of places) pen.lineTo(x, y(low));
  for (const [x, range] of [...places].reverse()) pen.lineTo(x, y(range[1]));
  pen.closePath();
  pen.fillStyle = colours.band;
  pen.fill();
}

/** The value now: filled inside the range, a ring outside; an arc shows the time held. */
function dot(pen, colours, x, y, { phase, inside, held, dwell, selection }) {
  const going = phase === "go";
  pen.beginPath();
  pen.arc(x, y, 8, 0, 2 * Math.PI);
  pen.fillStyle = pen.strokeStyle = !going ? colours.ink : inside ? colours.inside : colours.outside;
  pen.lineWidth = 3;
  if (inside || !going) pen.fill();
  pen.stroke();
  if (selection !== "dwell" || !held) return;
  pen.beginPath();
  pen.arc(x, y, 14, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, held / dwell));
  pen.stroke();
}

/** Uninterrupted pieces of points for which something is so. */
function pieces(points, so) {
  /** @type {Point[][]} */
  const found = [];
  points.forEach((point, k) => {
    if (!so(point)) return;
    if (!k || !so(points[k - 1])) found.push([]);
    found[found.length - 1].push(point);
  });
  return found;
}
