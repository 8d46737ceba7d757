import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { alike, mirrored, movesOf, percent, sidesOf, spoken, weightsOf } from "../../emgnb/widgets/face/expression.js";
import { Feed, median } from "../../emgnb/widgets/face/feed.js";
import { Film } from "../../emgnb/widgets/face/film.js";
import { projection, turned } from "../../emgnb/widgets/face/gl.js";
import { leftEye, readHead, Surface } from "../../emgnb/widgets/face/head.js";
import { COURSES, distance, lightUp, muscleOf } from "../../emgnb/widgets/face/muscles.js";
import { sorted, tones } from "../../emgnb/widgets/face/paint.js";

const file = readFileSync(new URL("../../emgnb/widgets/face/head/head.bin", import.meta.url));
const head = readHead(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
const smile = { mouthSmileLeft: 1, mouthSmileRight: 1 };
const units = [
  { number: "12", name: "Lip Corner Puller", moves: { "": smile, L: { mouthSmileLeft: 1 }, R: { mouthSmileRight: 1 } } },
  { number: "17", name: "Chin Raiser", moves: { "": { mouthShrugLower: 1 } } },
];

test("the head has the 52 shapes, and is smaller than 1 MB", () => {
  assert.equal(head.shapes.length, 52);
  assert.ok(file.byteLength < 1e6);
  assert.ok(Math.max(...head.triangle) < head.part.length);
  assert.ok([...head.moves.values()].every(({ at, by }) => at.length > 0 && by.length === 3 * at.length));
});

test("shapes add up, and the head returns to rest", () => {
  const surface = new Surface(head), [x, y, , radius] = leftEye(head);
  assert.ok(x > 20 && x < 40 && y > 0 && radius > 10 && radius < 18);
  surface.shape({ jawOpen: 0.5, eyeBlinkLeft: 1 });
  const chin = head.moves.get("jawOpen"), most = chin.at[chin.by.reduce((at, _, k) => (k % 3 === 1 && chin.by[k] < chin.by[3 * at + 1] ? (k - 1) / 3 : at), 0)];
  assert.ok(surface.position[3 * most + 1] < head.rest[3 * most + 1] - 5); // mm
  surface.shape({});
  assert.deepEqual(surface.position, head.rest);
});

test("a smile lifts the corners of the mouth outwards, on its own side", () => {
  const surface = new Surface(head);
  surface.shape({ mouthSmileLeft: 1 });
  let left = 0, right = 0;
  for (let k = 0; k < head.rest.length; k += 3) {
    const up = surface.position[k + 1] - head.rest[k + 1];
    if (head.rest[k] > 20) left = Math.max(left, up);
    if (head.rest[k] < -20) right = Math.max(right, up);
  }
  assert.ok(left > 8 && right < 0.5);
});

test("the largest unit decides a shape, and exaggeration stops at 1", () => {
  const moves = movesOf(units);
  assert.deepEqual(weightsOf({ 12: 0.2, L12: 0.4 }, moves, 2), { mouthSmileLeft: 0.8, mouthSmileRight: 0.4 });
  assert.equal(weightsOf({ 12: 0.8 }, moves, 2).mouthSmileLeft, 1);
  assert.deepEqual(weightsOf({ R17: 1 }, moves, 1), {}); // without a shape of that side
});

test("the healthy side drives the other", () => {
  assert.deepEqual(mirrored({ L12: 0.6, R12: 0.1, 17: 0.3 }, "left"), { L12: 0.6, R12: 0.6, 17: 0.3 });
  assert.deepEqual(mirrored({ L12: 0.6 }, "right"), {});
  assert.deepEqual(mirrored({ L12: 0.6 }, ""), { L12: 0.6 });
});

test("what is not known is not written as 0", () => {
  assert.deepEqual(sidesOf({ L12: 0.6 }, "12"), [null, 0.6]);
  assert.equal(percent(null), "–");
  assert.equal(percent(0), "0 %");
  assert.equal(spoken({ L12: 0.6, R12: 0.25, 17: 0.02 }, units), "Lip Corner Puller left 60 %, right 25 %");
  assert.equal(spoken({ 12: 0.6 }, units), "Lip Corner Puller 60 %");
  assert.equal(spoken({}, units), "face at rest");
});

test("changes that nobody can see are none, but they add up", () => {
  assert.ok(alike({ jawOpen: 0.5 }, { jawOpen: 0.503, mouthSmileLeft: 0.001 }));
  assert.ok(!alike({ jawOpen: 0.5 }, { jawOpen: 0.505 }));
  assert.ok(!alike({}, { mouthSmileLeft: 0.02 }));
  assert.ok(alike({ corrugator: Number.NaN }, {})); // a light that is not known is dark
});

test("a film shows gaps as gaps", () => {
  const about = { codes: ["L12"], places: [["zygomaticus_major", "left"]], start: 10, rate: 2, gaps: [[11, 11.5, "412 scans lost"]] };
  const values = new Float32Array([0.25, 0.5, Number.NaN, 0.75]), film = new Film(/** @type {any} */ (about), values, values);
  assert.deepEqual(film.now.values, { L12: 0.25 });
  film.seek(11.2);
  assert.deepEqual(film.now.values, {});
  assert.equal(film.now.gap, "412 scans lost");
  film.play();
  film.advance(5);
  assert.equal(film.at, 11.5);
  assert.equal(film.playing, false);
  assert.deepEqual(film.now.values, { L12: 0.75 });
});

test("an old live output is never shown as new", () => {
  const feed = new Feed(), output = { values: { 12: 0.5 }, activity: [], sampled: 1000, gap: "" };
  assert.equal(feed.now(0).gap, "waiting for the first output");
  feed.take(output, 0, 1000);
  assert.deepEqual(feed.now(100).values, { 12: 0.5 });
  assert.deepEqual(feed.now(700), { values: {}, activity: [], gap: "no new values for ½ s" });
  feed.take({ ...output, values: {}, gap: "412 scans lost" }, 800, 1800);
  assert.equal(feed.now(801).gap, "412 scans lost");
  feed.end();
  assert.equal(feed.now(802).gap, "no more outputs");
});

test("outputs that were held up on the way are as old as they are late", () => {
  const feed = new Feed(), output = (sampled) => ({ values: { 12: 0.5 }, activity: [], gap: "", sampled });
  feed.take(output(1000), 0, 1030);
  feed.take(output(1050), 5000, 6030); // the network was down
  assert.deepEqual(feed.now(5000), { values: {}, activity: [], gap: "no new values for 4 s" });
  feed.drawn(6030);
  assert.ok(Number.isNaN(feed.delay)); // it was not drawn
  feed.take(output(6010), 5010, 6040);
  assert.deepEqual(feed.now(5011).values, { 12: 0.5 });
});

test("a page that was opened later knows how old the newest output is", () => {
  const feed = new Feed(), output = { values: { 12: 0.5 }, activity: [], gap: "", sampled: 1000 };
  feed.take({ ...output, age: 12_000 }, 3, 13_030);
  assert.equal(feed.now(3).gap, "no new values for 12 s");
  feed.take({ ...output, sampled: 13_050 }, 50, 13_080);
  assert.deepEqual(feed.now(51).values, { 12: 0.5 });
});

test("the delay is the median from a sample to its drawing", () => {
  const feed = new Feed();
  [20, 30, 90].forEach((late, k) => {
    feed.take({ values: {}, activity: [], sampled: 1000 + k, gap: "" }, k, 1010 + k);
    feed.drawn(1000 + k + late);
    feed.drawn(5000); // another frame of the same output
  });
  assert.equal(feed.delay, 30);
  assert.ok(Number.isNaN(median([])));
});

test("muscles lie on their side of the skin", () => {
  for (const muscle of Object.keys(COURSES)) {
    const { at, share } = muscleOf(head, muscle, muscle === "mentalis" ? "midline" : "right");
    assert.ok(at.length > 5, muscle);
    assert.ok(Math.max(...share) > 0.5, muscle);
    if (muscle !== "mentalis") assert.ok(at.every((k) => head.rest[3 * k] < 5), muscle);
  }
  assert.equal(distance(0, 3, [[0, 0], [10, 0]]), 3);
});

test("only active muscles give light", () => {
  const light = new Float32Array(head.part.length).fill(9), places = [muscleOf(head, "corrugator", "left")];
  assert.equal(Math.max(...lightUp(light, places, [Number.NaN])), 0);
  assert.ok(Math.max(...lightUp(light, places, [0.5])) <= 0.5);
});

test("each triangle is painted once, by the shader of its surface, the front ones first", () => {
  const { triangle, kinds } = sorted(head), corners = (list, at) => [...list.subarray(at, at + 3)].join();
  const all = (list) => Array.from({ length: list.length / 3 }, (_, k) => corners(list, 3 * k)).sort();
  assert.deepEqual(all(triangle), all(head.triangle));
  const of = Object.fromEntries(kinds.map(({ kind, first, count }) => [kind, [...triangle.subarray(first, first + count)]]));
  assert.ok(of.EYE.every((k) => head.part[k] === 1) && of.MOUTH.every((k) => head.part[k] > 1));
  assert.ok(Math.max(...of.SKIN.slice(0, 300).map((k) => head.rest[3 * k + 2])) > Math.max(...of.SKIN.slice(-300).map((k) => head.rest[3 * k + 2])));
  // The red of the lips and the brows are on triangles with details.
  const near = (x, y) => (k) => Math.hypot(head.rest[3 * k] - x, head.rest[3 * k + 1] - y) < 5 && head.rest[3 * k + 2] > -20;
  assert.ok(of.DETAIL.some(near(0, -62)) && !of.SKIN.some(near(0, -62)) && of.DETAIL.some(near(30, 22)) && !of.SKIN.some(near(30, 22)));
});

test("the skin is redder on the cheeks than on the forehead, and ends at the neck", () => {
  const tone = tones(head), at = (x, y) => head.rest.reduce((best, _, k) => (k % 3 || head.rest[k + 2] < -60 ? best
    : Math.hypot(head.rest[k] - x, head.rest[k + 1] - y) < Math.hypot(head.rest[best] - x, head.rest[best + 1] - y) ? k : best), 0) / 3;
  const red = (k) => tone[4 * k] / tone[4 * k + 1];
  assert.ok(red(at(40, -28)) > red(at(0, 60)) + 0.03);
  assert.ok(tone[4 * at(0, 60) + 3] > 1);
  assert.ok(Math.min(...tone.filter((_, k) => k % 4 === 3)) < 0.1);
});

test("the bridge of the nose is in view, in front of the neck", () => {
  const at = (m, x, y, z) => [0, 1, 2, 3].map((k) => m[k] * x + m[4 + k] * y + m[8 + k] * z + m[12 + k]);
  const [x, y, z, w] = at(projection(turned(0, 0), 0.88), 0, 0, 0), back = at(projection(turned(0, 0), 0.88), 0, 0, -100);
  assert.ok(Math.abs(x / w) < 0.01 && Math.abs(y / w) < 0.5);
  assert.ok(z / w > -1 && z / w < back[2] / back[3] && back[2] / back[3] < 1);
});
