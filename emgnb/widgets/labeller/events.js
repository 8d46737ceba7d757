// Events in the browser, and FACS codes.
import { FACS } from "./notation.js";
import { bytesOf } from "../shared/dom.js";
import { firstFrom, within } from "../shared/numbers.js";

export const STRIPS = 3; // least rows of bars for the own events; more appear where events overlap
const OWN_MOST = 8, OTHER_MOST = 4; // beyond these, bars lie over one another

/**
 * Arrange events in rows, so that none lies over another: each goes to the first row that is free.
 * Their `strip` is set to the row, from 0.
 * @param {any[]} rows in order of onset
 * @param {number} most rows
 * @returns {number} rows used
 */
export function stacked(rows, most) {
  const ends = [];
  for (const row of rows) {
    let strip = ends.findIndex((end) => end <= row.onset);
    if (strip < 0) strip = ends.length < most ? ends.length : ends.indexOf(Math.min(...ends));
    ends[strip] = Math.max(ends[strip] ?? -Infinity, row.offset);
    row.strip = strip;
  }
  return ends.length;
}

// Changes are shown at once and sent to Python, which holds the authoritative copy; a rejected change is
// reverted.
export class Events {
  /**
   * @param {(content: object) => void} send
   * @param {() => void} changed
   */
  constructor(send, changed) {
    this.rows = new Map(); this.send = send; this.changed = changed; this.filter = "*";
    this.view = Math.random().toString(36).slice(2); this.number = 0; this.pending = new Map(); this.steps = [0, 0];
    this.others = {}; this.places = []; this.strips = STRIPS; this.bursts = null; this.selected = null;
    this.moments = {}; this.byMoment = true; this.only = { channel: "", snr: null }; // which proposals are offered
    this.sort();
  }
  get event() { return this.rows.get(this.selected) ?? null; }
  passes(row) { return this.filter === "*" || row.au === this.filter; }
  get listed() { return this.filter === "*" ? this.own : this.own.filter((row) => this.passes(row)); }

  // ---- what is done here
  /**
   * @param {[string, any][]} changes key and new row of each event; null removes it
   * @param {{merge?: boolean, select?: string | null}} options
   */
  put(changes, { merge = false, select } = {}) {
    this.number += 1;
    for (const [key, row] of changes) { this.lay(key, row); this.pending.set(key, this.number); }
    if (select !== undefined) this.selected = select;
    this.send({ kind: "edit", rows: changes.map(([key, row]) => [key, row && plain(row)]), merge, view: this.view, number: this.number });
    this.sort();
  }
  fresh(row) {
    const key = `${this.view}${(this.number + 1).toString(36)}`;
    this.put([[key, { apex: null, au: "", side: "", intensity: "", label: "", channel: "", state: "", ...row }]], { select: key });
    return key;
  }
  edit(key, change, merge = false) {
    const row = this.rows.get(key);
    if (row && Object.keys(change).some((name) => row[name] !== change[name])) this.put([[key, { ...row, ...change }]], { merge });
  }
  remove(key) { this.put([[key, null]], { select: null }); }
  lay(key, row) { if (row) this.rows.set(key, { ...row, key }); else this.rows.delete(key); }

  // ---- proposals: those that pass the filter are offered, a whole moment or each by itself
  offers(row) {
    const { channel, snr } = this.only;
    return (!channel || row.channel === channel) && (snr === null || !(row.snr < snr));
  }
  together(key) { // what is decided on with a proposal
    const row = this.rows.get(key), moment = this.moments[key];
    if (row?.state !== "proposed") return [];
    if (!this.byMoment || moment === undefined || !this.offers(row)) return [row];
    return this.offered.filter((each) => this.moments[each.key] === moment);
  }
  get leaders() { // the first proposal of each moment, or every one
    if (!this.byMoment) return this.offered;
    const seen = new Set();
    return this.offered.filter(({ key }) => { const moment = this.moments[key] ?? key; return !seen.has(moment) && seen.add(moment); });
  }
  decide(rows, state, select) { this.put(rows.map((row) => [row.key, { ...row, state }]), { select }); }
  filterProposals(only) { Object.assign(this.only, only); this.sort(); }

  // ---- what Python says
  state({ rows, steps }) {
    this.rows = new Map(rows.map(([key, row]) => [key, { ...row, key }]));
    this.pending.clear(); this.steps = steps;
    this.sort();
  }
  patch({ rows, steps }) {
    for (const [key, row] of rows) if (!this.pending.has(key)) this.lay(key, row);
    this.steps = steps;
    this.sort();
  }
  done({ view, number }) {
    if (view !== this.view) return;
    for (const [key, n] of this.pending) if (n <= number) this.pending.delete(key);
    this.changed();
  }
  burstsCame(buffers) {
    const [onset, apex, offset] = buffers.slice(0, 3).map((part) => new Float64Array(bytesOf(part)));
    this.bursts = { onset, apex, offset, channel: new Int32Array(bytesOf(buffers[3])) };
  }

  // ---- order, so that what is in view is found at once among thousands
  sort() {
    if (this.selected && !this.rows.has(this.selected)) this.selected = null;
    this.sorted = [...this.rows.values()].filter((row) => row.state !== "refused").sort((a, b) => a.onset - b.onset || a.offset - b.offset);
    this.own = this.sorted.filter((row) => !row.state);
    this.proposals = this.sorted.filter((row) => row.state);
    this.offered = this.proposals.filter((row) => this.offers(row));
    if (this.event?.state && !this.offers(this.event)) this.selected = null;
    this.latest = new Float64Array(this.sorted.length);
    let latest = -Infinity;
    this.sorted.forEach((row, i) => {
      latest = Math.max(latest, row.offset);
      this.latest[i] = latest;
    });
    this.strips = Math.max(STRIPS, stacked(this.own, OWN_MOST));
    this.changed();
  }
  /** @param {Record<string, any[]>} tables events of other coders, by name */
  compare(tables) {
    this.others = tables;
    this.places = Object.values(tables).map((table) => Math.max(1, stacked(table.sort((a, b) => a.onset - b.onset || a.offset - b.offset), OTHER_MOST)));
  }
  /**
   * Return the first row of bars of another coder, below those of the coders before.
   * @param {number} coder number of the coder; one more than the last gives the number of all rows
   */
  firstStrip(coder) { return this.places.slice(0, coder).reduce((sum, n) => sum + n, this.strips); }
  seen(from, to) {
    return this.sorted.slice(firstFrom(this.latest, from), firstFrom(this.sorted, to, (row) => row.onset));
  }
  next(step, list) { // from the selected one, else from a time
    if (!list.length) return null;
    const at = list.findIndex((row) => row.key === this.selected);
    return list[at < 0 ? (step > 0 ? 0 : list.length - 1) : (at + step + list.length) % list.length].key;
  }

  // ---- edges
  bounded(row, edge, t, [start, end], shortest) { // edges stop at one another and never swap
    const { onset, apex, offset } = row;
    if (edge === "onset") return within(t, start, Math.min(apex ?? Infinity, offset - shortest));
    if (edge === "offset") return Math.min(end, Math.max(t, apex ?? -Infinity, onset + shortest));
    return within(t, onset, offset);
  }
  snapped(edge, t, reach, channel) { // the nearest such edge of a burst within reach
    if (!this.bursts) return t;
    let best = t, near = reach;
    this.bursts[edge].forEach((at, i) => {
      if (channel >= 0 && this.bursts.channel[i] !== channel) return;
      if (Math.abs(at - t) <= near) { near = Math.abs(at - t); best = at; }
    });
    return best;
  }
}

function plain({ key, strip, ...row }) { return row; }

/**
 * Write an event as side, action unit and intensity, such as L12C; without a side it is bilateral.
 * @param {Record<string, any>} row
 */
export const facsText = (row) => FACS.written.replace(/\{(\w+)\}/g, (_, part) => row[part] ?? "");

/**
 * Return the name of an event: its FACS code and its label.
 * @param {any} row
 */
export const nameOf = (row) => `${row.au ? facsText(row) : ""} ${row.label}`.trim() || "?";

const [SIDE_KEYS, INTENSITY_KEYS] = [FACS.sides, FACS.intensities].map((letters) => `[${letters.join("").toLowerCase()}]`);
export const CODE_KEY = new RegExp(`^(?:\\d|${SIDE_KEYS}|${INTENSITY_KEYS})$`);
const CODE = new RegExp(`^(${SIDE_KEYS})?(\\d{1,2})?(${INTENSITY_KEYS})?$`);

/**
 * Parse a typed FACS code. A number without a side is bilateral; `b` alone is the intensity.
 * @param {string} text
 * @returns {{au?: string, side?: string, intensity?: string} | null}
 */
export function facsCode(text) {
  const [, before, au, after] = CODE.exec(text) ?? [];
  const side = before?.toUpperCase(), intensity = after?.toUpperCase();
  if (au) return { au, side: side ?? "", ...(after && { intensity }) };
  if (before && after) return { side, intensity };
  if (before && FACS.intensities.includes(side)) return { intensity: side };
  return before ? { side } : after ? { intensity } : null;
}

/**
 * Return whether a code names one lip, but a unit that is not of the lips.
 * @param {{au?: string, side?: string}} code
 */
export const oneLip = ({ au, side }) => FACS.lipSides.includes(side) && !FACS.lipUnits.includes(au);
