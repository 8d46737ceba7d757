// Numbers: limits, sorted arrays, round steps, decimals and counts.

/**
 * Limit a value to a range.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const within = (value, low, high) => Math.min(Math.max(low, value), high);

/**
 * Limit a range to an extent and to a least length; its middle stays where it is, if it can.
 * @param {number[]} range
 * @param {number[]} extent
 * @param {number} shortest
 */
export function ranged([from, to], [start, end], shortest) {
  const spread = within(to - from, Math.min(end - start, shortest), end - start);
  const first = within((from + to - spread) / 2, start, end - spread);
  return [first, first + spread];
}

/**
 * Return the index of the first item with `key(item) >= value` in a sorted array.
 * @template Item
 * @param {ArrayLike<Item>} list
 * @param {number} value
 * @param {(item: Item) => any} key
 */
export function firstFrom(list, value, key = (item) => item) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
}

/**
 * Return the index of the value nearest to another; null for an empty array.
 * @param {ArrayLike<number>} sorted increasing values
 * @param {number} value
 */
export function nearest(sorted, value) {
  if (!sorted.length) return null;
  const at = Math.min(firstFrom(sorted, value), sorted.length - 1);
  return at && value - sorted[at - 1] < sorted[at] - value ? at - 1 : at;
}

/**
 * Return the smallest of 1, 2, 5 and 10 times a power of ten that is not below a value.
 * @param {number} least
 */
export function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(least || 1));
  return [1, 2, 5, 10].find((k) => k * ten >= least) * ten;
}

/**
 * Return the number of decimals that tell the ends of a range apart, at most 6.
 * @param {number} range
 */
export const decimalsOf = (range) => within(1 - Math.floor(Math.log10(range)), 0, 6);

/**
 * Write a number of things, as "1 burst" and "2 bursts".
 * @param {number} n
 * @param {string} thing
 */
export const counted = (n, thing) => `${n} ${thing}${n === 1 ? "" : "s"}`;

/**
 * Return the least and the greatest value, without NaN.
 * @param {ArrayLike<number>} values
 * @param {(index: number) => boolean} inside which values are taken
 * @returns {[number, number]}
 */
export function bounds(values, inside = () => true) {
  let low = Infinity, high = -Infinity;
  for (let k = 0; k < values.length; k++) {
    const value = values[k];
    if (value < low && inside(k)) low = value;
    if (value > high && inside(k)) high = value;
  }
  return [low, high];
}
