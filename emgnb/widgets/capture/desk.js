// State of the recording panel in the kernel, and requests to it.
import { make } from "../shared/dom.js";

/** The widget model, with what is shown of it. */
export class Desk {
  /** @param {any} model */
  constructor(model) {
    this.model = model;
    /** @type {[string, () => void][]} */
    this.shown = []; // changes of the model, and what shows them
  }
  /** @param {string} name */
  get(name) { return this.model.get(name); }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  put(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
  /**
   * Send a request to the kernel.
   * @param {string} kind
   * @param {object} more
   */
  ask(kind, more = {}) { this.model.send({ kind, ...more }); }

  /**
   * Show values when they change, and first on `start`.
   * @param {string} names of the values, separated by spaces
   * @param {() => void} show
   */
  shows(names, show) { this.shown.push([names.split(" ").map((name) => `change:${name}`).join(" "), show]); }

  start() { for (const [change, show] of this.shown) { this.model.on(change, show); show(); } }

  stop() { for (const [change, show] of this.shown) this.model.off(change, show); }

  /**
   * Create a text box of a value.
   * @param {string} name
   * @param {Record<string, unknown>} properties
   */
  text(name, properties = {}) {
    const input = make("input", { type: "text", spellcheck: false, autocomplete: "off", ...properties });
    input.addEventListener("change", () => this.put(name, input.value.trim()));
    this.shows(name, () => { input.value = this.get(name); });
    return input;
  }
  /**
   * Create a list of the possible values.
   * @param {string} name
   * @param {[unknown, string][]} options values and their texts
   */
  choice(name, options) {
    const select = make("select", {}, ...options.map(([value, text]) => new Option(text, JSON.stringify(value))));
    select.addEventListener("change", () => this.put(name, JSON.parse(select.value)));
    this.shows(name, () => { select.value = JSON.stringify(this.get(name)); });
    return select;
  }
}

/**
 * Put a name in front of a control.
 * @param {string} text
 * @param {Node} input
 */
export const field = (text, input) => make("label", { className: "field" }, make("span", {}, text), input);
