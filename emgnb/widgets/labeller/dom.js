// Controls of the labeller.
import { button as textButton, make, signButton } from "../shared/dom.js";

/**
 * Create a button, named by its text, or by its title if the text is a sign.
 * @param {string} text
 * @param {string} title
 * @param {() => void} act
 */
export function button(text, title, act) {
  return /[a-z]/i.test(text) ? textButton(text, act, { title }) : signButton(text, title, act);
}

/**
 * Create a list to choose from.
 * @param {string} name
 * @param {[value: string, text: string][]} options
 * @param {(value: string) => void} act
 * @returns {HTMLSelectElement}
 */
export function choice(name, options, act) {
  const select = make("select", { aria: { label: name }, title: name }, ...options.map(([value, text]) => make("option", { value }, text)));
  select.onchange = () => act(select.value);
  return select;
}

/**
 * Create a box to tick, and its label.
 * @param {string} text
 * @param {string} title
 * @param {(on: boolean) => void} act
 * @returns {{box: HTMLInputElement, label: HTMLLabelElement}}
 */
export function tick(text, title, act) {
  const box = make("input", { type: "checkbox" });
  box.onchange = () => act(box.checked);
  return { box, label: make("label", { className: "tick", title }, box, ` ${text}`) };
}

/**
 * Group controls.
 * @param {string} name
 * @param {...(Node | string)} inside
 */
export const group = (name, ...inside) => make("div", { className: "group", role: "group", aria: { label: name } }, ...inside);
