// Axes of a plot: range, tick positions and tick labels.
import { decimalsOf, roundStep } from "./numbers.js";

/**
 * Return the range that covers all of the given ranges; 0 to 1 where they are empty.
 * @param {number[][]} pairs
 */
export function reach(pairs) {
  const low = Math.min(...pairs.map(([a]) => a)), high = Math.max(...pairs.map(([, b]) => b));
  return low <= high ? [low, high] : [0, 1];
}

/**
 * Return a range with 5 % room at both ends.
 * @param {number[]} range
 */
export function aired([low, high]) {
  const air = 0.05 * (high - low) || Math.abs(low) * 0.05 || 1;
  return [low - air, high + air];
}

/**
 * Return the round numbers within a range, at most `most` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
export function ticks(low, high, most) {
  const step = roundStep((high - low) / Math.max(1, most)), first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/**
 * Format a power of ten.
 * @param {number} n exponent
 */
export const raised = (n) => `10${[...String(n)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("")}`;

/**
 * Return the power of ten by which an axis is divided, and the function that formats its values.
 * @param {number} low
 * @param {number} high
 * @param {string} unit an axis with a unit is not divided
 */
export function written(low, high, unit = "") {
  const most = Math.max(Math.abs(low), Math.abs(high)), plain = unit || !most || (most >= 0.01 && most < 1e5);
  const power = plain ? 0 : 3 * Math.floor(Math.log10(most) / 3);
  const decimals = decimalsOf((high - low) / 10 ** power || 1);
  const say = (value, more = 0) => {
    const text = (value / 10 ** power).toFixed(decimals + more);
    return more || !text.includes(".") ? text : text.replace(/\.?0+$/, "");
  };
  return { power, say };
}

/**
 * Format a value with four significant digits.
 * @param {number} value
 */
export const figure = (value) => String(Number(value.toPrecision(4)));
