// Fields of the selected event, or of the next one.
import { make } from "../shared/dom.js";
import { button, choice, group, tick } from "./dom.js";
/** @typedef {import("./app.js").App} App */

const FIELDS = ["au", "side", "intensity", "label"];

export class Fields {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.selects = Object.fromEntries(FIELDS.map((name) => [name, choice(name, app.choices[name], (value) => {
      if (app.events.selected) app.events.edit(app.events.selected, { [name]: value });
    })]));
    this.one = tick("in one channel", "new events belong to the channel they are drawn on; otherwise to all channels", (on) => this.narrow(on));
    this.undo = button("undo", "undo (Ctrl+Z)", () => app.move("undo"));
    this.redo = button("redo", "redo (Ctrl+Y)", () => app.move("redo"));
    const { au, side, intensity, label } = this.selects;
    this.node = group("the event", make("label", {}, "AU ", au), make("label", {}, "side ", side), make("label", {}, "intensity ", intensity),
      make("label", {}, "label ", label), this.one.label, button("delete", "delete the selected event (Delete)", () => app.drop()), this.undo, this.redo);
  }
  narrow(on) { // to one channel
    const { events, channels, stage } = this.app, row = events.event;
    if (row && !row.state) events.edit(row.key, { channel: on ? row.channel || channels[stage.lane] : "" });
  }
  get values() { return Object.fromEntries(FIELDS.map((name) => [name, this.selects[name].value])); }

  /** @param {Record<string, string>} values */
  set(values) { for (const name in values) this.selects[name].value = values[name]; }

  show() {
    const { event: row, steps, pending } = this.app.events;
    this.undo.disabled = !steps[0] && !pending.size;
    this.redo.disabled = !steps[1];
    if (!row) return;
    this.one.box.checked = Boolean(row.channel);
    for (const name of FIELDS) {
      const select = this.selects[name], value = row[name];
      select.value = value;
      if (select.value === value) continue;
      select.append(make("option", { value }, value)); // a word of another table
      select.value = value;
    }
  }
}
