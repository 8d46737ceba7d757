// Which channel lies over which muscle: a face with electrode sites to click, and the list of channels.
// A site is chosen for the channel marked in the list; arrow keys walk over the face. The person's
// left is on our right, as they look at us.
const PLACES = { // distance from the midline and height in the drawing of the face
  frontalis_medialis: [17, 58], frontalis_lateralis: [49, 60], corrugator: [16, 80], orbicularis_oculi: [64, 121],
  levator_labii: [14, 135], zygomaticus_minor: [33, 133], zygomaticus_major: [46, 148], buccinator: [40, 175],
  masseter: [58, 164], orbicularis_oris: [11, 188], depressor_anguli_oris: [28, 193], platysma: [40, 208], mentalis: [0, 209],
};
const TOWARDS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// `table` : {site: [channel, muscle, side, title, action units]}; `changed` is given [[channel, muscle, side], …]
function electrodeSites(place, table, changed) {
  let montage = [], chosen = 0, locked = false;
  const face = document.createElementNS(SVG, "svg");
  drawFace(face, {});
  face.setAttribute("class", "sites");
  face.setAttribute("role", "group");
  face.setAttribute("aria-label", "electrode sites; the person's left is on the right");
  const list = make("select", { size: 8, aria: { label: "channels" } });
  const count = make("input", { type: "number", min: 1, max: 16, aria: { label: "number of channels" } });
  const free = make("button", { type: "button" }, "no site");
  const hint = make("p", { className: "hint" });
  place.append(face, make("div", { className: "montage" },
    make("label", {}, "channels ", count), list, free, hint));

  const spots = Object.entries(table).filter(([, [, muscle]]) => PLACES[muscle]).map(([key, [channel, muscle, side, title, aus]]) => {
    const [away, y] = PLACES[muscle], x = 100 + ({ left: 1, right: -1 }[side] ?? 0) * away;
    const group = document.createElementNS(SVG, "g"), disc = document.createElementNS(SVG, "circle"), number = document.createElementNS(SVG, "text");
    disc.setAttribute("cx", x); disc.setAttribute("cy", y); disc.setAttribute("r", 7);
    number.setAttribute("x", x); number.setAttribute("y", y + 3);
    const label = document.createElementNS(SVG, "title");
    group.append(label, disc, number);
    group.setAttribute("class", "site");
    group.setAttribute("role", "button");
    face.append(group);
    const spot = { key, channel, muscle, side, title, aus, x, y, group, number, label };
    group.addEventListener("click", () => { group.focus(); take(spot); });
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") take(spot);
      else if (event.key === "Delete" || event.key === "Backspace") drop(montage.findIndex((row) => lies(row, spot)));
      else if (TOWARDS[event.key]) walk(spot, TOWARDS[event.key]);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    group.addEventListener("mouseenter", () => { hint.textContent = words(spot); });
    group.addEventListener("focus", () => { rove(spot); hint.textContent = words(spot); });
    return spot;
  });
  const lies = ([, muscle, side], spot) => muscle === spot.muscle && side === spot.side;
  const words = ({ title, side, aus }) => `${title}, ${side}: moves AU ${aus.join(", ")}`;

  function rove(to) { // one stop for the Tab key, arrows from there
    spots.forEach(({ group }) => group.setAttribute("tabindex", group === to.group && !locked ? "0" : "-1"));
  }

  function walk(from, [dx, dy]) {
    const ahead = spots.map((spot) => [spot, (spot.x - from.x) * dx + (spot.y - from.y) * dy, Math.abs((spot.x - from.x) * dy) + Math.abs((spot.y - from.y) * dx)])
      .filter(([, along]) => along > 0.5).sort((a, b) => a[1] + 2 * a[2] - b[1] - 2 * b[2]);
    if (ahead.length) ahead[0][0].group.focus();
  }

  const unused = (k) => [`ch${k + 1}`, "", ""];
  function take(spot) {
    if (locked) return;
    const other = montage.findIndex((row) => lies(row, spot));
    const mine = [spot.channel, spot.muscle, spot.side];
    const now = montage.map((row, k) => (k === chosen ? mine : k === other ? unused(k) : row));
    if (other !== chosen) chosen = (chosen + 1) % montage.length;
    give(now);
  }

  function drop(k) {
    if (locked || k < 0) return;
    give(montage.map((row, each) => (each === k ? unused(k) : row)));
  }

  function give(now) {
    montage = now;
    show();
    changed(now);
  }

  list.addEventListener("change", () => { chosen = list.selectedIndex; show(); });
  free.addEventListener("click", () => { const k = chosen; chosen = (chosen + 1) % montage.length; drop(k); });
  count.addEventListener("change", () => {
    const n = Math.max(1, Math.min(16, Math.round(Number(count.value)) || montage.length));
    const spare = Object.values(table).filter(([channel]) => !montage.some((row) => row[0] === channel));
    give(Array.from({ length: n }, (_, k) => montage[k] ?? spare.shift()?.slice(0, 3) ?? unused(k)));
  });

  function show() {
    chosen = Math.min(chosen, Math.max(0, montage.length - 1));
    list.size = Math.max(4, Math.min(8, montage.length));
    list.replaceChildren(...montage.map(([channel, muscle, side], k) => {
      const spot = spots.find((each) => lies([channel, muscle, side], each));
      return new Option(`${k + 1}  ${spot ? `${spot.title.split(" (")[0]}, ${side}` : muscle ? `${channel}: ${muscle}, ${side}` : `${channel}: no site`}`);
    }));
    list.selectedIndex = chosen;
    list.disabled = count.disabled = free.disabled = locked;
    count.value = montage.length;
    spots.forEach((spot) => {
      const k = montage.findIndex((row) => lies(row, spot));
      spot.group.classList.toggle("taken", k >= 0);
      spot.group.classList.toggle("chosen", k >= 0 && k === chosen);
      spot.number.textContent = k >= 0 ? k + 1 : "";
      const said = `${spot.title}, ${spot.side}${k >= 0 ? `, channel ${k + 1}` : ", free"}`;
      spot.label.textContent = said;
      spot.group.setAttribute("aria-label", said);
      spot.group.setAttribute("aria-disabled", String(locked));
    });
    if (!spots.some(({ group }) => group.getAttribute("tabindex") === "0")) rove(spots[0]);
    hint.textContent ||= "Choose a channel, then click where its electrodes are.";
  }

  return { set(now, lock) { montage = now; locked = lock; show(); } };
}
