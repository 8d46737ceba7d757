// Part of the recording in view, and the gestures that change it.
import { ranged } from "../shared/numbers.js";

const SHORTEST = 0.02; // s in view

/** The view that the widget's model holds. */
export class View {
  /**
   * @param {any} model
   * @param {() => number[]} extent s, of the recording
   * @param {() => void} changed
   */
  constructor(model, extent, changed) {
    this.model = model; this.extent = extent; this.changed = changed;
    /** @type {number[] | null} */
    this.range = null; // null: the whole recording
  }
  get seen() { return this.range ?? this.extent(); }

  read() { // from the model
    const range = this.model.get("view");
    this.range = range.length ? range : null;
    this.changed();
  }
  /** @param {number[]} range s */
  look(range) {
    const [start, end] = this.extent(), [from, to] = ranged(range, [start, end], SHORTEST);
    this.range = to - from >= (end - start) * (1 - 1e-6) ? null : [from, to];
    this.model.set("view", this.range ?? []);
    this.model.save_changes();
    this.changed();
  }
  whole() { this.look(this.extent()); }

  /**
   * @param {number} factor
   * @param {number} at s that keeps its place
   */
  zoom(factor, at = (this.seen[0] + this.seen[1]) / 2) { this.look(this.seen.map((t) => at + (t - at) * factor)); }

  /** @param {number} by s */
  move(by) { this.look(this.seen.map((t) => t + by)); }

  /** @param {number} part of the view */
  pan(part) {
    const [from, to] = this.seen;
    this.look([from + part * (to - from), to + part * (to - from)]);
  }
  /** @param {number} way -1 to the start, 1 to the end */
  go(way) {
    const [start, end] = this.extent();
    this.move(way * (end - start));
  }
}

/**
 * Return what each key does.
 * @param {View} view
 * @returns {Record<string, () => void>}
 */
export function keysOf(view) {
  return {
    "+": () => view.zoom(0.5), "=": () => view.zoom(0.5), "-": () => view.zoom(2),
    ArrowLeft: () => view.pan(-0.25), ArrowRight: () => view.pan(0.25), PageUp: () => view.pan(-1), PageDown: () => view.pan(1),
    Home: () => view.go(-1), End: () => view.go(1), w: () => view.whole(),
  };
}
