// Editable table of the events.
import { make } from "../shared/dom.js";
import { within } from "../shared/numbers.js";
import { seconds } from "./describe.js";
import { choice } from "./dom.js";

const ROW = 26;

/** @typedef {import("./app.js").App} App */

// Only visible rows are page elements, so that ten thousand events are as fast as ten.
export class Grid {
  /** @param {App} app */
  constructor(app) {
    this.app = app; this.rows = []; this.at = { row: 0, column: 0 }; this.editing = null;
    const cell = (name, options) => ({ name, options, show: (row) => row[name], set: (text) => ({ [name]: text }) });
    const time = (name) => ({
      name, show: (row) => (row[name] === null ? "" : seconds(row[name])),
      set: (text) => ({ [name]: text.trim() === "" && name === "apex" ? null : Number(text.replace(",", ".")) }),
    });
    const channels = [["", "all"], ...app.channels.map((name) => [name, name])];
    this.columns = [time("onset"), time("apex"), time("offset"),
      { name: "ms", show: (row) => ((row.offset - row.onset) * 1000).toFixed(0) },
      ...["au", "side", "intensity", "label"].map((name) => cell(name, app.choices[name])), cell("channel", channels)];
    this.columns.at(-1).show = (row) => row.channel || "all";
    const heads = ["onset s", "apex s", "offset s", "ms", "AU", "side", "intensity", "label", "channel"];
    this.head = make("tr", { role: "row" }, ...heads.map((text) => make("th", { textContent: text, scope: "col", role: "columnheader" })));
    this.body = make("tbody", { role: "rowgroup" });
    this.table = make("table", { role: "grid", aria: { label: "events" } }, make("thead", { role: "rowgroup" }, this.head), this.body);
    this.count = make("span", { className: "count" });
    this.filter = choice("show in the list", [["*", "all events"]], (value) => { app.events.filter = value; app.events.changed(); });
    this.window = make("div", { className: "rows" }, this.table);
    this.window.onscroll = () => this.draw();
    this.table.onkeydown = (key) => this.pressed(key);
    this.node = make("div", { className: "list" },
      make("div", { className: "bar" }, make("label", {}, "list ", this.filter), this.count), this.window);
  }

  fill() { // the events have changed
    const { events } = this.app;
    const others = Object.entries(events.others).flatMap(([coder, table]) => table.filter((row) => events.passes(row)).map((row) => ({ ...row, coder })));
    this.rows = others.length ? [...events.listed, ...others].sort((a, b) => a.onset - b.onset) : events.listed;
    const units = [...new Set(events.own.map((row) => row.au))].sort((a, b) => Number(a) - Number(b));
    if (events.filter !== "*" && !units.includes(events.filter)) units.push(events.filter);
    const texts = [["*", "all events"], ...units.map((au) => [au, au ? `AU ${au}` : "without AU"])];
    if (this.texts !== JSON.stringify(texts)) {
      this.texts = JSON.stringify(texts);
      this.filter.replaceChildren(...texts.map(([value, textContent]) => make("option", { value, textContent })));
    }
    this.filter.value = events.filter;
    this.count.textContent = `${events.listed.length} of ${events.own.length} events`
      + (others.length ? `, and ${others.length} of ${Object.keys(events.others).join(", ")}` : "");
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.draw();
  }
  reveal(key) {
    const row = this.rows.findIndex((each) => each.key === key);
    if (row < 0) return;
    this.at.row = row;
    const top = row * ROW, { scrollTop, clientHeight } = this.window, head = this.head.offsetHeight;
    if (top < scrollTop) this.window.scrollTop = top;
    else if (top + ROW + head > scrollTop + clientHeight) this.window.scrollTop = top + ROW + head - clientHeight;
    this.draw();
  }
  draw() {
    const { rows, window: box } = this;
    if (this.editing?.isConnected) { this.later = true; return; } // a cell that is being edited stays
    const held = this.table.contains(document.activeElement);
    this.at.row = within(this.at.row, 0, Math.max(0, rows.length - 1));
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 2), last = Math.min(rows.length, first + Math.ceil((box.clientHeight || 200) / ROW) + 5);
    const space = (height) => {
      const cell = make("td", { colSpan: this.columns.length, role: "gridcell" });
      cell.style.height = `${height}px`;
      cell.style.padding = "0";
      const row = make("tr", { className: "space" }, cell);
      row.setAttribute("aria-hidden", "true");
      return row;
    };
    const made = rows.slice(first, last).map((row, i) => this.row(row, first + i));
    this.body.replaceChildren(...(first ? [space(first * ROW)] : []), ...made, ...(last < rows.length ? [space((rows.length - last) * ROW)] : []));
    if (held) this.cell()?.focus({ preventScroll: true });
  }
  row(row, index) {
    const chosen = row.key !== undefined && row.key === this.app.events.selected;
    const line = make("tr", { className: chosen ? "selected" : row.coder ? "other" : "", role: "row" });
    line.setAttribute("aria-rowindex", index + 2);
    line.setAttribute("aria-selected", String(chosen));
    if (row.coder) line.title = `by ${row.coder}`;
    line.append(...this.columns.map((column, c) => {
      const cell = make("td", { textContent: column.show(row), role: "gridcell", tabIndex: index === this.at.row && c === this.at.column ? 0 : -1 });
      cell.onclick = () => {
        const again = chosen && this.at.row === index && this.at.column === c;
        this.at = { row: index, column: c };
        if (row.key !== undefined && !chosen) this.app.choose(row.key); else this.draw();
        this.cell()?.focus({ preventScroll: true });
        if (again) this.edit();
      };
      return cell;
    }));
    line.dataset.index = index;
    return line;
  }
  cell() { return this.body.querySelector(`tr[data-index="${this.at.row}"]`)?.children[this.at.column]; }

  edit() {
    const row = this.rows[this.at.row], column = this.columns[this.at.column], cell = this.cell();
    if (!row || !cell) return;
    if (this.app.settle.on) return this.app.say("two coders are compared: Escape in the display ends it");
    if (!column.set || row.coder) return this.app.say(row.coder ? `only ${row.coder} can change these events` : "the duration follows from onset and offset");
    const label = `${column.name} of the event at ${seconds(row.onset)} s`;
    const field = column.options ? choice(label, column.options, () => finish(true))
      : make("input", { aria: { label }, inputMode: "decimal" });
    const old = column.options ? row[column.name] : column.show(row);
    if (column.options && !column.options.some(([value]) => value === old)) field.append(make("option", { value: old, textContent: old }));
    field.value = old;
    const finish = (keep) => {
      if (this.editing !== field) return;
      this.editing = null;
      this.later = false;
      const focused = document.activeElement === field, text = field.value;
      field.remove();
      if (keep && text !== old) this.change(row, column, text);
      this.draw();
      if (focused) this.cell()?.focus({ preventScroll: true });
    };
    field.onkeydown = (key) => {
      if (key.key === "Enter" || key.key === "Escape") { finish(key.key === "Enter"); key.preventDefault(); }
      key.stopPropagation();
    };
    field.onblur = () => finish(true);
    cell.replaceChildren(field);
    this.editing = field;
    field.focus();
    field.select?.();
  }
  change(row, column, text) {
    const change = column.set(text), next = { ...row, ...change }, { tiles } = this.app;
    const times = [next.onset, ...(next.apex === null ? [] : [next.apex]), next.offset];
    const ordered = times.every((t, i) => Number.isFinite(t) && (i === 0 || t >= times[i - 1])) && next.offset > next.onset;
    if (!ordered) return this.app.say(`${column.name} ${text}: expected onset ≤ apex ≤ offset in s; kept as it was`, true);
    if (next.onset < tiles.start || next.offset > tiles.end) return this.app.say(`${column.name} ${text} lies outside the recording; kept as it was`, true);
    this.app.events.edit(row.key, change);
  }
  pressed(key) {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const { at } = this, pageful = Math.max(1, Math.floor(this.window.clientHeight / ROW) - 2);
    const move = (rows, columns) => {
      at.row = within(at.row + rows, 0, Math.max(0, this.rows.length - 1));
      at.column = within(at.column + columns, 0, this.columns.length - 1);
      const row = this.rows[at.row];
      if (rows && row?.key !== undefined) this.app.choose(row.key);
      else this.draw();
      this.cell()?.focus({ preventScroll: true });
    };
    const keys = {
      ArrowUp: () => move(-1, 0), ArrowDown: () => move(1, 0), ArrowLeft: () => move(0, -1), ArrowRight: () => move(0, 1),
      PageUp: () => move(-pageful, 0), PageDown: () => move(pageful, 0), Home: () => move(0, -99), End: () => move(0, 99),
      Enter: () => this.edit(), F2: () => this.edit(), Delete: () => this.app.drop(), "?": () => this.app.help(),
    };
    if (!keys[key.key]) return;
    keys[key.key]();
    key.preventDefault();
    key.stopPropagation();
  }
}
