// Montage: which channel lies on which muscle and side.

/** @typedef {[channel: string, muscle: string, side: string]} Row */
/** @typedef {{channel: string, muscle: string, side: string}} Spot */

/**
 * Return the row of a channel without a site.
 * @param {number} k index of the channel
 * @returns {Row}
 */
export const unassigned = (k) => [`ch${k + 1}`, "", ""];

/**
 * Return whether a channel lies on a site.
 * @param {Row} row
 * @param {Omit<Spot, "channel">} spot
 */
export const lies = ([, muscle, side], spot) => muscle === spot.muscle && side === spot.side;

/**
 * Assign a site to a channel; a channel that had it loses it.
 * @param {Row[]} montage
 * @param {number} chosen index of the channel
 * @param {Spot} spot
 * @returns {Row[]}
 */
export function changedSite(montage, chosen, spot) {
  const other = montage.findIndex((row) => lies(row, spot));
  return montage.map((row, k) => (k === chosen ? [spot.channel, spot.muscle, spot.side] : k === other ? unassigned(k) : row));
}

/**
 * Return a montage of `n` channels; new ones get the sites that are free, in the order of the table.
 * @param {Row[]} montage
 * @param {number} n
 * @param {[string, string, string, ...unknown[]][]} sites
 * @returns {Row[]}
 */
export function withChannels(montage, n, sites) {
  const spare = sites.filter(([channel]) => !montage.some((row) => row[0] === channel));
  return Array.from({ length: n }, (_, k) => {
    if (montage[k]) return montage[k];
    const [channel, muscle, side] = spare.shift() ?? unassigned(k);
    return [channel, muscle, side];
  });
}

/**
 * Describe a channel in the list.
 * @param {Row} row
 * @param {{title: string} | undefined} spot where it lies
 */
export function rowText([channel, muscle, side], spot) {
  if (spot) return `${spot.title.split(" (")[0]}, ${side}`;
  return muscle ? `${channel}: ${muscle}, ${side}` : `${channel}: no site`;
}
