// Bytes of a board that the recorder does not have yet.

export const LIMIT = 32 * 2 ** 20; // bytes kept: 20 minutes of 8 channels at 1 kHz
export const MESSAGE = 16 * 1024; // bytes in one message, at most
export const WINDOW = 16; // messages sent ahead of the acknowledgements

/**
 * @typedef {object} Part a message: numbers of its first byte and of the byte after its last
 * @property {number} first
 * @property {number} end
 * @property {number} after number of the byte after the last one before this message that was not dropped
 * @property {Uint8Array} bytes
 */

/** A queue of numbered bytes: those sent are kept until they are acknowledged. */
export class Outbox {
  constructor(limit = LIMIT) {
    this.limit = limit;
    this.begin("");
  }

  /**
   * Begin a stream, with byte 0; what is in the queue is dropped.
   * @param {string} stream its name, "" for none
   */
  begin(stream) {
    this.stream = stream;
    /** @type {Part[]} */
    this.parts = [];
    this.unsent = 0; // index of the first part that is to be sent
    this.next = this.acknowledged = this.lost = this.after = 0;
  }

  /** Number of bytes that are kept. */
  get kept() { return this.parts.reduce((sum, { first, end }) => sum + end - first, 0); }

  /**
   * Add bytes. A full queue drops them all, so that one gap is left and not many.
   * @param {Uint8Array} bytes
   */
  push(bytes) {
    if (!this.stream) return;
    if (this.next - this.acknowledged + bytes.length > this.limit) {
      this.skip(bytes.length);
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const part = this.open(), room = MESSAGE - (part.end - part.first);
      const piece = bytes.subarray(at, at + room);
      part.bytes.set(piece, part.end - part.first);
      part.end += piece.length;
      this.next += piece.length;
      this.after = this.next;
      at += piece.length;
    }
  }

  /**
   * Number bytes that are not there.
   * @param {number} count at least that many
   */
  skip(count) {
    this.next += count;
    this.lost += count;
  }

  /** The last part, if more bytes fit into it. */
  open() {
    const { parts, next } = this, last = parts.at(-1);
    if (last && parts.length > this.unsent && last.end === next && next - last.first < MESSAGE) return last;
    const made = { first: next, end: next, after: this.after, bytes: new Uint8Array(MESSAGE) };
    parts.push(made);
    return made;
  }

  /**
   * Take the next message, if one is due.
   * @returns {Part | undefined}
   */
  take() {
    const part = this.parts[this.unsent];
    if (!part || this.unsent >= WINDOW) return undefined;
    this.unsent += 1;
    return { ...part, bytes: part.bytes.slice(0, part.end - part.first) };
  }

  /**
   * Drop what the recorder has.
   * @param {number} next number of the byte that it expects
   */
  ack(next) {
    const done = this.parts.findIndex(({ end }) => end > next), count = done < 0 ? this.parts.length : done;
    this.parts.splice(0, count);
    this.unsent = Math.max(0, this.unsent - count);
    this.acknowledged = Math.max(this.acknowledged, next);
  }

  /**
   * Send again what the recorder does not have.
   * @param {number} next number of the byte that it expects
   */
  resume(next) {
    this.ack(next);
    this.unsent = 0;
  }

  /** Whether something sent is not acknowledged. */
  get waits() { return this.unsent > 0; }
}
