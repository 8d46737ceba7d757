// The events as the picture knows them. Python holds the truth: what is done here is shown at once,
// sent, and taken back if Python refuses it.
const STRIPS = 3; // rows of bars above the signal; events may overlap

class Events {
  constructor(send, changed) {
    this.rows = new Map(); this.send = send; this.changed = changed; this.filter = "*";
    this.view = Math.random().toString(36).slice(2); this.number = 0; this.pending = new Map(); this.steps = [0, 0];
    this.others = {}; this.bursts = null; this.selected = null; this.asleep = 0;
    this.sort();
  }
  get event() { return this.rows.get(this.selected) ?? null; }
  passes(row) { return this.filter === "*" || row.au === this.filter; }
  get listed() { return this.filter === "*" ? this.own : this.own.filter((row) => this.passes(row)); }

  // ---- what is done here
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
    const bytes = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);
    const [onset, apex, offset] = buffers.slice(0, 3).map((part) => new Float64Array(bytes(part)));
    this.bursts = { onset, apex, offset, channel: new Int32Array(bytes(buffers[3])) };
  }

  // ---- order, so that what is in view is found at once among thousands
  sort() {
    if (this.selected && !this.rows.has(this.selected)) this.selected = null;
    this.sorted = [...this.rows.values()].filter((row) => row.state !== "refused").sort((a, b) => a.onset - b.onset || a.offset - b.offset);
    this.own = this.sorted.filter((row) => !row.state);
    this.proposals = this.sorted.filter((row) => row.state);
    this.latest = new Float64Array(this.sorted.length);
    const ends = [];
    let latest = -Infinity;
    this.sorted.forEach((row, i) => {
      latest = Math.max(latest, row.offset);
      this.latest[i] = latest;
      if (row.state) return;
      let strip = ends.findIndex((end) => end <= row.onset);
      if (strip < 0) strip = Math.min(ends.length, STRIPS - 1);
      ends[strip] = Math.max(ends[strip] ?? -Infinity, row.offset);
      row.strip = strip;
    });
    this.changed();
  }
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

function nameOf(row) {
  return `${row.au ? `${row.side}${row.au}${row.intensity}` : ""} ${row.label}`.trim() || "?";
}

// FACS code as coders write it, L12C: a side, a unit's number, an intensity. `b` alone is the intensity.
function facsCode(text) {
  const [, before, digits, after] = /^([lrbut])?(\d{1,2})?([a-e])?$/.exec(text) ?? [];
  if (digits) return { au: digits, ...(before && { side: before.toUpperCase() }), ...(after && { intensity: after.toUpperCase() }) };
  if (after && !before) return { intensity: after.toUpperCase() };
  if (before && !after) return before === "b" ? { intensity: "B" } : { side: before.toUpperCase() };
  if (before && after) return { side: before.toUpperCase(), intensity: after.toUpperCase() };
  return null;
}
