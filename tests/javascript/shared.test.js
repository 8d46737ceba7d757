import assert from "node:assert/strict";
import { test } from "node:test";
import { aired, reach } from "../../emgnb/widgets/shared/axes.js";
import { isDark, isDrag, pinched, wheeled } from "../../emgnb/widgets/shared/canvas.js";
import { bytesOf, valuesOf } from "../../emgnb/widgets/shared/dom.js";
import { sayHello } from "../../emgnb/widgets/shared/hello.js";
import { bounds, counted, decimalsOf, firstFrom, nearest, ranged, roundStep, within } from "../../emgnb/widgets/shared/numbers.js";

test("the first place from a value on", () => {
  assert.equal(firstFrom([1, 3, 3, 5], 3), 1);
  assert.equal(firstFrom([1, 3, 3, 5], 6), 4);
  assert.equal(firstFrom([{ t: 1 }, { t: 2 }], 2, ({ t }) => t), 1);
  assert.equal(within(7, 0, 5), 5);
});

test("a range lies within its extent, is not too short, and keeps its middle if it can", () => {
  assert.deepEqual(ranged([2, 4], [0, 10], 1), [2, 4]);
  assert.deepEqual(ranged([-3, 1], [0, 10], 1), [0, 4]);
  assert.deepEqual(ranged([9, 13], [0, 10], 1), [6, 10]);
  assert.deepEqual(ranged([-3, 14], [0, 10], 1), [0, 10]);
  assert.deepEqual(ranged([5, 5], [0, 10], 1), [4.5, 5.5]);
  assert.deepEqual(ranged([5, 5], [0, 10], 99), [0, 10]);
});

test("a pointer that moves a little clicks", () => {
  assert.ok(!isDrag({ from: 10, to: 13 }) && isDrag({ from: 10, to: 6 }));
});

test("two times stay under two fingers", () => {
  assert.deepEqual(pinched([2, 4], [100, 200], [0, 400]), [0, 8]);
  assert.deepEqual(pinched([2, 4], [200, 100], [0, 400]), null); // crossed
  assert.equal(pinched([2, 4], [100, 100], [0, 400]), null);
});

test("the nearest place in a growing list", () => {
  assert.equal(nearest([], 1), null);
  assert.equal(nearest([0, 1, 4], 2.4), 1);
  assert.equal(nearest([0, 1, 4], 2.6), 2);
  assert.equal(nearest([0, 1, 4], 99), 2);
});

test("steps are 1, 2 or 5 times a power of ten, and decimals tell the ends of a range apart", () => {
  assert.deepEqual([0.3, 1, 1.5, 4, 70].map(roundStep), [0.5, 1, 2, 5, 100]);
  assert.deepEqual([200, 2, 0.02, 1e-9].map(decimalsOf), [0, 1, 3, 6]);
});

test("one thing has no plural", () => {
  assert.deepEqual([0, 1, 2].map((n) => counted(n, "burst")), ["0 bursts", "1 burst", "2 bursts"]);
});

test("bounds leave out missing values and what is outside", () => {
  assert.deepEqual(bounds([3, NaN, -1, 7]), [-1, 7]);
  assert.deepEqual(bounds([3, NaN, -1, 7], (k) => k < 2), [3, 3]);
  assert.deepEqual(reach([[0, 1], [-2, 0.5]]), [-2, 1]);
  assert.deepEqual(reach([[Infinity, -Infinity]]), [0, 1]);
  assert.deepEqual(aired([0, 0]), [-1, 1]);
});

test("a page with light text is dark", () => {
  assert.ok(isDark([230, 230, 230]) && !isDark([34, 34, 34]));
});

test("Ctrl with the wheel zooms, Shift pans, and the wheel alone is the notebook's", () => {
  const done = [], turn = (wheel) => wheeled({ deltaX: 0, deltaY: 3, preventDefault: () => done.push("kept"), ...wheel }, (factor) => done.push(factor), (part) => done.push(part));
  turn({ ctrlKey: true });
  turn({ shiftKey: true, deltaY: -3 });
  turn({});
  assert.deepEqual(done, [1.25, "kept", -0.1, "kept"]);
});

test("the bytes of a part of a buffer", () => {
  const whole = Float32Array.of(1, 2, 3);
  assert.deepEqual([...new Float32Array(bytesOf(whole.subarray(1)))], [2, 3]);
  assert.deepEqual(valuesOf({ get: (name) => name.length }, ["a", "bc"]), { a: 1, bc: 2 });
});

test("a page says hello until its own hello is answered", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sent = [], listeners = new Set();
  const model = { send: (content) => sent.push(content), on: (_, act) => listeners.add(act), off: (_, act) => listeners.delete(act) };
  const hear = (content) => [...listeners].forEach((act) => act(content));
  sayHello(model);
  const { page } = sent[0];
  assert.deepEqual(sent, [{ kind: "hello", page }]);
  t.mock.timers.tick(2000);
  t.mock.timers.tick(4000);
  assert.deepEqual(sent.map((each) => each.page), [page, page, page]);
  hear({ kind: "greeted", page: "of another tab" });
  t.mock.timers.tick(8000);
  assert.equal(sent.length, 4);
  hear({ kind: "greeted", page });
  t.mock.timers.tick(100_000);
  assert.equal(sent.length, 4);
  assert.equal(listeners.size, 0);
});

test("a page that is closed says nothing more", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sent = [], stop = sayHello({ send: (content) => sent.push(content), on: () => {}, off: () => {} });
  stop();
  t.mock.timers.tick(100_000);
  assert.equal(sent.length, 1);
});
