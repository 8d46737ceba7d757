import assert from "node:assert/strict";
import { test } from "node:test";
import { decisionText, differenceText, saidText } from "../../emgnb/widgets/labeller/settle.js";

const ANN = { onset: 1, offset: 1.5, intensity: "B" };

test("what a coder said in words", () => {
  assert.equal(saidText("Ann", ANN), "Ann: 1.000 – 1.500 s, B");
  assert.equal(saidText("Ben", null), "Ben: not coded");
});

test("a disagreement in words", () => {
  const row = { row: 3, onset: 1, offset: 1.5, side: "L", au: "12", intensity: "B", label: "", what: "Ann, not Ben", said: { Ann: ANN, Ben: null } };
  assert.equal(differenceText(row, 2, 5), "2 of 5: L12B (Ann, not Ben). Ann: 1.000 – 1.500 s, B; Ben: not coded. Open.");
  assert.match(differenceText(row, 2, 5, "drop"), /Decided: dropped\.$/);
  assert.equal(decisionText("Ben"), "as Ben");
});
