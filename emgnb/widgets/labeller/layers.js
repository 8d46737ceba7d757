// Layers of the signal: which are drawn.
import { tick } from "./dom.js";

export class Layers {
  /**
   * @param {string[]} all as "raw", "filtered", "envelope"
   * @param {Set<string>} failed layers that Python could not compute
   * @param {() => void} changed
   */
  constructor(all, failed, changed) {
    this.all = all; this.failed = failed; this.changed = changed; this.drawn = new Set([all.length > 1 ? "filtered" : "raw"]);
    this.ticks = Object.fromEntries(all.map((name) => [name, tick(name, `show the ${name} signal`, (on) => this.show(name, on))]));
    for (const name of all) this.ticks[name].box.checked = this.drawn.has(name);
  }
  get shown() { return this.all.filter((name) => this.drawn.has(name) && !this.failed.has(name)); }
  get labels() { return this.all.length > 1 ? Object.values(this.ticks).map(({ label }) => label) : []; }

  /**
   * @param {string} name
   * @param {boolean} on
   */
  show(name, on) {
    this.ticks[name].box.checked = on;
    if (on) { this.drawn.add(name); this.failed.delete(name); } else this.drawn.delete(name);
    this.changed();
  }
  /** @param {string} name of a layer that has failed; the raw signal is drawn if no other is left */
  drop(name) {
    if (!this.ticks[name]) return;
    this.ticks[name].box.checked = false;
    this.drawn.delete(name);
    if (!this.drawn.size) this.show("raw", true);
  }
}
