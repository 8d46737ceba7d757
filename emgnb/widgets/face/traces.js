// The intensities of a session over time, with the current time. Clicking or dragging moves it.
import { line, sized } from "../shared/canvas.js";
import { make } from "../shared/dom.js";
import { within } from "../shared/numbers.js";

const LANE = 22, NAMES = 42, FOOT = 16; // px

/** Lanes of a film on a canvas. */
export class Traces {
  /** @param {(seconds: number) => void} seek */
  constructor(seek) {
    this.seek = seek;
    this.canvas = make("canvas", { className: "traces", role: "img", aria: { label: "intensities over time; their numbers are in the table" } });
    this.pen = this.canvas.getContext("2d");
    this.store = document.createElement("canvas"); // the lanes without the current time
    this.painted = "";
    this.canvas.onpointerdown = (p) => { this.canvas.setPointerCapture(p.pointerId); this.moved(p); };
    this.canvas.onpointermove = (p) => { if (p.buttons) this.moved(p); };
  }
  moved({ offsetX }) {
    const { film } = this, share = (offsetX - NAMES) / (this.canvas.clientWidth - NAMES);
    if (film) this.seek(film.about.start + within(share, 0, 1) * (film.end - film.about.start));
  }
  /**
   * @param {import("./film.js").Film} film
   * @param {{ink: string, curve: string, theme: string}} colours
   */
  draw(film, { ink, curve, theme }) {
    this.film = film;
    const { canvas, pen } = this, width = canvas.clientWidth, height = film.about.codes.length * LANE + FOOT;
    if (!width) return;
    canvas.style.height = `${height}px`;
    const drawn = [width, height, window.devicePixelRatio, theme, film.count].join();
    if (this.painted !== drawn) this.paint(film, width, height, ink, curve);
    this.painted = drawn;
    sized(canvas, pen, width, height);
    pen.drawImage(this.store, 0, 0, width, height);
    const x = NAMES + ((film.at - film.about.start) / (film.end - film.about.start || 1)) * (width - NAMES);
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    line(pen, x, 0, x, height - FOOT);
  }
  paint(film, width, height, ink, curve) {
    const pen = this.store.getContext("2d"), { codes, start } = film.about;
    sized(/** @type {any} */ (this.store), /** @type {any} */ (pen), width, height);
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";
    codes.forEach((code, lane) => {
      pen.fillStyle = ink;
      pen.fillText(code, 4, (lane + 0.5) * LANE);
      pen.fillStyle = curve;
      paintLane(pen, film, lane, width);
    });
    pen.fillStyle = ink;
    for (const [share, align] of [[0, "left"], [1, "right"]]) {
      pen.textAlign = /** @type {CanvasTextAlign} */ (align);
      pen.fillText(`${(start + Number(share) * (film.end - start)).toFixed(1)} s`, NAMES + Number(share) * (width - NAMES), height - FOOT / 2);
    }
  }
}

/** Fill below the greatest intensity of each pixel; where there is none, a hatched gap. */
function paintLane(pen, film, lane, width) {
  const { about: { codes }, intensity, count } = film, columns = Math.max(1, Math.round(width - NAMES)), foot = (lane + 1) * LANE - 2;
  for (let c = 0; c < columns; c++) {
    let most = Number.NaN;
    const until = Math.max(Math.floor((c * count) / columns) + 1, Math.floor(((c + 1) * count) / columns));
    for (let row = Math.floor((c * count) / columns); row < until && row < count; row++) {
      const value = intensity[row * codes.length + lane];
      if (!(value <= most)) most = Number.isNaN(value) ? most : value;
    }
    if (Number.isNaN(most)) { if (c % 4 < 2) pen.fillRect(NAMES + c, foot - LANE / 2, 1, 1); }
    else pen.fillRect(NAMES + c, foot - most * (LANE - 4), 1, most * (LANE - 4) + 0.5);
  }
}
