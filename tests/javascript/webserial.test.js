import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, usbOf } from "../../emgnb/widgets/webserial/board.js";
import { MESSAGE, Outbox, WINDOW } from "../../emgnb/widgets/webserial/outbox.js";
import { errorText, stateText } from "../../emgnb/widgets/webserial/text.js";

const bytes = (count, from = 0) => Uint8Array.from({ length: count }, (_, i) => (from + i) % 251);
const outbox = (limit) => {
  const made = new Outbox(limit);
  made.begin("s");
  return made;
};
const takeAll = (box) => {
  const found = [];
  for (let part = box.take(); part; part = box.take()) found.push(part);
  return found;
};
const joined = (parts) => parts.flatMap((part) => [...part.bytes]);

test("what is pushed comes out once, in order, in any pieces", () => {
  const box = outbox(), all = bytes(5 * MESSAGE + 7);
  for (let at = 0, step = 1; at < all.length; at += step, step = (step * 7) % 5003 + 1) box.push(all.subarray(at, at + step));
  const parts = takeAll(box);
  assert.deepEqual(joined(parts), [...all]);
  assert.deepEqual(parts.map(({ first }) => first), [0, 1, 2, 3, 4, 5].map((n) => n * MESSAGE));
});

test("no more than the window is sent ahead, and an acknowledgement lets the next go", () => {
  const box = outbox();
  box.push(bytes((WINDOW + 3) * MESSAGE));
  const parts = takeAll(box);
  assert.equal(parts.length, WINDOW);
  box.ack(parts[1].end);
  assert.equal(takeAll(box).length, 2);
  assert.equal(box.kept, (WINDOW + 1) * MESSAGE);
});

test("what was not acknowledged is sent again, unchanged", () => {
  const box = outbox();
  box.push(bytes(100));
  const [first] = takeAll(box);
  box.push(bytes(50, 100));
  const [second] = takeAll(box);
  assert.equal(second.first, 100);
  box.resume(first.end);
  assert.deepEqual(joined(takeAll(box)), [...second.bytes]);
  box.resume(0);
  assert.deepEqual(joined(takeAll(box)), [...bytes(50, 100)]);
});

test("a full buffer leaves one gap, which the numbers show", () => {
  const box = outbox(1000);
  box.push(bytes(900));
  box.push(bytes(200));
  box.push(bytes(50));
  assert.deepEqual([box.kept, box.lost, box.next], [900, 250, 1150]);
  box.ack(takeAll(box)[0].end);
  box.push(bytes(50));
  // Each message tells where the bytes before it end, so that dropped ones differ from those lost on the way.
  const told = () => takeAll(box).map(({ first, after, end }) => [first, after, end]);
  assert.deepEqual(told(), [[1150, 900, 1200]]);
  box.push(bytes(10));
  assert.deepEqual(told(), [[1200, 1200, 1210]]);
});

test("without a recorder nothing is kept", () => {
  const box = new Outbox();
  box.push(bytes(10));
  assert.deepEqual([box.kept, box.next], [0, 0]);
});

class FakePort {
  constructor() { this.written = []; }
  getInfo() { return { usbVendorId: 0x2341, usbProductId: 0x42 }; }
  async open(options) {
    this.options = options;
    this.readable = new ReadableStream({ start: (controller) => { this.controller = controller; } });
    this.writable = new WritableStream({ write: (chunk) => { this.written.push(...chunk); } });
  }
  async close() { this.readable = this.writable = null; }
}

async function connected(t) {
  const port = new FakePort(), sent = [], clock = { now: 0 };
  let kept = null;
  const memory = { get: () => kept, set: (value) => { kept = value; } };
  const board = new Board({ requestPort: async () => port, getPorts: async () => [port] }, memory, () => clock.now);
  board.attach((content, buffers) => sent.push({ ...content, bytes: buffers?.[0] }));
  t.after(() => clearInterval(board.timer));
  await board.choose(500_000);
  return { board, port, sent, clock, memory };
}
const until = async (so) => { while (!so()) await new Promise((done) => { setTimeout(done, 1); }); };
const chunks = (sent) => sent.filter(({ kind }) => kind === "chunk");
const kinds = (sent) => sent.map(({ kind }) => kind);

test("a board is opened at its rate, reported, and read once somebody records", async (t) => {
  const { board, port, sent, clock } = await connected(t);
  assert.equal(port.options.baudRate, 500_000);
  const report = sent.at(-1);
  assert.deepEqual([report.kind, report.connected, report.usb, report.stream], ["board", true, "2341:0042", ""]);
  port.controller.enqueue(bytes(10));
  await until(() => board.bytes === 10);
  board.heard({ kind: "open", stream: "abc" });
  assert.equal(sent.at(-1).stream, "abc");
  clock.now = 100;
  port.controller.enqueue(bytes(20, 10));
  await until(() => chunks(sent).length);
  assert.deepEqual([...chunks(sent)[0].bytes], [...bytes(20, 10)]);
  assert.equal(chunks(sent)[0].first, 0);
  board.heard({ kind: "write" }, bytes(3));
  await until(() => port.written.length);
  assert.deepEqual(port.written, [0, 1, 2]);
  await board.close("done");
  board.heard({ kind: "ack", stream: "abc", next: 20 });
  assert.deepEqual([sent.at(-1).connected, sent.at(-1).reason], [false, "done"]);
});

test("only the answer to the latest question has everything sent again", async (t) => {
  const { board, port, sent, clock } = await connected(t);
  board.heard({ kind: "open", stream: "abc" });
  clock.now = 100;
  port.controller.enqueue(bytes(20));
  await until(() => chunks(sent).length);
  const old = board.ask;
  clock.now = 10_000;
  board.tick();
  assert.equal(sent.at(-1).kind, "board");
  sent.length = 0;
  board.heard({ kind: "resume", stream: "abc", next: 0, ask: old });
  assert.deepEqual(kinds(sent), []);
  board.heard({ kind: "resume", stream: "abc", next: 0, ask: board.ask });
  assert.deepEqual(kinds(sent), ["chunk"]);
  await board.close("");
});

test("a board that is unplugged is reported after its last bytes, and opened again", async (t) => {
  const { board, port, sent, clock } = await connected(t);
  board.heard({ kind: "open", stream: "abc" });
  clock.now = 100;
  port.controller.enqueue(bytes(20));
  await until(() => chunks(sent).length);
  sent.length = 0;
  port.controller.error(new Error("lost"));
  port.readable = null;
  await until(() => !board.connected);
  assert.ok(sent.every(({ kind, connected }) => kind !== "board" || connected));
  board.heard({ kind: "ack", stream: "abc", next: 20 });
  assert.equal(sent.at(-1).connected, false);
  assert.match(sent.at(-1).reason, /cable/);
  await board.reopen();
  assert.equal(sent.at(-1).connected, true);
  await board.close("");
});

test("a port that only fails is gone, and the page goes on", async (t) => {
  const { board, port } = await connected(t);
  port.controller.error(new Error("lost")); // and no new stream in its place
  await until(() => !board.connected);
  assert.match(board.reason, /disconnected/);
});

test("the state says what waits and what is lost", () => {
  const box = { stream: "", kept: 1500, limit: 32e6, lost: 0 };
  const board = { connected: true, reason: "", baud: 500_000, bytes: 2.5e6, outbox: box };
  assert.equal(stateText(board), "Connected at 500000 baud, 2.5 MB received. Nothing records it.");
  assert.match(stateText({ ...board, outbox: { ...box, stream: "s", lost: 5000 } }), /Recording; 1\.5 kB of at most 32\.0 MB wait for the recorder, 5\.0 kB lost\./);
  assert.equal(stateText({ ...board, connected: false }), "Not connected.");
  assert.equal(errorText({ name: "NotFoundError" }), "no port was chosen");
  assert.equal(usbOf({ usbVendorId: 0x1a86, usbProductId: 0x7523 }), "1a86:7523");
  assert.equal(usbOf({}), "");
});
