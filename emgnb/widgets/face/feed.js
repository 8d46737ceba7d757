// The newest live output in the page: how old it is, and when it is too old to be shown.

const OLD = 500; // ms without an output after which nothing is known: the kernel or the decoder stands still
const RECENT = 2000; // ms over which the delay is taken
const LEAK = 0.01; // by which the least delay may grow per ms: the clocks of kernel and page may be set

/**
 * Return the median; NaN of none.
 * @param {number[]} values
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : Number.NaN;
}

/** Live outputs as they come. */
export class Feed {
  constructor() {
    /** @type {any} */
    this.newest = null;
    this.came = Number.NaN; // ms, of the page's clock; when the newest would have come without being held up
    this.least = Infinity; // ms from a sample to the page, at best
    this.asked = 0;
    this.over = false;
    /** @type {{at: number, delay: number}[]} */
    this.delays = [];
  }
  /**
   * Take an output. A network that was down delivers what it held up at once: it is as old as it is late.
   * @param {any} output with its age in ms, where the page was opened after it was made
   * @param {number} time ms
   * @param {number} clock ms since 1970
   */
  take(output, time, clock) {
    const late = clock - output.sampled;
    this.least = Math.min(late - (output.age ?? 0), this.least + LEAK * (clock - this.asked));
    this.asked = clock;
    this.newest = output;
    this.came = time - (late - this.least);
    this.over = false;
    this.undrawn = time - this.came < OLD;
  }
  end() { this.over = true; }

  /**
   * Note that the newest output is drawn.
   * @param {number} clock ms since 1970
   */
  drawn(clock) {
    if (!this.undrawn || !this.newest?.sampled) return;
    this.undrawn = false;
    this.delays.push({ at: clock, delay: clock - this.newest.sampled });
    while (this.delays[0].at < clock - RECENT) this.delays.shift();
  }
  /** Median ms from a sample until it is drawn; NaN if not known. */
  get delay() { return median(this.delays.map(({ delay }) => delay)); }

  /**
   * Return what is known: an output that is too old is not.
   * @param {number} time ms
   */
  now(time) {
    const { newest } = this, empty = { values: {}, activity: [] };
    if (this.over) return { ...empty, gap: "no more outputs" };
    if (!newest) return { ...empty, gap: "waiting for the first output" };
    if (newest.gap) return { ...empty, gap: newest.gap };
    const late = time - this.came;
    if (late > OLD) return { ...empty, gap: `no new values for ${Math.floor(late / 1000) || "½"} s` };
    return { values: newest.values, activity: newest.activity, gap: "" };
  }
}
