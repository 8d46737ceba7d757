// An element with its attributes and what is inside; `aria` and `data` are sets of their own.
function make(tag, { aria = {}, data = {}, ...attributes } = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), attributes);
  Object.entries(aria).forEach(([name, value]) => made.setAttribute(`aria-${name}`, value));
  Object.assign(made.dataset, data);
  made.append(...inside);
  return made;
}
