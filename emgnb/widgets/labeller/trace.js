// Draw the signal.

const SPARSE = 0.5; // samples a pixel below which single samples are joined by lines
const MISSING = -32768;

// With more samples than pixels, each pixel column is filled from its minimum to its maximum, at the same
// cost for any zoom. With fewer samples, lines connect the samples.
export class Trace {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./tiles.js").Tiles} tiles
   */
  constructor(canvas, tiles) {
    this.canvas = canvas; this.tiles = tiles; this.pen = canvas.getContext("2d");
    this.image = null; this.low = this.high = new Float32Array(0);
    this.ranges = new Map(); this.guessed = new Set();
  }
  // [middle, half] of what a channel does, without the few bins that stand far above the rest; known
  // for good once the whole recording is, until then from what is there
  range(layer, channel, near = []) {
    const key = `${layer}/${channel}`;
    if (this.ranges.has(key)) return this.ranges.get(key);
    const { tiles } = this, pieces = tiles.pieces(layer, 0, tiles.size, tiles.top);
    const found = this.extent(pieces, channel) ?? this.extent(near, channel);
    if (!found || !pieces.length || pieces.some(([tile]) => tile.partial)) this.guessed.add(key);
    if (found) this.ranges.set(key, found);
    return found ?? [0, 1];
  }
  fresh() { // more is known
    for (const key of this.guessed) this.ranges.delete(key);
    this.guessed.clear();
  }
  fit(layers, from, to, pixels) { // make the lanes fit what is in view
    const { tiles } = this, [a, b] = [tiles.sampleAt(from), tiles.sampleAt(to)];
    for (const layer of layers) for (let c = 0; c < tiles.channels; c++) {
      const found = this.extent(tiles.pieces(layer, a, b, tiles.levelFor(b - a, pixels)), c);
      if (found) this.ranges.set(`${layer}/${c}`, found);
    }
  }
  unfit() { this.ranges.clear(); }
  extent(pieces, channel) {
    const lows = [], highs = [];
    for (const [tile, first, last] of pieces) {
      const offset = tile.scale[2 * channel], step = tile.scale[2 * channel + 1], row = channel * tile.bins * tile.wide;
      for (let i = row + first * tile.wide; i < row + last * tile.wide; i += tile.wide) {
        if (tile.counts[i] === MISSING) continue;
        lows.push(offset + tile.counts[i] * step);
        highs.push(offset + tile.counts[i + tile.wide - 1] * step);
      }
    }
    return lows.length ? reach(lows, highs) : null;
  }
  // view: from, to (s); box: left, top, lane, dots (pixels of the screen in one of CSS)
  draw(layers, { from, to, left, top, lane, dots, gain, colours, width, height }) {
    const { tiles, pen, canvas } = this;
    const W = Math.max(1, Math.round(width * dots)), H = Math.max(1, Math.round(height * dots));
    if (canvas.width !== W || canvas.height !== H || !this.image) {
      canvas.width = W; canvas.height = H;
      this.image = pen.createImageData(W, H);
      this.words = new Uint32Array(this.image.data.buffer);
      this.low = new Float32Array(W); this.high = new Float32Array(W);
    }
    const a = tiles.sampleAt(from), b = tiles.sampleAt(to), x0 = Math.round(left * dots), wide = W - x0;
    const k = wide / Math.max(1e-9, b - a), level = tiles.levelFor(b - a, wide);
    const lines = tiles.edges || 1 / k < SPARSE;
    this.words.fill(0);
    const jobs = [];
    for (const [order, layer] of layers.entries()) {
      const pieces = tiles.pieces(layer, a, b, level);
      for (let c = 0; c < tiles.channels; c++) {
        const [middle, half] = this.range(layer, c, pieces);
        const bottom = (top + lane * (c + 1)) * dots, roof = (top + lane * c) * dots;
        const one = layer === "envelope" ? 0.9 : 0.45; // an envelope stands on the floor of its lane
        const scale = (lane * dots * one * gain) / half / (layer === "envelope" ? 2 : 1);
        const zero = layer === "envelope" ? bottom - 2 + (middle - half) * scale : (roof + bottom) / 2 + middle * scale;
        const job = { pieces, c, zero, scale, roof, bottom, colour: colours[layer], order };
        if (lines) jobs.push(job); else this.columns(job, a, k, x0, W);
      }
    }
    pen.putImageData(this.image, 0, 0);
    if (!lines) return;
    pen.save();
    pen.lineWidth = Math.max(1, dots);
    for (const job of jobs) this.line(job, from, to, a, k, x0, W);
    pen.restore();
  }
  columns(job, a, k, x0, W) {
    this.extremes(job, a, k, x0, W);
    this.fill(job, x0, W);
  }
  extremes({ pieces, c, zero, scale }, a, k, x0, W) { // of each pixel column, in px
    const { low, high } = this;
    low.fill(Infinity); high.fill(-Infinity);
    for (const [tile, first, last] of pieces) {
      const { counts, bins, wide, size } = tile, row = c * bins * wide;
      const offset = tile.scale[2 * c], step = tile.scale[2 * c + 1];
      const slope = step * scale, base = zero - offset * scale; // y = base − slope · count
      for (let i = first; i < last; i++) {
        const least = counts[row + i * wide];
        if (least === MISSING) continue;
        const y1 = base - slope * least, y0 = base - slope * counts[row + i * wide + wide - 1];
        const s = (tile.first + i) * size;
        const p = x0 + Math.floor((s - a) * k), q = Math.max(p, x0 + Math.ceil((s + size - a) * k) - 1);
        for (let x = Math.max(x0, p); x <= q && x < W; x++) {
          if (y0 < low[x]) low[x] = y0;
          if (y1 > high[x]) high[x] = y1;
        }
      }
    }
  }
  fill({ roof, bottom, colour }, x0, W) {
    const { low, high } = this, [r, g, b] = colour, rgb = (b << 16) | (g << 8) | r;
    let before0 = Infinity, before1 = -Infinity;
    for (let x = x0; x < W; x++) {
      let y0 = low[x], y1 = high[x];
      const own0 = y0, own1 = y1;
      if (y0 > y1) { before0 = Infinity; before1 = -Infinity; continue; }
      if (before0 <= before1) { // joined to the column before
        if (y0 > before1) y0 = before1;
        if (y1 < before0) y1 = before0;
      }
      before0 = own0; before1 = own1;
      if (y1 - y0 < 1) { const m = (y0 + y1) / 2; y0 = m - 0.5; y1 = m + 0.5; }
      if (y1 > roof && y0 < bottom) this.column(x, W, Math.max(y0, roof), Math.min(y1, bottom), bottom, rgb);
      else this.words[(y1 <= roof ? Math.ceil(roof) : Math.floor(bottom) - 1) * W + x] = shade(rgb, 1); // beyond its lane: a mark at the edge
    }
  }
  column(x, W, y0, y1, bottom, rgb) { // its ends shaded by the part of a pixel that they cover
    const { words } = this, full = shade(rgb, 1), first = Math.floor(y0), last = Math.min(Math.floor(y1), Math.floor(bottom) - 1);
    if (first === last) { words[first * W + x] = shade(rgb, y1 - y0); return; }
    words[first * W + x] = shade(rgb, first + 1 - y0);
    for (let y = first + 1, i = y * W + x; y < last; y++, i += W) words[i] = full;
    words[last * W + x] = shade(rgb, Math.min(1, y1 - last));
  }
  line({ pieces, c, zero, scale, roof, bottom, colour }, from, to, a, k, x0, W) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(x0, roof, W - x0, bottom - roof);
    pen.clip();
    pen.strokeStyle = pen.fillStyle = `rgb(${colour.join(" ")})`;
    pen.beginPath();
    let joined = false;
    const across = (W - x0) / (to - from), dots = [];
    for (const [tile, first, last] of pieces) {
      const row = c * tile.bins * tile.wide, offset = tile.scale[2 * c], step = tile.scale[2 * c + 1];
      for (let i = Math.max(0, first - 1); i < Math.min(tile.bins, last + 1); i++) {
        const count = tile.counts[row + i * tile.wide];
        if (count === MISSING) { joined = false; continue; }
        const s = (tile.first + i + 0.5) * tile.size - 0.5;
        const x = tile.times ? x0 + (tile.times[i] - from) * across : x0 + (s - a) * k;
        for (let w = 0; w < tile.wide; w++) {
          const y = zero - (offset + tile.counts[row + i * tile.wide + w] * step) * scale;
          pen[joined ? "lineTo" : "moveTo"](x, y);
          joined = true;
          if (k > 6) dots.push(x, y);
        }
      }
    }
    pen.stroke();
    for (let i = 0; i < dots.length; i += 2) pen.fillRect(dots[i] - 1.5, dots[i + 1] - 1.5, 3, 3);
    pen.restore();
  }
  // how much happens in each column of the map: the greatest share of a lane's range, 0 to 1
  activity(layer, width) {
    const { tiles } = this, out = new Float32Array(width).fill(-1);
    const across = width / tiles.size;
    for (let c = 0; c < tiles.channels; c++) {
      const [, half] = this.range(layer, c);
      for (const [tile, first, last] of tiles.pieces(layer, 0, tiles.size, tiles.top)) {
        const row = c * tile.bins * tile.wide, step = tile.scale[2 * c + 1];
        for (let i = first; i < last; i++) {
          const least = tile.counts[row + i * tile.wide];
          if (least === MISSING) continue;
          const share = Math.min(1, ((tile.counts[row + i * tile.wide + tile.wide - 1] - least) * step) / (2 * half));
          const p = Math.floor((tile.first + i) * tile.size * across), q = Math.ceil((tile.first + i + 1) * tile.size * across);
          for (let x = p; x < q && x < width; x++) if (share > out[x]) out[x] = share;
        }
      }
    }
    return out;
  }
}

const shade = (rgb, part) => ((Math.round(255 * part) << 24) | rgb) >>> 0;

/**
 * Return middle and half of a range; a few bins far above the rest may leave it.
 * @param {ArrayLike<number>} lows
 * @param {ArrayLike<number>} highs
 */
export function reach(lows, highs) {
  const sorted = (list) => Float64Array.from(list).sort(), at = (list, part) => list[Math.round(part * (list.length - 1))];
  const low = sorted(lows), high = sorted(highs), middle = (at(low, 0.5) + at(high, 0.5)) / 2;
  const far = (most, usual) => (most > 3 * usual ? 1.5 * usual : most);
  const up = far(at(high, 1) - middle, at(high, 0.998) - middle), down = far(middle - at(low, 0), middle - at(low, 0.002));
  const half = Math.max((up + down) / 2, Math.abs(middle) * 1e-6, 1e-12);
  return [middle + (up - down) / 2, half];
}
