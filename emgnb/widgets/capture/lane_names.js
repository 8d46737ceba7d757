// Names of the lanes, with the range and the zoom of each.
import { make, signButton } from "../shared/dom.js";
import { laneName } from "./format.js";

const FEW = 12; // more lanes have one line each

export class LaneNames {
  /** @param {(c: number, change: (zoom: number) => number) => void} zoom */
  constructor(zoom) {
    this.zoom = zoom; this.node = make("div", { className: "names" });
    /** @type {ReturnType<LaneNames["entry"]>[]} */
    this.entries = [];
  }
  /**
   * @param {string[]} channels
   * @param {string[]} sources channels that a pair is made of
   */
  layout(channels, sources = []) {
    const tight = channels.length > FEW ? "tight" : "";
    this.entries = channels.map((name, c) => this.entry(name, laneName(name, sources[c]), c, tight));
  }
  entry(name, title, c, className) {
    const key = (sign, what, change) => signButton(sign, `${what} ${name}`, () => this.zoom(c, change));
    const auto = key("A", "automatic scale for", () => 1), range = make("span", { className: "range" });
    auto.disabled = true;
    const keys = make("span", { className: "zoom" }, key("−", "smaller scale for", (zoom) => zoom / 1.5), key("+", "larger scale for", (zoom) => zoom * 1.5), auto);
    const parts = title.split(/(?<=_)/).flatMap((part) => [part, make("wbr")]); // a long name breaks after _
    return { range, auto, row: make("div", { className }, make("span", { className: "name", title }, ...parts), range, keys) };
  }
  /** @param {number[]} order lanes drawn */
  show(order) { this.node.replaceChildren(...order.map((c) => this.entries[c].row)); }

  /**
   * @param {number} c
   * @param {string} colour
   * @param {string} text range of the lane
   */
  describe(c, colour, text) {
    const { range, row } = this.entries[c];
    row.style.setProperty("--line", colour);
    if (range.textContent !== text) range.textContent = range.title = text;
  }
}
