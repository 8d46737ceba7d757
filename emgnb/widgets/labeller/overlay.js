// Draw what lies above the signal: markers, events and their handles, proposals, other coders, cursor.
import { eightBit, isDark, isDrag, line, pixelRatio, sized } from "../shared/canvas.js";
import { firstFrom, roundStep, within } from "../shared/numbers.js";
import { clock, duration, seconds } from "./describe.js";
import { nameOf } from "./events.js";
import { BOTTOM, MARKS, STRIP } from "./stage.js";

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#3A9BD9", "#8C6BB1", "#7F7F7F"]; // of action units
const PROPOSED = "#D55E00";
/** @typedef {import("./app.js").App} App */

export class Overlay {
  /**
   * @param {App} app
   * @param {import("./stage.js").Stage} stage
   */
  constructor(app, stage) {
    this.app = app; this.stage = stage; this.pen = stage.canvas.getContext("2d");
    this.mapPen = stage.map.getContext("2d"); this.mapKept = null; this.mapImage = new OffscreenCanvas(1, 1);
    this.widths = new Map(); this.theme();
  }
  theme() { // of the page, light or dark
    const style = getComputedStyle(this.stage.node);
    this.ink = style.color;
    this.dark = isDark(eightBit(this.ink));
    this.colours = this.dark
      ? { raw: [138, 160, 176], filtered: [86, 180, 233], envelope: [230, 159, 0] }
      : { raw: [96, 112, 124], filtered: [0, 95, 150], envelope: [200, 85, 0] };
    this.mapKept = null;
  }
  colour(row) {
    const at = this.app.units.indexOf(row.au);
    return row.state ? PROPOSED : COLOURS[Math.max(0, at) % COLOURS.length];
  }

  draw() {
    const { stage, pen, app } = this, { width, height, left, top, laneHeight: lane } = stage, foot = height - BOTTOM - MARKS;
    sized(stage.canvas, pen, width, height);
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width - left, height);
    pen.clip();
    this.grid(width, height, left);
    this.markers(foot, top);
    this.rows(app.events.seen(stage.from, stage.to).filter((row) => !row.state), foot, top);
    this.proposals(foot, top, lane);
    stage.coders.forEach((coder, i) => this.lane(app.events.others[coder], app.events.firstStrip(i)));
    this.difference(foot);
    this.selected(foot, top);
    this.drawing(foot, top, lane);
    this.cursor(foot, width);
    pen.restore();
    this.names(left, top, lane);
    this.drawMap();
    const data = stage.canvas.dataset;
    data.view = `${stage.from.toFixed(4)} ${stage.to.toFixed(4)}`;
    data.left = left; data.top = top; data.lane = lane; data.cursor = stage.cursor.toFixed(4);
  }
  grid(width, height, left) {
    const { pen, stage } = this;
    const step = timeStep(stage.spread / Math.max(2, (width - left) / 110)), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    pen.textAlign = "center";
    for (let t = Math.ceil(stage.from / step) * step; t <= stage.to; t += step) {
      const x = stage.place(t);
      pen.globalAlpha = 0.12;
      pen.fillStyle = this.ink;
      pen.fillRect(Math.round(x), stage.top, 1, height - stage.top - BOTTOM - MARKS);
      pen.globalAlpha = 0.75;
      pen.fillText(clock(t, digits), Math.max(x, left + 16), height - BOTTOM / 2);
    }
    pen.globalAlpha = 1;
  }
  markers(foot, top) {
    const { pen, stage, app } = this, list = app.markers;
    pen.fillStyle = pen.strokeStyle = this.ink;
    pen.textAlign = "left";
    pen.globalAlpha = 0.6;
    pen.setLineDash([3, 4]);
    let free = -Infinity, last = -Infinity;
    for (let i = firstFrom(list, stage.from, (m) => m[0]); i < list.length && list[i][0] <= stage.to; i++) {
      const x = stage.place(list[i][0]);
      if (x - last < 1) continue;
      last = x;
      line(pen, x, top, x, foot);
      if (x < free) continue; // no text over text
      pen.fillText(list[i][1], x + 3, foot + MARKS / 2);
      free = x + pen.measureText(list[i][1]).width + 8;
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }
  // Thousands may be in sight: whole pixels only, nothing drawn that could not be seen, and in a crowd
  // no shade over another.
  rows(seen, foot, top) {
    const { pen, stage, app } = this, free = new Array(app.events.strips).fill(-Infinity), done = [...free], crowd = seen.length > 60;
    let shaded = -Infinity;
    pen.textAlign = "left";
    for (let row of seen) {
      if (stage.drag?.kind === "edge" && stage.drag.row.key === row.key) row = { ...stage.drag.row, strip: row.strip };
      const a = Math.round(stage.place(row.onset)), b = Math.max(a + 1, Math.round(stage.place(row.offset)));
      const chosen = row.key === app.events.selected, faint = app.events.passes(row) ? 1 : 0.25, lane = app.channels.indexOf(row.channel);
      if (b <= done[row.strip] && !chosen) continue;
      const bar = chosen ? a : Math.max(a, done[row.strip]);
      done[row.strip] = Math.max(b, done[row.strip]);
      pen.fillStyle = this.colour(row);
      const from = crowd && !chosen && lane < 0 ? Math.max(a, shaded) : a;
      if (b > from && (b - a > 2 || chosen || !crowd)) {
        pen.globalAlpha = (chosen ? 0.24 : 0.13) * faint;
        if (lane < 0) pen.fillRect(from, top, b - from, foot - top);
        else pen.fillRect(from, Math.round(top + lane * stage.laneHeight), b - from, Math.round(stage.laneHeight));
        if (lane < 0) shaded = Math.max(shaded, b);
      }
      pen.globalAlpha = faint;
      pen.fillRect(bar, row.strip * STRIP + 2, b - bar, 3);
      if (row.apex !== null && b - a > 12) {
        pen.globalAlpha = 0.6 * faint;
        pen.fillRect(Math.round(stage.place(row.apex)), row.strip * STRIP, 2, 8);
        pen.globalAlpha = faint;
      }
      const x = Math.max(a, stage.left);
      if (x < free[row.strip] || (crowd && b - a < 8 && !chosen)) continue;
      const text = nameOf(row);
      pen.fillStyle = this.ink;
      pen.fillText(text, x, row.strip * STRIP + 11);
      free[row.strip] = x + this.wide(text) + 6;
    }
    pen.globalAlpha = 1;
  }
  wide(text) {
    const known = this.widths;
    return known.get(text) ?? known.set(text, this.pen.measureText(text).width).get(text);
  }
  proposals(foot, top, lane) {
    const { pen, stage, app } = this;
    pen.lineWidth = 1.5;
    const last = {}, together = new Set(app.events.together(app.events.selected).map(({ key }) => key));
    for (const row of app.events.seen(stage.from, stage.to)) {
      if (row.state !== "proposed" || !app.events.offers(row)) continue;
      const a = Math.round(stage.place(row.onset)), b = Math.max(a + 1, Math.round(stage.place(row.offset)));
      const chosen = together.has(row.key), at = app.channels.indexOf(row.channel);
      if (b <= (last[at] ?? -Infinity) && !chosen) continue;
      last[at] = b;
      pen.strokeStyle = pen.fillStyle = PROPOSED;
      pen.setLineDash(chosen ? [] : [5, 3]);
      const y = Math.round(at < 0 ? top : top + at * lane), h = Math.round(at < 0 ? foot - top : lane);
      pen.globalAlpha = chosen ? 0.25 : 0.1;
      pen.fillRect(a, y, b - a, h);
      pen.globalAlpha = chosen ? 1 : 0.75;
      if (b - a > 3) pen.strokeRect(a, y + 1.5, b - a, h - 3);
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.lineWidth = 1;
  }
  lane(table, first) { // another coder's events: to look at
    const { pen, stage } = this, last = [], free = [];
    for (const row of table) {
      if (row.offset < stage.from || row.onset > stage.to) continue;
      const a = stage.place(row.onset), b = stage.place(row.offset), y = STRIP * (first + row.strip);
      if (b - last[row.strip] < 1) continue;
      last[row.strip] = b;
      pen.fillStyle = this.colour(row);
      pen.globalAlpha = 0.8;
      pen.fillRect(a, y + 2, Math.max(2, b - a), 3);
      pen.globalAlpha = 1;
      if (a < free[row.strip]) continue;
      pen.fillStyle = this.ink;
      pen.fillText(nameOf(row), Math.max(a, stage.left), y + 11);
      free[row.strip] = Math.max(a, stage.left) + pen.measureText(nameOf(row)).width + 6;
    }
  }
  difference(foot) { // what the compared coders say of the event at hand
    const { pen, stage, app } = this, { settle } = app, now = settle.on ? settle.difference : null;
    if (!now) return;
    const times = [now, ...Object.values(now.said).filter(Boolean)], a = Math.min(...times.map(({ onset }) => onset)), b = Math.max(...times.map(({ offset }) => offset));
    pen.fillStyle = pen.strokeStyle = this.ink;
    pen.globalAlpha = 0.1;
    pen.fillRect(stage.place(a), 0, stage.place(b) - stage.place(a), foot);
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    stage.coders.forEach((coder, i) => {
      const said = now.said[coder], { events } = app;
      const own = said && events.others[coder].find((row) => row.onset === said.onset && row.offset === said.offset && row.au === now.au);
      const y = STRIP * (events.firstStrip(i) + (own?.strip ?? 0));
      if (said) pen.strokeRect(stage.place(said.onset), y + 0.5, stage.place(said.offset) - stage.place(said.onset), STRIP - 1);
    });
    pen.lineWidth = 1;
  }
  selected(foot, top) {
    const { pen, stage, app } = this;
    const row = stage.drag?.kind === "edge" ? stage.drag.row : app.events.event;
    if (!row || row.offset < stage.from || row.onset > stage.to) return;
    const at = app.channels.indexOf(row.channel), lane = stage.laneHeight;
    const [y0, y1] = at < 0 ? [top, foot] : [top + at * lane, top + (at + 1) * lane];
    const [a, b] = [stage.place(row.onset), stage.place(row.offset)], grip = Math.min(24, (y1 - y0) / 2);
    pen.fillStyle = pen.strokeStyle = this.colour(row);
    pen.lineWidth = 2;
    for (const x of [a, b]) {
      line(pen, x, y0, x, y1);
      pen.fillRect(x - 3, (y0 + y1 - grip) / 2, 6, grip);
    }
    const apex = stage.apexPlace(row);
    if (row.apex !== null) {
      pen.setLineDash([2, 3]);
      line(pen, apex.x, y0, apex.x, y1);
      pen.setLineDash([]);
    }
    pen.beginPath(); // full once the apex is set
    pen.moveTo(apex.x, apex.y - 6); pen.lineTo(apex.x + 6, apex.y); pen.lineTo(apex.x, apex.y + 6); pen.lineTo(apex.x - 6, apex.y);
    pen.closePath();
    if (row.apex !== null) pen.fill();
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.lineWidth = 1;
    if (stage.drag?.kind === "edge") this.label(duration(row.offset - row.onset), stage.place(row[stage.drag.edge]), y0 + 26);
  }
  drawing(foot, top, lane) {
    const { pen, stage, app } = this, { drag, began } = stage;
    let from, to, at = -1;
    if (drag?.kind === "new" && isDrag(drag)) { [from, to] = stage.stretch(drag); at = drag.lane; }
    else if (began) { [from, to] = [began.from, began.to].sort((p, q) => p - q); at = stage.lane; }
    else return;
    const one = app.inOne, [a, b] = [stage.place(from), stage.place(to)];
    pen.fillStyle = this.colour({ au: app.fields.values.au, state: "" });
    pen.globalAlpha = 0.3;
    pen.fillRect(a, one ? top + at * lane : top, Math.max(1, b - a), one ? lane : foot - top);
    pen.globalAlpha = 1;
    this.label(duration(to - from), drag ? drag.to : stage.place(began.to), top + 12);
  }
  label(text, x, y) {
    const { pen, stage } = this, wide = pen.measureText(text).width + 10;
    const at = within(x + 8, stage.left + 2, stage.width - wide - 2);
    pen.textAlign = "left";
    pen.fillStyle = this.dark ? "#fff" : "#222";
    pen.fillRect(at, y - 9, wide, 18);
    pen.fillStyle = this.dark ? "#000" : "#fff";
    pen.fillText(text, at + 5, y);
  }
  cursor(foot, width) {
    const { pen, stage } = this;
    if (!stage.cursorSeen()) return;
    const x = stage.place(stage.cursor), text = seconds(stage.cursor), wide = pen.measureText(text).width + 8;
    pen.fillStyle = this.ink;
    pen.fillRect(Math.round(x), stage.top, 1, foot - stage.top);
    const at = within(x - wide / 2, stage.left, width - wide);
    pen.fillRect(at, foot + MARKS + 2, wide, BOTTOM - 4);
    pen.fillStyle = this.dark ? "#000" : "#fff";
    pen.textAlign = "left";
    pen.fillText(text, at + 4, foot + MARKS + BOTTOM / 2);
  }
  names(left, top, lane) {
    const { pen, stage, app } = this, small = lane < 30;
    pen.textAlign = "left";
    const room = (text) => this.wide(text) <= left - 12; // channels are shortened alike, see short_names
    const names = [app.channels, ...app.short].find((all) => all.every(room)) ?? app.short.at(-1);
    const fits = (text) => {
      if (room(text)) return text;
      let n = text.length;
      while (n > 1 && !room(`${text.slice(0, n)}…`)) n -= 1;
      return `${text.slice(0, n)}…`;
    };
    names.forEach((_, c) => {
      const y = top + lane * (c + 0.5);
      pen.fillStyle = this.ink;
      pen.globalAlpha = 1;
      if (c === stage.lane) pen.fillRect(0, top + lane * c + 4, 3, lane - 8);
      pen.fillText(names[c], 7, small ? y : y - 6);
      if (small) return;
      const [, half] = stage.lines.range(app.layers.shown[0] ?? "raw", c);
      pen.globalAlpha = 0.75;
      pen.fillText(`±${figure(half / stage.gain)} ${app.unit}`, 7, y + 8);
    });
    pen.globalAlpha = 1;
    pen.fillText(fits(app.coder), 7, STRIP / 2);
    stage.coders.forEach((coder, i) => pen.fillText(fits(coder), 7, STRIP * (app.events.firstStrip(i) + 0.5)));
  }

  // ---- the map of the whole recording
  drawMap() {
    const { stage, app, mapPen: pen } = this, { map } = stage, [width, height] = [map.clientWidth, map.clientHeight];
    if (!width) return;
    const key = `${width} ${app.version} ${this.dark} ${app.layers.shown[0]}`;
    if (this.mapKept !== key) {
      this.mapKept = key;
      this.paintMap(width, height);
    }
    sized(map, pen, width, height);
    pen.drawImage(this.mapImage, 0, 0, width, height);
    this.frame(pen, width, height);
  }
  paintMap(width, height) { // kept as an image until something changes
    const { stage, app } = this, back = this.mapImage.getContext("2d"), dots = pixelRatio();
    this.mapImage.width = Math.round(width * dots); this.mapImage.height = Math.round(height * dots);
    back.setTransform(dots, 0, 0, dots, 0, 0);
    back.fillStyle = `rgb(${this.colours.raw.join(" ")})`;
    stage.lines.activity(app.layers.shown[0] ?? "raw", width).forEach((share, x) => {
      if (share < 0) return; // lost, or not read yet
      const tall = Math.max(1, share * (height - 9));
      back.fillRect(x, (height - 7 - tall) / 2, 1, tall);
    });
    this.mapEvents(back, width, height);
  }
  mapEvents(back, width, height) {
    const { events, tiles } = this.app, across = width / (tiles.end - tiles.start);
    let last = -Infinity;
    for (const row of events.sorted) {
      if (row.state && !events.offers(row)) continue;
      const x = Math.floor((row.onset - tiles.start) * across);
      if (x === last) continue;
      last = x;
      back.fillStyle = this.colour(row);
      back.fillRect(x, height - 6, Math.max(2, (row.offset - row.onset) * across), row.state ? 2 : 5);
    }
  }
  frame(pen, width, height) { // of what is in view
    const { stage, app } = this, { start, end } = app.tiles, across = width / (end - start);
    const a = (stage.from - start) * across, b = (stage.to - start) * across;
    pen.fillStyle = this.ink;
    pen.globalAlpha = 0.12;
    pen.fillRect(a, 0, Math.max(3, b - a), height);
    pen.globalAlpha = 0.8;
    pen.strokeStyle = this.ink;
    pen.strokeRect(a + 0.5, 0.5, Math.max(3, b - a - 1), height - 1);
    pen.fillRect((stage.cursor - start) * across, 0, 1, height);
    pen.globalAlpha = 1;
  }
}

/**
 * Return the step between two times.
 * @param {number} least s
 */
export function timeStep(least) {
  if (least <= 10) return roundStep(least);
  return [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400].find((step) => step >= least) ?? 14400;
}

/**
 * Format half the range of a lane.
 * @param {number} value
 */
export function figure(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value !== 0 && value < 1e-3 ? value.toExponential(1) : value.toFixed(digits);
}
