// List of the markers, newest first, to correct or remove.
import { button, make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
import { clock } from "./format.js";

const LISTED = 50; // rows; a session may have hundreds

export class MarkList {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk; this.shown = ""; this.pressed = false;
    this.summary = make("summary"); this.list = make("ol", { reversed: true });
    this.root = make("details", { className: "marked", hidden: true }, this.summary, this.list);
    const soon = () => setTimeout(() => this.show());
    this.list.addEventListener("focusout", soon);
    this.list.addEventListener("pointerdown", () => {
      this.pressed = true; // a row that moved away would not get its click
      const released = () => { this.pressed = false; soon(); };
      for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released, { once: true });
    });
    desk.shows("marked state", () => this.show());
  }
  row([name, seconds, text], running) {
    const at = clock(seconds), { desk } = this;
    const input = make("input", { type: "text", value: text, disabled: !running, size: 14, aria: { label: `text of the marker at ${at}` } });
    input.addEventListener("change", () => {
      if (input.value.trim() && input.value.trim() !== text) desk.ask("correct", { mark: name, text: input.value });
      else input.value = text;
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Escape") { input.value = text; input.blur(); event.stopPropagation(); } });
    const remove = button("Remove", () => desk.ask("unmark", { mark: name }), { disabled: !running, aria: { label: `remove ${text} at ${at}` } });
    return make("li", { data: { mark: name } }, make("span", { className: "at" }, at), input, remove);
  }
  get writing() { return this.list.contains(document.activeElement) && document.activeElement.matches("input"); }
  get held() { return this.writing || this.pressed; }

  show() {
    const { desk, list } = this, marked = desk.get("marked"), running = desk.get("state") === "recording";
    this.root.hidden = !marked.length;
    this.summary.textContent = `${counted(marked.length, "marker")}: correct or remove`;
    const now = JSON.stringify([marked, running]);
    if (now === this.shown || (running && this.held)) return;
    this.shown = now;
    list.replaceChildren(...marked.slice(-LISTED).reverse().map((each) => this.row(each, running)));
  }
}
