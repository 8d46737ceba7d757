import assert from "node:assert/strict";
import { test } from "node:test";
import { curves, strengthOf } from "../../emgnb/widgets/shared/face.js";

test("a unit without a side moves both", () => {
  assert.equal(strengthOf({ 12: 0.4 }, "L")("12"), 0.4);
  assert.equal(strengthOf({ L12: 0.4 }, "R")("12"), 0);
  assert.equal(strengthOf({ L12: 0.4, 12: 0.6 }, "L")("12", "13"), 0.6);
});

test("an expression changes the drawing, a face at rest has no folds", () => {
  const kinds = (units) => curves(units).map(({ kind }) => kind);
  assert.ok(!kinds({}).includes("fold"));
  assert.ok(kinds({ 12: 0.6 }).includes("fold"));
});
