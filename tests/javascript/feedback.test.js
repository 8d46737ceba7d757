import assert from "node:assert/strict";
import { test } from "node:test";
import { History, heightOf } from "../../emgnb/widgets/feedback/scene.js";
import { askedOf, percent, progressOf, rangeOf, spoken } from "../../emgnb/widgets/feedback/words.js";

const moment = (more = {}) => ({ phase: "go", trial: 2, of: 6, name: "hold 40 %", seconds: 1, left: 3, target: { L12: [0.3, 0.5] }, values: { L12: 0.38 }, inside: true, held: 0, selection: "", dwell: 0, note: "", score: 86.4, ahead: [], ...more });

test("what is asked in each phase", () => {
  assert.equal(askedOf(null, false), "Ready when you are");
  assert.equal(askedOf(moment(), true), "Hold 40 %");
  assert.equal(askedOf(moment(), false), "Ready when you are");
  assert.equal(askedOf(moment({ phase: "rest" }), true), "Relax. Next: hold 40 %");
  assert.equal(askedOf(moment({ phase: "rest", selection: "key" }), true), "Relax");
  assert.equal(askedOf(moment({ phase: "gap" }), true), "No signal");
  assert.equal(askedOf(moment({ phase: "over" }), false), "Done. Thank you!");
});

test("numbers, and what is said of them", () => {
  assert.equal(percent(undefined), "–");
  assert.equal(rangeOf([0.3, 0.5]), "30–50 %");
  assert.equal(progressOf(moment()), "trial 2 of 6, score 86 %");
  assert.equal(progressOf(moment({ score: null })), "trial 2 of 6");
  assert.equal(progressOf(moment({ phase: "over" })), "score 86 %");
  assert.equal(spoken(moment(), ""), "L12 38 %, asked 30–50 %: inside");
  assert.equal(spoken(moment(), "412 scans lost"), "412 scans lost");
});

test("the history keeps six seconds, and a gap has no value", () => {
  const history = new History();
  for (let k = 0; k <= 100; k++) history.take(moment({ seconds: k / 10, phase: k === 99 ? "gap" : "go" }), "L12");
  assert.equal(history.points[0].seconds, 4);
  assert.equal(history.points.at(-2)?.value, null);
  assert.equal(history.points.at(-1)?.value, 0.38);
  history.take(moment({ seconds: 0 }), "L12"); // another run
  assert.equal(history.points.length, 1);
  assert.ok(heightOf(8) > heightOf(1));
});
