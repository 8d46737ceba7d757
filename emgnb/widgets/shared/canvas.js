// Draw on a canvas: pixels of the screen, colours of the page, gestures that zoom and pan.

/** Return the pixels of the screen in one of CSS. */
export const pixelRatio = () => window.devicePixelRatio || 1;

/**
 * Give a canvas a size in CSS pixels, and clear it. The pen then draws in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2D} pen
 * @param {number} width
 * @param {number} height
 * @returns {boolean} whether the size is new
 */
export function sized(canvas, pen, width, height) {
  const dots = pixelRatio(), w = Math.round(width * dots), h = Math.round(height * dots);
  const changed = canvas.width !== w || canvas.height !== h;
  if (changed) { canvas.width = w; canvas.height = h; }
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.clearRect(0, 0, width, height);
  return changed;
}

/**
 * Draw a straight line.
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
export function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

/** @type {OffscreenCanvasRenderingContext2D | undefined} */
let dot;

/**
 * Return red, green and blue (0 to 255) of any CSS colour.
 * @param {string} colour
 */
export function eightBit(colour) {
  dot ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = colour;
  dot.fillRect(0, 0, 1, 1);
  return [...dot.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/**
 * Return whether text of a colour is for a dark page.
 * @param {number[]} colour red, green and blue, 0 to 255
 */
export const isDark = ([red, green, blue]) => red + green + blue > 380;

const CLICK = 3; // px that a pointer may move in a click

/**
 * Return whether a pointer that was pressed and moved drags, and does not click.
 * @param {{from: number, to: number}} drag px
 */
export const isDrag = ({ from, to }) => Math.abs(to - from) > CLICK;

/**
 * Return the range in view with which two times stay under two fingers; null where the fingers meet or cross.
 * @param {number[]} times under the fingers when they were put down
 * @param {number[]} fingers px
 * @param {number[]} axis px of its left and right end
 */
export function pinched([a, b], [x, y], [left, right]) {
  const per = (b - a) / (y - x);
  return per > 0 && Number.isFinite(per) ? [a - (x - left) * per, a + (right - x) * per] : null;
}

/**
 * Zoom at the pointer with Ctrl, pan with Shift or a horizontal wheel. Otherwise the notebook scrolls.
 * @param {WheelEvent} wheel
 * @param {(factor: number) => void} zoom
 * @param {(part: number) => void} pan share of the view
 */
export function wheeled(wheel, zoom, pan) {
  const { deltaX, deltaY } = wheel;
  if (wheel.ctrlKey || wheel.metaKey) zoom(deltaY > 0 ? 1.25 : 0.8);
  else if (wheel.shiftKey || Math.abs(deltaX) > Math.abs(deltaY)) pan(Math.sign(deltaX || deltaY) * 0.1);
  else return;
  wheel.preventDefault();
}

/**
 * Call a function when the theme of the notebook changes.
 * @param {() => void} changed
 * @param {MutationObserverInit} options
 * @returns {MutationObserver} to disconnect
 */
export function onTheme(changed, options = { attributeFilter: ["data-jp-theme-light"] }) {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, options);
  return observer;
}
