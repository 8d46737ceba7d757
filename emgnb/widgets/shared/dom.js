// Create page elements.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an element.
 * @param {string} tag
 * @param {{role?: string, aria?: Record<string, string>, data?: Record<string, unknown>, [property: string]: unknown}} properties
 *   properties of the element; `aria` without the prefix "aria-", `data` as in its dataset
 * @param {...(Node | string)} inside
 * @returns {any} the element
 */
export function make(tag, { role = "", aria = {}, data = {}, ...properties } = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  if (role) made.setAttribute("role", role);
  Object.entries(aria).forEach(([name, value]) => made.setAttribute(`aria-${name}`, value));
  Object.assign(made.dataset, data);
  made.append(...inside);
  return made;
}

/**
 * Create an element of a drawing.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} inside
 * @returns {SVGElement}
 */
export function draft(tag, attributes = {}, ...inside) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, String(value)));
  made.append(...inside);
  return made;
}

/**
 * Create a button.
 * @param {Node | string} inside its text
 * @param {(event: any) => void} act
 * @param {Parameters<typeof make>[1]} properties as of `make`
 * @returns {HTMLButtonElement}
 */
export function button(inside, act, properties = {}) {
  return make("button", { type: "button", onclick: act, ...properties }, inside);
}

/**
 * Create a button with a sign, named by its title.
 * @param {string} sign
 * @param {string} title
 * @param {(event: any) => void} act
 * @param {Parameters<typeof make>[1]} properties as of `make`
 */
export const signButton = (sign, title, act, properties = {}) => button(sign, act, { title, aria: { label: title }, ...properties });

/**
 * Keep key presses from the notebook, where they would be commands: `x` cuts the cell, `b` inserts one. It must
 * be the element that has the focus: on one around it the notebook finds its own selector first.
 * @param {Element} element
 */
export const keepKeys = (element) => element.setAttribute("data-lm-suppress-shortcuts", "true");

/**
 * Return the names and values that a widget model has now.
 * @param {{get: (name: string) => any}} model
 * @param {string[]} names
 */
export function valuesOf(model, names) {
  return Object.fromEntries(names.map((name) => [name, model.get(name)]));
}

/**
 * Return a copy of the bytes of a message's buffer.
 * @param {ArrayBufferView} view
 */
export function bytesOf({ buffer, byteOffset, byteLength }) {
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
