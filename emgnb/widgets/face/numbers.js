// The intensities as a table, and in words for screen readers.
import { make } from "../shared/dom.js";
import { percent, sidesOf, spoken } from "./expression.js";

const SAY_EVERY = 3000, WRITE_EVERY = 250; // ms

/** A table of the units, right and left as one sees them; units without a value are grey. */
export class Numbers {
  /** @param {import("./expression.js").Unit[]} units */
  constructor(units) {
    this.units = units;
    this.said = this.written = -SAY_EVERY;
    this.rows = units.map(({ number, name }) => {
      const cells = [make("td"), make("td")];
      const row = make("tr", {}, make("th", { scope: "row" }, make("b", {}, number), ` ${name}`), ...cells);
      return { row, cells };
    });
    const head = make("tr", {}, ...["action unit", "right", "left"].map((text) => make("th", { scope: "col" }, text)));
    this.caption = make("caption", {}, "intensity, % of maximum");
    this.table = make("table", {}, this.caption, make("thead", {}, head), make("tbody", {}, ...this.rows.map(({ row }) => row)));
    this.voice = make("div", { className: "voice", role: "status", aria: { live: "polite" } });
    this.node = make("div", { className: "numbers", tabIndex: 0, role: "region", aria: { label: "intensities" } }, this.table, this.voice);
  }
  /**
   * Write the values, at most four times a second, and say them, at most every three seconds.
   * @param {import("./expression.js").Values} values
   * @param {string} note why there are no values, "" if there are
   * @param {number} time ms
   * @returns {boolean} whether they were written
   */
  update(values, note, time) {
    if (time - this.written < WRITE_EVERY) return false;
    this.written = time;
    this.units.forEach(({ number, name, moves }, k) => this.write(this.rows[k], sidesOf(values, number), name, Object.keys(moves[""]).length > 0));
    const words = note || spoken(values, this.units);
    if (time - this.said >= SAY_EVERY && words !== this.voice.textContent) {
      this.said = time;
      this.voice.textContent = words;
    }
    return true;
  }
  write({ row, cells }, sides, name, drawn) {
    const known = sides.some((value) => value !== null);
    row.className = known ? "" : "unknown";
    row.title = known ? (drawn ? "" : `${name}: there is no face shape for this unit`) : `${name}: not measured, not drawn`;
    sides.forEach((value, k) => {
      const text = percent(value);
      if (cells[k].textContent === text) return;
      cells[k].textContent = text;
      cells[k].style.setProperty("--part", String(value ?? 0));
    });
  }
}
