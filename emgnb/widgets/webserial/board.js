// A board opened by Web Serial: read it, and pass its bytes to the kernel.
import { Outbox } from "./outbox.js";

const GATHER = 50; // ms of bytes in one message
const TICK = 1000; // ms between signs of life
const PATIENCE = 5000, MOST_PATIENCE = 60_000; // ms without an acknowledgement until the page asks, at first and at most
const UNUSED = 300_000; // ms without a widget and a recording, after which the board is closed
const BUFFER = 1 << 16; // bytes that the browser buffers
const FAILURES = 100; // errors without a byte in between, after which a port is gone

/** @param {{usbVendorId?: number, usbProductId?: number}} info */
export const usbOf = ({ usbVendorId: vendor, usbProductId: product }) =>
  vendor === undefined ? "" : [vendor, product].map((id) => (id ?? 0).toString(16).padStart(4, "0")).join(":");

/**
 * A board and the bytes that the recorder does not have yet. It belongs to the page, and outlives the widgets that
 * show it: when the kernel restarts, its bytes wait for the next widget of the same name.
 */
export class Board {
  /**
   * @param {any} serial `navigator.serial`
   * @param {{get: () => any, set: (value: any) => void}} memory what is known after a reload of the page
   * @param {() => number} now ms
   */
  constructor(serial, memory, now = () => performance.now()) {
    this.serial = serial; this.memory = memory; this.now = now;
    this.outbox = new Outbox();
    /** @type {any} */
    this.port = null;
    this.baud = 0;
    this.reason = "";
    this.ask = 0;
    this.patience = PATIENCE;
    this.progress = this.flushed = this.shown = now();
    this.bytes = 0;
    this.writing = Promise.resolve();
    /** @type {((content: any, buffers?: ArrayBufferView[]) => void) | null} */
    this.send = null;
    this.changed = () => {};
  }

  get connected() { return this.port !== null; }

  /** Whether the recorder may expect bytes: also of a board that is gone, until it has them all. */
  get live() { return this.connected || this.outbox.parts.length > 0; }

  /**
   * Ask the user for a port, and open it. Only a click allows that.
   * @param {number} baud
   */
  async choose(baud) { await this.open(await this.serial.requestPort(), baud); }

  /** Open the port of before a reload, or one that was plugged in again; browsers allow that without a click. */
  async reopen() {
    const known = this.memory.get();
    if (!known || this.connected) return;
    for (const port of await this.serial.getPorts()) {
      if (usbOf(port.getInfo()) !== known.usb) continue;
      await this.open(port, known.baud);
      return;
    }
  }

  async open(port, baud) {
    await this.close("");
    clearInterval(this.timer);
    await port.open({ baudRate: baud, bufferSize: BUFFER });
    Object.assign(this, { port, baud, reason: "", bytes: 0 });
    this.memory.set({ usb: usbOf(port.getInfo()), baud });
    this.outbox.begin("");
    this.report();
    this.timer = setInterval(() => this.tick(), TICK);
    this.reading = this.read(port);
  }

  /** Read until the port is closed or the cable is pulled. */
  async read(port) {
    let failures = 0;
    while (this.port === port && port.readable && failures < FAILURES) {
      const reader = port.readable.getReader();
      this.reader = reader;
      try {
        for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
          failures = 0;
          this.received(value);
        }
        if (this.port === port) break; // the other end closed it
      } catch {
        failures += 1;
        this.outbox.skip(1); // an overrun or a framing error: some bytes are missing
      } finally {
        reader.releaseLock();
      }
    }
    if (this.port === port) this.gone(port, "the board was disconnected. Is the cable plugged in?");
  }

  /** @param {Uint8Array} value */
  received(value) {
    this.bytes += value.length;
    this.outbox.push(value);
    if (this.now() - this.flushed >= GATHER) this.flush();
    if (this.now() - this.shown >= TICK / 2) this.show();
  }

  show() {
    this.shown = this.now();
    this.changed();
  }

  /** Send what is due. */
  flush() {
    if (!this.send) return;
    const { outbox } = this;
    if (!outbox.waits) this.progress = this.now();
    for (let part = outbox.take(); part; part = outbox.take()) {
      this.flushed = this.now();
      this.tell({ kind: "chunk", stream: outbox.stream, first: part.first, after: part.after }, [part.bytes]);
    }
  }

  // Also sends the last bytes of a board that falls silent, and asks what a silent recorder has.
  tick() {
    this.flush();
    const waited = this.now() - this.progress;
    if (this.outbox.waits && waited >= this.patience) {
      this.patience = Math.min(2 * this.patience, MOST_PATIENCE);
      this.progress = this.now();
      this.report();
    } else this.tell({ kind: "alive" });
    if (!this.send && !this.outbox.stream && waited > UNUSED) this.close("");
    this.show();
  }

  /** Report the board; the recorder answers with what it has. */
  report() {
    this.ask += 1;
    const { ask, baud, live, reason, outbox: { stream } } = this;
    const usb = this.port ? usbOf(this.port.getInfo()) : "";
    this.tell({ kind: "board", connected: live, stream, ask, usb, baud, reason });
    this.show();
  }

  tell(content, buffers = []) {
    try {
      this.send?.(content, buffers);
    } catch {
      // The kernel is gone; the bytes are kept.
    }
  }

  /**
   * Act on a message of the recorder.
   * @param {any} content
   * @param {Uint8Array} body
   */
  heard(content, body) {
    const { kind, stream, next, ask } = content, { outbox } = this;
    if (!this.live) return;
    if (kind === "open") {
      if (stream !== outbox.stream) outbox.begin(stream);
      this.report();
    } else if (kind === "write") this.write(body);
    else if (stream !== outbox.stream) return;
    else if (kind === "end") outbox.begin("");
    else if (kind === "ack") this.moved(() => outbox.ack(next));
    else if (kind === "resume" && ask === this.ask) this.moved(() => outbox.resume(next));
  }

  moved(act) {
    act();
    this.progress = this.now();
    this.patience = PATIENCE;
    this.flush();
    if (!this.live) this.leave();
  }

  leave() {
    clearInterval(this.timer);
    this.report();
  }

  /** @param {Uint8Array} bytes a command to the board */
  write(bytes) {
    this.writing = this.writing.then(async () => {
      const writer = this.port?.writable?.getWriter();
      try {
        await writer?.write(bytes);
      } finally {
        writer?.releaseLock();
      }
    }).catch(() => {}); // a port that is lost shows when it is read
  }

  gone(port, reason) {
    Object.assign(this, { port: null, reason });
    this.flush();
    port.close().catch(() => {});
    if (this.live) this.show();
    else this.leave();
  }

  /**
   * Close the port.
   * @param {string} reason
   */
  async close(reason) {
    const { port, reader } = this;
    if (!port) return;
    this.port = null;
    await reader?.cancel().catch(() => {});
    await this.reading;
    this.gone(port, reason);
  }

  /**
   * Pass the bytes to a kernel from now on; null if there is none.
   * @param {typeof this.send} send
   * @param {() => void} changed called when there is something new to show
   */
  attach(send, changed = () => {}) {
    Object.assign(this, { send, changed });
    if (send) this.report();
  }
}
