// Cache of signal tiles.
import { bytesOf } from "../shared/dom.js";
import { firstFrom, within } from "../shared/numbers.js";

const ROOM = 96e6; // bytes of tiles kept
const AT_ONCE = 12; // tiles in one question

// Tiles are requested from Python when they come into view. Until a tile arrives, a coarser one is drawn
// in its place.
export class Tiles {
  /**
   * @param {any} model of the widget
   * @param {(content: object) => void} send
   * @param {(layer: string, whole: boolean) => void} fresh called when tiles have come
   */
  constructor(model, send, fresh) {
    const get = (name) => model.get(name);
    this.size = get("size"); this.rate = get("rate");
    const [start, end] = get("extent");
    this.start = start; this.end = end; this.levels = get("levels"); this.bins = get("bins"); this.factor = get("factor");
    this.channels = get("channels").length;
    const edges = get("edges"); // times of every tile's first sample, when there is no one rate
    this.edges = edges?.byteLength ? new Float64Array(bytesOf(edges)) : null;
    this.send = send; this.fresh = fresh;
    this.kept = new Map(); this.bytes = 0; this.asked = new Set(); this.need = []; this.failed = new Set();
  }
  span(level) { return this.factor ** level; }
  count(level) { return Math.ceil(this.size / this.span(level)); }
  get top() { return this.levels - 1; }

  sampleAt(t) {
    if (!this.edges) return (t - this.start) * this.rate;
    const i = within(firstFrom(this.edges, t) - 1, 0, this.edges.length - 2), [a, b] = [this.edges[i], this.edges[i + 1]];
    return this.bins * i + (b > a ? ((t - a) / (b - a)) : 0) * this.bins;
  }

  levelFor(samples, pixels) { // bins no wider than a pixel
    const each = samples / Math.max(1, pixels);
    return within(Math.floor(Math.log(Math.max(1, each)) / Math.log(this.factor)), 0, this.top);
  }
  get(layer, level, index) {
    const key = `${layer}/${level}/${index}`, tile = this.kept.get(key);
    if (tile) { this.kept.delete(key); this.kept.set(key, tile); } // the youngest
    return tile;
  }

  // ---- asking
  want(layers, from, to, pixels) {
    const [a, b] = [this.sampleAt(from), this.sampleAt(to)], margin = (b - a) / 2;
    const level = this.levelFor(b - a, pixels), wide = this.span(level) * this.bins;
    const index = (sample) => within(Math.floor(sample / wide), 0, Math.ceil(this.count(level) / this.bins) - 1);
    this.need = [];
    for (const layer of layers) {
      const add = (l, i) => this.need.push([layer, l, i]);
      for (let i = 0; i * this.bins < this.count(this.top); i++) add(this.top, i);
      for (let i = index(a); i <= index(b); i++) add(level, i);
      for (let i = index(a - margin); i < index(a); i++) add(level, i);
      for (let i = index(b) + 1; i <= index(b + margin); i++) add(level, i);
    }
    this.ask();
  }
  ask() { // one question under way in each layer; what is wanted by then is asked when it is answered
    const questions = new Map();
    for (const [layer, level, index] of this.need) {
      const key = `${layer}/${level}/${index}`, tile = this.kept.get(key);
      if (this.asked.has(layer) || this.failed.has(layer) || (tile && !tile.stale)) continue;
      const list = questions.get(layer) ?? questions.set(layer, []).get(layer);
      if (list.length < AT_ONCE && !list.some(([l, i]) => l === level && i === index)) list.push([level, index]);
    }
    for (const [layer, tiles] of questions) {
      this.asked.add(layer);
      this.send({ kind: "want", layer, tiles });
    }
  }
  answered({ layer, tiles }, buffers) {
    let at = 0;
    for (const { level, index, partial } of tiles) {
      const scale = new Float32Array(bytesOf(buffers[at++])), counts = new Int16Array(bytesOf(buffers[at++]));
      const times = this.edges ? new Float64Array(bytesOf(buffers[at++])) : null;
      const wide = level === 0 ? 1 : 2, bins = counts.length / this.channels / wide;
      const key = `${layer}/${level}/${index}`, size = this.span(level);
      const tile = { level, index, scale, counts, times, wide, bins, size, partial, stale: false, first: index * this.bins };
      this.bytes += counts.byteLength - (this.kept.get(key)?.counts.byteLength ?? 0);
      this.kept.delete(key);
      this.kept.set(key, tile);
    }
    this.asked.delete(layer);
    for (const [key, tile] of this.kept) {
      if (this.bytes < ROOM) break;
      if (tile.level === this.top) continue;
      this.kept.delete(key);
      this.bytes -= tile.counts.byteLength;
    }
    this.fresh(layer, tiles.some(({ level }) => level === this.top));
    this.ask();
  }
  built({ layer }) { // more of the coarse levels is known now
    for (const [key, tile] of this.kept) if (tile.partial && key.startsWith(`${layer}/`)) tile.stale = true;
    this.ask();
  }
  refused({ layer }) { this.failed.add(layer); this.asked.delete(layer); this.fresh(layer, true); }

  // ---- what is there of a stretch, in order: [tile, first bin, last bin + 1]
  pieces(layer, from, to, level) {
    const found = [];
    const cover = (first, last, l) => { // samples
      if (last <= first) return;
      if (l > this.top) return;
      const size = this.span(l), wide = size * this.bins, count = this.count(l);
      for (let i = Math.floor(first / wide); i * wide < last; i++) {
        const tile = this.get(layer, l, i), a = Math.max(first, i * wide), b = Math.min(last, (i + 1) * wide);
        if (!tile) cover(a, b, l + 1);
        else found.push([tile, Math.max(0, Math.floor(a / size) - tile.first), Math.min(tile.bins, Math.ceil(b / size) - tile.first, count)]);
      }
    };
    cover(Math.max(0, Math.floor(from)), Math.min(this.size, Math.ceil(to)), level);
    return found;
  }
  complete(layer, from, to, pixels) {
    const [a, b] = [this.sampleAt(from), this.sampleAt(to)], level = this.levelFor(b - a, pixels);
    let upTo = Math.max(0, Math.floor(a));
    for (const [tile, low, high] of this.pieces(layer, a, b, level)) {
      if (tile.level > level || tile.partial || (tile.first + low) * tile.size > upTo) return false;
      upTo = (tile.first + high) * tile.size;
    }
    return upTo >= Math.min(this.size, Math.ceil(b)) - 1;
  }
}
