// Assign channels to electrode sites, on a drawing of the face.
import { drawFace } from "../shared/face.js";
import { button, draft, make } from "../shared/dom.js";
import { within } from "../shared/numbers.js";
import { changedSite, lies, rowText, unassigned, withChannels } from "./montage.js";

/** @type {Record<string, [number, number]>} distance from the midline and height in the drawing of the face */
export const PLACES = {
  frontalis_medialis: [17, 58], frontalis_lateralis: [49, 60], corrugator: [16, 80], orbicularis_oculi: [64, 121],
  levator_labii: [14, 135], zygomaticus_minor: [33, 133], zygomaticus_major: [46, 148], buccinator: [40, 175],
  masseter: [58, 164], orbicularis_oris: [11, 188], depressor_anguli_oris: [28, 193], platysma: [40, 208], mentalis: [0, 209],
};
const TOWARDS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MOST = 16; // channels

/** @typedef {import("./montage.js").Row} Row */
/** @typedef {[channel: string, muscle: string, side: string, title: string, units: string[]]} Site */

// A click assigns a site to the channel selected in the list; arrow keys move between sites. The
// participant's left is on the right.
class ElectrodeSites {
  /**
   * @param {HTMLElement} place
   * @param {Record<string, Site>} table
   * @param {(montage: Row[]) => void} changed
   */
  constructor(place, table, changed) {
    /** @type {Row[]} */
    this.montage = [];
    this.table = table; this.changed = changed; this.chosen = 0; this.locked = false;
    this.face = draft("svg", { class: "sites", role: "group", "aria-label": "electrode sites; the person's left is on the right" });
    drawFace(this.face, {});
    this.list = make("select", { size: 8, aria: { label: "channels" } });
    this.count = make("input", { type: "number", min: 1, max: MOST, aria: { label: "number of channels" } });
    this.free = button("unassign", () => { const k = this.chosen; this.advance(); this.drop(k); });
    this.hint = make("p", { className: "hint" });
    place.append(this.face, make("div", { className: "montage" }, make("label", {}, "channels ", this.count), this.list, this.free, this.hint));
    this.spots = Object.values(table).filter(([, muscle]) => PLACES[muscle]).map((site) => this.spot(site));
    this.list.addEventListener("change", () => { this.chosen = this.list.selectedIndex; this.show(); });
    this.count.addEventListener("change", () => this.resize());
  }
  /** @param {Site} site */
  spot([channel, muscle, side, title, units]) {
    const [away, y] = PLACES[muscle], x = 100 + ({ left: 1, right: -1 }[side] ?? 0) * away;
    const label = draft("title"), number = draft("text", { x, y: y + 3 });
    const group = draft("g", { class: "site", role: "button" }, label, draft("circle", { cx: x, cy: y, r: 7 }), number);
    const spot = { channel, muscle, side, title, x, y, group, number, label, words: `${title}, ${side}: moves AU ${units.join(", ")}` };
    this.face.append(group);
    group.addEventListener("click", () => { group.focus(); this.take(spot); });
    group.addEventListener("keydown", (event) => this.pressed(event, spot));
    group.addEventListener("mouseenter", () => { this.hint.textContent = spot.words; });
    group.addEventListener("focus", () => { this.rove(spot); this.hint.textContent = spot.words; });
    return spot;
  }
  /**
   * @param {KeyboardEvent} event
   * @param {ReturnType<ElectrodeSites["spot"]>} spot
   */
  pressed(event, spot) {
    const { key } = event;
    if (key === "Enter" || key === " ") this.take(spot);
    else if (key === "Delete" || key === "Backspace") this.drop(this.channelAt(spot));
    else if (TOWARDS[key]) ahead(this.spots, spot, TOWARDS[key])?.group.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  channelAt(spot) { return this.montage.findIndex((row) => lies(row, spot)); }

  rove(to) { // one stop for the Tab key, arrows from there
    for (const { group } of this.spots) group.setAttribute("tabindex", group === to.group && !this.locked ? "0" : "-1");
  }

  // ---- changes
  advance() { this.chosen = (this.chosen + 1) % this.montage.length; }

  take(spot) { // for the channel chosen
    if (this.locked) return;
    const other = this.channelAt(spot), now = changedSite(this.montage, this.chosen, spot);
    if (other !== this.chosen) this.advance();
    this.give(now);
  }
  drop(k) {
    if (this.locked || k < 0) return;
    this.give(this.montage.map((row, each) => (each === k ? unassigned(k) : row)));
  }
  resize() {
    const { montage } = this, n = within(Math.round(Number(this.count.value)) || montage.length, 1, MOST);
    this.give(withChannels(montage, n, Object.values(this.table)));
  }
  give(montage) {
    this.montage = montage;
    this.show();
    this.changed(montage);
  }

  // ---- display
  /**
   * @param {Row[]} montage
   * @param {boolean} locked whether it cannot be changed
   */
  set(montage, locked) {
    this.montage = montage;
    this.locked = locked;
    this.show();
  }
  show() {
    const { montage, list, count, free, spots } = this;
    this.chosen = Math.min(this.chosen, Math.max(0, montage.length - 1));
    list.size = within(montage.length, 4, 8);
    list.replaceChildren(...montage.map((row, k) => new Option(`${k + 1}  ${rowText(row, spots.find((each) => lies(row, each)))}`)));
    list.selectedIndex = this.chosen;
    list.disabled = count.disabled = free.disabled = this.locked;
    count.value = montage.length;
    for (const spot of spots) this.showSpot(spot);
    if (!spots.some(({ group }) => group.getAttribute("tabindex") === "0")) this.rove(spots[0]);
    this.hint.textContent ||= "Choose a channel, then click where its electrodes are.";
  }
  showSpot(spot) {
    const k = this.channelAt(spot), { group } = spot, text = `${spot.title}, ${spot.side}${k >= 0 ? `, channel ${k + 1}` : ", free"}`;
    group.classList.toggle("taken", k >= 0);
    group.classList.toggle("chosen", k >= 0 && k === this.chosen);
    spot.number.textContent = k >= 0 ? String(k + 1) : "";
    spot.label.textContent = text;
    group.setAttribute("aria-label", text);
    group.setAttribute("aria-disabled", String(this.locked));
  }
}

/**
 * Show the electrode sites; `set` gives them a montage.
 * @param {HTMLElement} place
 * @param {Record<string, Site>} table
 * @param {(montage: Row[]) => void} changed
 */
export function electrodeSites(place, table, changed) { return new ElectrodeSites(place, table, changed); }

/**
 * Find the nearest site in a direction; distance across the direction counts twice.
 * @template {{x: number, y: number}} Spot
 * @param {Spot[]} spots
 * @param {Spot} from
 * @param {number[]} direction x and y, as in `TOWARDS`
 * @returns {Spot | undefined}
 */
export function ahead(spots, from, [dx, dy]) {
  const along = (spot) => (spot.x - from.x) * dx + (spot.y - from.y) * dy;
  const across = (spot) => Math.abs((spot.x - from.x) * dy) + Math.abs((spot.y - from.y) * dx);
  const cost = (spot) => along(spot) + 2 * across(spot);
  return spots.filter((spot) => along(spot) > 0.5).sort((a, b) => cost(a) - cost(b))[0];
}
