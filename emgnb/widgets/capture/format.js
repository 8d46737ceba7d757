// Dates, durations, sizes, ranges and names as text.
import { decimalsOf } from "../shared/numbers.js";

/**
 * Return the local date, not that of UTC, as 2026-01-31.
 * @param {Date} now
 */
export function today(now = new Date()) {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/**
 * Format a duration as 01:02.3, with hours where there are any.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${whole >= 3600 ? `${Math.floor(whole / 3600)}:` : ""}${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${Math.floor(10 * (seconds - whole))}`;
}

/**
 * Format a file size with the largest suitable unit.
 * @param {number} bytes
 */
export function amount(bytes) {
  const size = [1e9, 1e6, 1e3].find((each) => bytes >= each) ?? 1;
  const unit = { 1e9: "GB", 1e6: "MB", 1e3: "kB" }[size] ?? "B";
  return `${(bytes / size).toFixed(size > 1e3 && bytes < 10 * size ? 1 : 0)} ${unit}`;
}

/**
 * Return the name of a lane and the channels it is made of; once, where its name is just that.
 * @param {string} name
 * @param {string} source such as "a − b", or "" for a channel
 */
export function laneName(name, source = "") {
  return !source || name === source.replace(" \u2212 ", "-") ? source || name : `${name} = ${source}`;
}

/**
 * Format a range with as many decimals as tell its ends apart.
 * @param {number} low
 * @param {number} high
 */
export function spread(low, high) {
  const decimals = decimalsOf(Math.max(high - low, 1e-9));
  return `${low.toFixed(decimals)} … ${high.toFixed(decimals)}`;
}
