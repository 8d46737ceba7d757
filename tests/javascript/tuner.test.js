import assert from "node:assert/strict";
import { test } from "node:test";
import { raised, ticks, written } from "../../emgnb/widgets/shared/axes.js";
import { boxesOf, valuesAt } from "../../emgnb/widgets/tuner/pane.js";
import { View, keysOf } from "../../emgnb/widgets/tuner/view.js";

test("ticks are round numbers within the range", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(-130, 130, 3), [-100, 0, 100]);
});

test("large and small axes take out a power of ten", () => {
  assert.equal(raised(-6), "10⁻⁶");
  const { power, say } = written(0, 2e-6);
  assert.equal(power, -6);
  assert.equal(say(1e-6), "1");
  assert.equal(written(0, 100).power, 0);
});

test("a view lies within the recording, and is not too short", () => {
  const view = new View({ set: () => {}, save_changes: () => {} }, () => [0, 10], () => {});
  view.look([-3, 14]);
  assert.equal(view.range, null); // the whole recording
  view.look([5, 5]);
  assert.ok(Math.abs(view.range[1] - view.range[0] - 0.02) < 1e-9);
});

test("keys zoom, pan and show all", () => {
  const set = {}, model = { get: () => [2, 4], set: (name, value) => { set[name] = value; }, save_changes: () => {} };
  let changes = 0;
  const view = new View(model, () => [0, 10], () => { changes += 1; }), keys = keysOf(view);
  view.read();
  keys["+"]();
  assert.deepEqual(set.view, [2.5, 3.5]);
  keys.PageDown();
  assert.deepEqual(set.view, [3.5, 4.5]);
  keys.End();
  assert.deepEqual(set.view, [9, 10]);
  keys.w();
  assert.deepEqual([set.view, view.range, view.seen, changes], [[], null, [0, 10], 5]);
});

test("the last two panes lie beside each other where there is room", () => {
  const wide = boxesOf(1000, 4), narrow = boxesOf(400, 4);
  assert.equal(wide[2].top, wide[3].top);
  assert.ok(wide[3].left > wide[2].right);
  assert.ok(narrow[3].top > narrow[2].foot);
  assert.equal(narrow[3].left, narrow[0].left);
});

test("the values under the mouse are pairs of minimum and maximum on a time axis", () => {
  const curve = (up) => ({ name: "recorded", start: 1, across: Float32Array.of(0, 0, 1, 1), up: Float32Array.from(up) });
  const at = (up, extent) => valuesAt({ title: "", unit: "s", log: false, curves: [curve(up)], extent }, 1);
  assert.deepEqual(at([1, 2, 3, 4], [0, 9]), ["1 … 2"]);
  assert.deepEqual(at([1, 1, 3, 4], [0, 9]), ["1"]);
  assert.deepEqual(at([NaN, NaN, 3, 4], [0, 9]), ["missing"]);
  assert.deepEqual(at([NaN, NaN, 3, 4], undefined), ["–"]);
  assert.deepEqual(valuesAt({ title: "", unit: "s", log: false, curves: [{ ...curve([]), across: new Float32Array(0) }] }, 1), []);
});
