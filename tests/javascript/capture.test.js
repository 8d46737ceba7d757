import assert from "node:assert/strict";
import { test } from "node:test";
import { Columns } from "../../emgnb/widgets/capture/columns.js";
import { amount, clock, laneName, spread, today } from "../../emgnb/widgets/capture/format.js";
import { drawnText } from "../../emgnb/widgets/capture/lanes.js";
import { keyAction, lateText } from "../../emgnb/widgets/capture/marking.js";
import { changedSite, rowText, withChannels } from "../../emgnb/widgets/capture/montage.js";
import { figureTexts, stateShown } from "../../emgnb/widgets/capture/recording.js";
import { Scales, bulkOf } from "../../emgnb/widgets/capture/scales.js";
import { setupText } from "../../emgnb/widgets/capture/setup.js";
import { PLACES, ahead } from "../../emgnb/widgets/capture/sites.js";
import { frequencyStep, peakOf } from "../../emgnb/widgets/capture/spectrum.js";
import { Marks, timeStep } from "../../emgnb/widgets/capture/timeline.js";

test("a duration has tenths, and hours only where there are some", () => {
  assert.equal(clock(0), "00:00.0");
  assert.equal(clock(59.97), "00:59.9");
  assert.equal(clock(61.25), "01:01.2");
  assert.equal(clock(3723.5), "1:02:03.5");
});

test("an amount has the unit that leaves one to three digits", () => {
  assert.equal(amount(12), "12 B");
  assert.equal(amount(1500), "2 kB");
  assert.equal(amount(2.5e6), "2.5 MB");
  assert.equal(amount(25e6), "25 MB");
  assert.equal(amount(7e9), "7.0 GB");
});

test("today is a local date", () => {
  const now = new Date(), two = (n) => String(n).padStart(2, "0");
  assert.equal(today(now), `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`);
});

test("a pair is named once where its name says its channels", () => {
  assert.equal(laneName("masseter"), "masseter");
  assert.equal(laneName("a-b", "a \u2212 b"), "a \u2212 b");
  assert.equal(laneName("cheek", "a \u2212 b"), "cheek = a \u2212 b");
});

test("a range has as many decimals as tell its ends apart", () => {
  assert.equal(spread(-100, 100), "-100 … 100");
  assert.equal(spread(0.001, 0.002), "0.0010 … 0.0020");
});

test("arrow keys move to the nearest site in their direction", () => {
  const spots = [{ x: 0, y: 0 }, { x: 10, y: 1 }, { x: 10, y: 30 }, { x: -5, y: 0 }];
  assert.equal(ahead(spots, spots[0], [1, 0]), spots[1]);
  assert.equal(ahead(spots, spots[0], [-1, 0]), spots[3]);
  assert.equal(ahead(spots, spots[0], [0, 1]), spots[1]);
  assert.equal(ahead(spots, spots[0], [0, -1]), undefined);
  assert.ok(Object.values(PLACES).every(([away, y]) => away >= 0 && away < 100 && y > 0 && y < 250));
});

function columns(channels, size, most) {
  const made = new Columns();
  made.reset(channels, size);
  made.fit(most);
  return made;
}

test("a column has the minimum and the maximum of its scans", () => {
  const two = columns(2, 8, 4);
  two.take(0, new Float32Array([1, 10, 3, 30, -1, 0, NaN, 5]));
  assert.deepEqual([...two.lows[0]], [1, -1, NaN, NaN]);
  assert.deepEqual([...two.highs[0]], [3, -1, NaN, NaN]);
  assert.deepEqual([...two.highs[1]], [30, 5, NaN, NaN]);
  assert.deepEqual([two.newest, two.first, two.next], [1, -2, 4]);
});

test("scans left out are missing, and old columns are emptied when they come round", () => {
  const one = columns(1, 4, 4);
  assert.equal(one.take(0, new Float32Array([1, 2, 3, 4])), true);
  assert.equal(one.take(6, new Float32Array([7])), false);
  assert.deepEqual([...one.lows[0]], [NaN, NaN, 7, 4]);
  assert.equal(one.first, 3);
});

test("a jump back or far ahead begins the signal again", () => {
  const one = columns(1, 4, 4);
  one.take(0, new Float32Array([1, 2]));
  assert.equal(one.take(100, new Float32Array([5])), true);
  assert.deepEqual([one.oldest, one.next, one.newest], [100, 101, 100]);
  assert.equal(one.take(3, new Float32Array([6])), true);
  assert.deepEqual([...one.lows[0]], [NaN, NaN, NaN, 6]);
});

test("columns are filled again from the scans when the width changes", () => {
  const one = columns(1, 8, 8);
  one.take(0, new Float32Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  one.fit(2);
  assert.equal(one.per, 4);
  assert.deepEqual([...one.lows[0]].map((_, i) => [one.lows[0][one.slot(one.first + i)], one.highs[0][one.slot(one.first + i)]]), [[4, 7], [8, 9]]);
  assert.equal(one.count, 2);
});

function scales(values) {
  const held = columns(values.length, values[0].length, values[0].length), made = new Scales();
  made.reset(values.length);
  held.take(0, Float32Array.from(values[0].flatMap((_, i) => values.map((each) => each[i]))));
  return { held, made, order: values.map((_, c) => c) };
}

test("a scale changes only when the signal leaves it or fills little of it", () => {
  const { held, made, order } = scales([[-1, 1, 0, 0]]);
  assert.deepEqual(made.adapt(held, order, false, false), [0]);
  assert.ok(made.all[0].half > 1 && made.all[0].half < 1.3 && made.all[0].centre === 0);
  assert.deepEqual(made.adapt(held, order, false, false), []);
  held.take(4, new Float32Array([5]));
  assert.deepEqual(made.adapt(held, order, false, false), [0]);
  held.take(5, new Float32Array([0.1, -0.1, 0.1, -0.1]));
  assert.deepEqual(made.adapt(held, order, false, false), [0]);
  assert.ok(made.all[0].half < 0.2);
});

test("a common scale is that of the strongest lane, without rare extremes", () => {
  const sine = (size) => Array.from({ length: 200 }, (_, i) => size * Math.sin(i));
  const { held, made, order } = scales([sine(1), sine(4)]);
  held.rings[0][100] = 1000;
  held.fit(200);
  made.adapt(held, order, true, true);
  assert.equal(made.all[0].half, made.all[1].half);
  assert.ok(made.all[0].half > 3 && made.all[0].half < 6);
  assert.ok(made.all[0].fills / made.bulk < 0.3);
  made.restart();
  assert.deepEqual([made.bulk, made.all[0].half], [0, 0]);
  assert.deepEqual(bulkOf(new Float32Array([NaN]), new Float32Array([NaN])), [0, 0]);
});

test("times and frequencies are as close as their texts allow", () => {
  assert.equal(timeStep(8, 800, 60), 1);
  assert.equal(timeStep(8, 200, 60), 5);
  assert.equal(timeStep(3600, 100, 60), 60);
  assert.equal(frequencyStep(500, 250, 48), 100);
  assert.equal(frequencyStep(5000, 100, 60), 5000);
  assert.equal(peakOf([99, 1, 5, 3]), 2);
});

test("a marker takes the place of the one with its id, and is amended or removed by it", () => {
  const marks = new Marks(), texts = () => marks.all.map(({ text, sure }) => `${text}${sure ? "" : "?"}`);
  marks.put({ scan: 5, text: "a", id: "1", sure: false });
  marks.put({ scan: 9, text: "b", id: "2", sure: true });
  marks.put({ scan: 5, text: "a", id: "1", sure: true });
  assert.deepEqual(texts(), ["b", "a"]);
  marks.amend("2", "c");
  marks.amend("1", "");
  assert.deepEqual(texts(), ["c"]);
  marks.drop(10);
  assert.deepEqual(texts(), []);
});

test("a site belongs to one channel", () => {
  const spot = { channel: "masseter_l", muscle: "masseter", side: "left" };
  const before = [["a", "mentalis", "left"], ["masseter_l", "masseter", "left"]];
  assert.deepEqual(changedSite(before, 0, spot), [["masseter_l", "masseter", "left"], ["ch2", "", ""]]);
  const table = [["masseter_l", "masseter", "left", "Masseter", []], ["platysma_l", "platysma", "left", "Platysma", []]];
  assert.deepEqual(withChannels(before.slice(1), 3, table), [before[1], ["platysma_l", "platysma", "left"], ["ch3", "", ""]]);
  assert.deepEqual(withChannels(before, 1, table), [before[0]]);
  assert.equal(rowText(["x", "masseter", "left"], { title: "Masseter (control)" }), "Masseter, left");
  assert.equal(rowText(["x", "", ""], undefined), "x: no site");
});

test("the panel in words", () => {
  assert.deepEqual(stateShown("recording", true, false), { shown: "paused", text: "display paused, still recording" });
  assert.equal(stateShown("idle", false, true).text, "recorded");
  assert.deepEqual(figureTexts({ rate: 999.96, marks: 1, bytes: 1500, free: 7e9 }), [" · 1000.0 Hz · 1 marker · ", " · 2 kB, 7.0 GB free"]);
  assert.equal(drawnText(2, 3), "channels: 2 of 3 drawn");
  assert.equal(lateText(2), "the kernel is busy: 2 markers pending, their times are kept");
  assert.equal(lateText(0), "");
  assert.equal(setupText({ port: "sim://", participant: "", session: "2", montage: [1], consent: {} }), "sim:// · no participant · session 2 · 1 channel · no consent recorded");
});

test("a digit sets its marker, Backspace takes the last one back", () => {
  const none = { ctrlKey: false, altKey: false, metaKey: false, repeat: false, defaultPrevented: false };
  assert.deepEqual(keyAction({ ...none, key: "2" }, ["a", "b"]), { cue: "b" });
  assert.equal(keyAction({ ...none, key: "3" }, ["a", "b"]), null);
  assert.deepEqual(keyAction({ ...none, key: "Backspace" }, []), { undo: true });
  assert.equal(keyAction({ ...none, key: "1", repeat: true }, ["a"]), null);
});
