import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, duration, eventText, momentText, movedText, seconds, spanOf } from "../../emgnb/widgets/labeller/describe.js";
import { CODE_KEY, Events, facsCode, facsText, nameOf, oneLip, stacked } from "../../emgnb/widgets/labeller/events.js";
import { Keyboard, TypedCode, edgeOf, keyName } from "../../emgnb/widgets/labeller/keys.js";
import { figure, timeStep } from "../../emgnb/widgets/labeller/overlay.js";
import { leftText } from "../../emgnb/widgets/labeller/review.js";
import { Tiles } from "../../emgnb/widgets/labeller/tiles.js";
import { reach } from "../../emgnb/widgets/labeller/trace.js";

test("times and durations as text", () => {
  assert.equal(seconds(1.23456), "1.235");
  assert.equal(duration(0.0123), "12 ms");
  assert.equal(duration(12.34), "12.3 s");
  assert.equal(clock(12.34, 1), "12.3 s");
  assert.equal(clock(75), "1:15");
  assert.equal(clock(3723.5, 1), "1:02:03.5");
});

test("an event is written as FACS writes it", () => {
  assert.equal(facsText({ side: "L", au: "12", intensity: "C" }), "L12C");
  assert.equal(nameOf({ side: "", au: "12", intensity: "", label: "smile" }), "12 smile");
  assert.equal(nameOf({ side: "", au: "", intensity: "", label: "" }), "?");
});

test("typed codes are read as FACS means them", () => {
  assert.deepEqual(facsCode("12"), { au: "12", side: "" });
  assert.deepEqual(facsCode("l12c"), { au: "12", side: "L", intensity: "C" });
  assert.deepEqual(facsCode("b"), { intensity: "B" });
  assert.deepEqual(facsCode("r"), { side: "R" });
  assert.equal(facsCode("q"), null);
  assert.ok(oneLip({ au: "12", side: "B" }) && !oneLip({ au: "23", side: "B" }));
});

test("keys that belong to a code", () => {
  assert.ok(["1", "a", "e", "l", "r", "u", "t"].every((key) => CODE_KEY.test(key)));
  assert.ok(!["i", "o", "p", "n", "Enter", "12"].some((key) => CODE_KEY.test(key)));
});

test("the edges of an event stop at one another", () => {
  const events = new Events(() => {}, () => {}), row = { onset: 1, apex: null, offset: 2 };
  assert.equal(events.bounded(row, "onset", 5, [0, 10], 0.1), 1.9);
  assert.equal(events.bounded({ ...row, apex: 1.5 }, "offset", 0, [0, 10], 0.1), 1.5);
  assert.equal(events.bounded(row, "apex", 3, [0, 10], 0.1), 2);
});

test("events are kept in order, in as many strips as overlap", () => {
  const sent = [], events = new Events((content) => sent.push(content), () => {});
  events.fresh({ onset: 3, offset: 5 });
  events.fresh({ onset: 1, offset: 4 });
  assert.deepEqual(events.own.map(({ onset, strip }) => [onset, strip]), [[1, 0], [3, 1]]);
  assert.deepEqual(events.seen(4.5, 6).map(({ onset }) => onset), [3]);
  assert.equal(sent.length, 2);
});

test("overlapping events lie in rows of their own, and rows are used again", () => {
  const times = [[0, 4], [1, 2], [1, 3], [2, 3], [4, 5]].map(([onset, offset]) => ({ onset, offset }));
  assert.equal(stacked(times, 8), 3);
  assert.deepEqual(times.map(({ strip }) => strip), [0, 1, 2, 1, 0]);
  assert.equal(stacked(times, 2), 2); // beyond the limit, over the one that ends first
  assert.deepEqual(times.map(({ strip }) => strip), [0, 1, 1, 1, 0]);
});

test("each coder has as many rows as events overlap, below the own ones", () => {
  const events = new Events(() => {}, () => {}), span = (onset, offset) => ({ onset, offset });
  events.compare({ Ann: [span(1, 4), span(0, 3)], Ben: [], Cleo: [span(0, 1), span(1, 2)] });
  assert.deepEqual(events.others.Ann.map(({ onset, strip }) => [onset, strip]), [[0, 0], [1, 1]]);
  assert.deepEqual([0, 1, 2, 3].map((i) => events.firstStrip(i)), [3, 5, 6, 7]);
  for (let i = 0; i < 4; i++) events.fresh(span(0, 5));
  assert.deepEqual(events.own.map(({ strip }) => strip), [0, 1, 2, 3]);
  assert.equal(events.firstStrip(0), 4);
});

function tiles() {
  const state = { size: 64_000, rate: 1000, extent: [0, 63.999], levels: 4, bins: 1000, factor: 8, channels: ["a"] };
  return new Tiles({ get: (name) => state[name] }, () => {}, () => {});
}

test("the level of decimation has bins no wider than a pixel", () => {
  const all = tiles();
  assert.equal(all.levelFor(500, 1000), 0);
  assert.equal(all.levelFor(8000, 1000), 1);
  assert.equal(all.levelFor(63_999, 1000), 1);
  assert.equal(all.levelFor(64_000, 1000), 2);
  assert.equal(all.levelFor(1e9, 1), 3);
});

test("a coarser tile stands in for one that is not there", () => {
  const all = tiles(), tile = (level, bins) => ({ level, index: 0, bins, first: 0, size: all.span(level) });
  all.kept.set("raw/3/0", tile(3, 125));
  all.kept.set("raw/0/0", tile(0, 1000));
  assert.deepEqual(all.pieces("raw", 0, 2000, 0).map(([{ level }, first, last]) => [level, first, last]), [[0, 0, 1000], [3, 1, 4]]);
});

test("rare extremes may leave their lane", () => {
  const low = Array.from({ length: 1000 }, () => -1), high = low.map(() => 1);
  assert.deepEqual(reach(low, high), [0, 1]);
  high[500] = 100;
  assert.ok(reach(low, high)[1] < 2);
});

const event = (more) => ({ onset: 1, apex: null, offset: 1.5, au: "12", side: "L", intensity: "C", label: "", channel: "", state: "", ...more });

test("an event, a moment and an undo in words", () => {
  assert.equal(eventText(event({ apex: 1.2, channel: "a" })), "L12C: 1.000 – 1.500 s, 500 ms, apex 1.200, on a");
  const rows = [event({ snr: 6, channel: "a" }), event({ onset: 0.5, offset: 3, snr: 20, channel: "b" })];
  assert.deepEqual(spanOf(rows), [0.5, 3]);
  assert.equal(momentText(rows), "0.500 – 3.000 s: 2 bursts, strongest 20 dB on b");
  const moved = (rows, before) => movedText({ move: "undo", rows }, before);
  assert.match(moved([["k", null]], [event({})]), /^undo: L12C: .* is gone$/);
  assert.match(moved([["k", event({})]], [undefined]), / is back$/);
  assert.equal(moved([["k", event({ state: "refused" })], ["l", event({ state: "refused" })]], []), "undo: 2 bursts rejected");
  assert.equal(moved([["k", event({ state: "refused" })], ["l", event({})]], []), "undo: 2 bursts changed");
  assert.equal(moved([["k", null], ["l", null]], []), "undo: 2 bursts no longer proposed");
});

test("what is left to review", () => {
  const events = { byMoment: true, leaders: [1], offered: [1, 2] };
  assert.equal(leftText(events), "1 moment, 2 bursts");
  assert.equal(leftText({ ...events, byMoment: false }, 5), "2 of 5 bursts");
});

test("a code is typed letter by letter, and a letter that does not fit begins another", () => {
  const code = new TypedCode(), type = (letter) => code.type(letter);
  assert.deepEqual(type("l"), { change: { side: "L" }, first: true });
  assert.deepEqual(type("1"), { change: { au: "1", side: "L" }, first: false });
  assert.deepEqual(type("2"), { change: { au: "12", side: "L" }, first: false });
  assert.deepEqual(type("c"), { change: { au: "12", side: "L", intensity: "C" }, first: false });
  assert.deepEqual(type("4"), { change: { au: "4", side: "" }, first: true });
  code.forget();
  assert.deepEqual(type("b"), { change: { intensity: "B" }, first: true });
});

test("arrow keys move the edge that Alt and Shift name", () => {
  const edges = [[false, false], [true, false], [false, true], [true, true]].map(([altKey, shiftKey]) => edgeOf({ altKey, shiftKey }));
  assert.deepEqual(edges, [null, "onset", "offset", "apex"]);
  assert.deepEqual(["G", "N", "W", "Enter"].map(keyName), ["G", "N", "w", "Enter"]);
});

function keyboard() {
  const done = [], tell = (name) => new Proxy({}, { get: (_, what) => (...given) => done.push(`${name}.${what} ${given.filter((each) => typeof each !== "object").join(" ")}`.trim()) });
  const stage = { cursor: 2, from: 0, to: 10, spread: 10, began: null, drag: null, shortest: 0.01, snapTo: (_, t) => t, seek: (t) => { stage.cursor = t; } };
  const app = { stage, events: { event: null }, tiles: { start: 0, end: 10 }, review: tell("review"), video: tell("video"),
    add: (a, b) => done.push(`add ${a} ${b}`), say: () => {}, act: (kind) => done.push(kind), move: (way) => done.push(way), inOne: false, lane: 0 };
  const keys = new Keyboard(app), press = (key, more = {}) => {
    keys.pressed({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, preventDefault: () => {}, stopPropagation: () => {}, ...more });
  };
  return { stage, done, press };
}

test("keys act by the name of the key and its modifiers", () => {
  const { stage, done, press } = keyboard();
  press("n"); press("N"); press(" "); press("z", { ctrlKey: true }); press("Z", { ctrlKey: true, shiftKey: true });
  press("Delete", { shiftKey: true }); press("n", { altKey: true }); press("q");
  assert.deepEqual(done, ["review.go 1", "review.go -1", "video.toggle", "undo", "redo", "review.decideAll refused"]);
  press("ArrowRight"); press("ArrowLeft", { ctrlKey: true });
  assert.equal(stage.cursor, 2 + 0.1 - 1);
});

test("Enter begins an event at the cursor, and ends it", () => {
  const { stage, done, press } = keyboard();
  press("Enter");
  assert.deepEqual(stage.began, { from: 2, to: 2 });
  stage.cursor = 1;
  press("Enter");
  assert.deepEqual([stage.began, done], [null, ["add 1 2"]]);
  press("Enter"); press("Enter");
  assert.equal(done.length, 1); // the cursor was not moved
});

test("steps of the time axis are round, in minutes for long views", () => {
  assert.deepEqual([0.03, 0.5, 1.1, 9, 11, 45, 1e6].map(timeStep).map((step) => Number(step.toPrecision(6))), [0.05, 0.5, 2, 10, 30, 60, 14400]);
  assert.deepEqual([123.4, 12.34, 1.234, 0.1234, 0.00012, 0].map(figure), ["123", "12.3", "1.23", "0.123", "1.2e-4", "0.000"]);
});
