// Small pieces that the other files of this folder use. The files are joined into one module, in the
// order front.py gives, so they see one another's names without imports.

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#3A9BD9", "#8C6BB1", "#7F7F7F"];
const PROPOSED = "#D55E00";

function make(tag, props = {}, ...children) {
  const { aria, role, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  if (aria) node.setAttribute("aria-label", aria);
  if (role) node.setAttribute("role", role);
  node.append(...children);
  return node;
}

function button(text, title, action) { // named by what stands on it, a sign by what it does
  return make("button", { type: "button", textContent: text, title, aria: /[a-z]/i.test(text) ? "" : title, onclick: action });
}

function choice(name, options, action) {
  const select = make("select", { aria: name, title: name });
  for (const [value, text] of options) select.append(make("option", { value, textContent: text }));
  select.onchange = () => action(select.value);
  return select;
}

function tick(text, title, action) {
  const box = make("input", { type: "checkbox" });
  box.onchange = () => action(box.checked);
  return { box, label: make("label", { className: "tick", title }, box, ` ${text}`) };
}

const seconds = (t) => t.toFixed(3);
const duration = (s) => (s < 10 ? `${(s * 1000).toFixed(0)} ms` : `${s.toFixed(1)} s`);
function clock(t, digits = 0) { // 3723.5 → 1:02:03.5
  if (t < 60) return `${t.toFixed(digits)} s`;
  const whole = Math.floor(t + 1e-9), rest = digits ? (t - whole).toFixed(digits).slice(1) : "";
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return `${h ? `${h}:${two(m)}` : m}:${two(s)}${rest}`;
}
const within = (value, low, high) => Math.min(Math.max(low, value), high);

// first place in a list that grows where `key(item) >= value`
function firstFrom(list, value, key = (item) => item) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
}

function eightBit(colour) { // [r, g, b] of any CSS colour
  const pen = eightBit.pen ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
