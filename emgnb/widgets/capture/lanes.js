// Choose the channels to draw, and pairs of channels to draw as bipolar channels.
import { button, make, signButton } from "../shared/dom.js";
import { laneName } from "./format.js";

/**
 * Return what the list of channels says above it.
 * @param {number} drawn
 * @param {number} all
 */
export const drawnText = (drawn, all) => `channels: ${drawn === all ? `all ${drawn}` : `${drawn} of ${all}`} drawn`;

/** Channels and pairs with a box each. Hidden channels are still recorded. */
export class LaneChooser {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.summary = make("summary"); this.list = make("div", { className: "line" });
    this.first = make("select", { aria: { label: "channel" } });
    this.second = make("select", { aria: { label: "channel to subtract" } });
    this.add = button("Draw pair", () => desk.ask("pair", { first: this.first.value, second: this.second.value }));
    this.root = make("details", { className: "lanes" }, this.summary, this.list,
      make("div", { className: "line" }, make("span", { className: "what" }, "bipolar"), this.first, "\u2212", this.second, this.add));
    desk.shows("lanes hidden pairs", () => this.show());
  }
  isDrawn(name) { return !this.desk.get("hidden").includes(name); }

  turn(name, drawn) {
    const hidden = this.desk.get("hidden").filter((each) => each !== name);
    this.desk.put("hidden", drawn ? hidden : [...hidden, name]);
  }
  entry(name, source, here) {
    const box = make("input", { type: "checkbox", checked: here && this.isDrawn(name), disabled: !here });
    box.addEventListener("change", () => this.turn(name, box.checked));
    const label = make("label", { className: "lane" }, box, ` ${laneName(name, source)}${here ? "" : " (not in this recording)"}`);
    if (!source) return label;
    const remove = signButton("×", `remove the pair ${name}`, () => this.desk.ask("unpair", { name }), { className: "small" });
    return make("span", {}, label, " ", remove);
  }
  show() {
    const lanes = this.desk.get("lanes"), known = lanes.map(([name]) => name);
    this.root.hidden = !known.length;
    this.summary.textContent = drawnText(known.filter((name) => this.isDrawn(name)).length, known.length);
    this.fill(lanes, Object.entries(this.desk.get("pairs")).filter(([name]) => !known.includes(name)));
    this.offer(lanes.filter(([, source]) => !source).map(([name]) => name));
  }
  fill(lanes, absent) { // the focus stays on its box
    const had = document.activeElement?.closest?.(".lane")?.textContent;
    this.list.replaceChildren(...lanes.map(([name, source]) => this.entry(name, source, true)),
      ...absent.map(([name, [a, b]]) => this.entry(name, `${a} \u2212 ${b}`, false)));
    [...this.list.querySelectorAll(".lane")].find((each) => each.textContent === had)?.querySelector("input").focus();
  }
  offer(channels) { // of which pairs can be made
    [this.first, this.second].forEach((select, k) => {
      const was = select.value;
      select.replaceChildren(...channels.map((name) => new Option(name)));
      select.value = channels.includes(was) ? was : channels[k] ?? "";
    });
    this.add.disabled = channels.length < 2;
  }
}
