import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, countOf, faceText, instructionOf, nameOfStep, progressOf, requestOf, titleOf, unitsOf } from "../../emgnb/widgets/cues/phases.js";

const moment = (phase, more = {}) => ({ phase, seconds: 2, began: 0, step: { kind: "expression", name: "smile", instruction: "Smile.", aus: { 12: "E", 6: "" } }, ...more });

test("the start button starts, pauses and resumes", () => {
  const phases = ["ready", "countdown", "hold", "rest", "paused", "over", "stopped", "failed"];
  assert.deepEqual(phases.map(requestOf), ["start", "pause", "pause", "pause", "resume", "start", "start", "start"]);
  assert.deepEqual(phases.map(actionOf), ["Start", "Pause", "Pause", "Pause", "Resume", "Run again", "Run again", "Run again"]);
  assert.equal(titleOf("hold"), "Hold");
});

test("the face shows the step's units, and is at rest between the steps", () => {
  assert.deepEqual(unitsOf(moment("hold")), { 12: 1, 6: 0.7 });
  assert.deepEqual(unitsOf(moment("rest")), {});
  assert.equal(faceText(moment("countdown")), "a face that shows smile");
  assert.equal(faceText(moment("over")), "a face at rest");
});

test("what to do, and what went wrong", () => {
  assert.equal(instructionOf(moment("hold"), "all"), "Smile.");
  assert.equal(instructionOf(moment("ready"), "all"), "all");
  assert.equal(instructionOf(moment("rest"), "all"), "");
  assert.equal(instructionOf(moment("stopped", { asked: 2, expressions: 6 }), "all"), "2 of 6 expressions were cued.");
  assert.equal(instructionOf(moment("failed", { problem: "No signal." }), "all"), "No signal.");
  assert.equal(nameOfStep({ kind: "baseline" }), "rest");
  assert.equal(nameOfStep({ kind: "practice", name: "smile" }), "practice: smile");
});

test("progress counts the expressions, and the trials to repeat", () => {
  assert.equal(progressOf(moment("hold", { expression: 2, expressions: 6 }), 0), "2 of 6");
  assert.equal(progressOf(moment("hold", { expressions: 6 }), 1), "then 6 expressions, 1 repeated");
  assert.equal(progressOf(moment("over", { expressions: 6 }), 1), "");
});

test("the last second is not over until the kernel says so", () => {
  assert.deepEqual([2.2, 1, 0.2, 0].map((left) => countOf("hold", left)), ["3", "1", "1", "1"]);
  assert.equal(countOf("rest", 3), "");
});
