// A drawn face that moves by action units, so that an expression is shown by what it consists of.
// `drawFace(svg, units)` takes {"12": 0.6, "R14": 0.4}: strength 0 to 1, a side where one side only
// moves. Left and right are the person's own, who looks at us: their left is on our right.
const SVG = "http://www.w3.org/2000/svg";
const SIDES = { R: -1, L: 1 };

function strengthOf(units, side) {
  return (...numbers) => Math.max(0, ...numbers.map((n) => Math.max(units[n] ?? 0, units[side + n] ?? 0)));
}

function curves(units) {
  const lines = [], both = strengthOf(units, "");
  const open = Math.max(7 * both("25"), 28 * both("26"), 40 * both("27"), 10 * both("22"));
  const jaw = 0.6 * Math.max(28 * both("26"), 40 * both("27"));
  const add = (d, kind = "") => lines.push({ d, kind });
  add(`M22 108 C20 40 62 12 100 12 C138 12 180 40 178 108 C178 ${162 + jaw} 136 ${226 + jaw} 100 ${226 + jaw} C64 ${226 + jaw} 22 ${162 + jaw} 22 108 Z`, "head");

  const corner = {};
  for (const [side, s] of Object.entries(SIDES)) {
    const au = strengthOf(units, side), x = (away) => 100 + s * away;
    const inner = 88 - 15 * au("1") + 12 * au("4"), outer = 88 - 16 * au("2") + 3 * au("4"), mid = 80 - 9 * au("1") - 14 * au("2") + 9 * au("4");
    add(`M${x(15 - 5 * au("4"))} ${inner} Q${x(36)} ${mid} ${x(60)} ${outer}`, "brow");
    if (au("4") > 0) add(`M${x(5)} ${92} q${s * -1} -8 0 -15`, "fold");
    if (au("1") > 0) add(`M${x(4)} ${62} h${s * 24}`, "fold");
    if (au("2") > 0) add(`M${x(30)} ${58} q${s * 14} -3 ${s * 26} 6`, "fold");

    const closed = Math.min(1, 2 * au("43", "45", "46"));
    const upper = (10 + 5 * au("5") - 3 * au("7") - 2 * au("4")) * (1 - closed) - 4 * closed;
    const lower = (7 - 4 * au("7") - 4 * au("6")) * (1 - closed) + 4 * closed;
    add(`M${x(20)} 110 Q${x(37)} ${110 - 2 * upper} ${x(54)} 109 Q${x(37)} ${110 + 2 * lower} ${x(20)} 110 Z`, "eye");
    if (closed < 0.5) lines.push({ circle: [x(37), 110 - 0.5 * (upper - lower), Math.min(6, 0.45 * (upper + lower))] });
    if (au("6") > 0) {
      add(`M${x(24)} 122 Q${x(40)} ${130 - 4 * au("6")} ${x(58)} 119`, "fold");
      add(`M${x(60)} 106 l${s * 9} -4 M${x(60)} 110 h${s * 10} M${x(60)} 114 l${s * 9} 4`, "fold");
    }
    add(`M${x(6)} ${146 - 5 * au("9")} q${s * 10} 3 ${s * 11} ${-6 - 3 * au("9")}`, "nose");
    if (au("9") > 0) add(`M${x(3)} ${118} l${s * 9} -5 M${x(4)} ${125} l${s * 10} -5`, "fold");
    if (au("9", "10", "12") > 0) add(`M${x(20)} ${142 - 4 * au("9", "10")} Q${x(36 + 6 * au("12"))} ${152 - 4 * au("9", "10")} ${x(40 + 8 * au("12"))} ${168 - 8 * au("12")}`, "fold");
    corner[side] = {
      x: x(28 + 13 * au("12", "13") + 14 * au("20") - 15 * au("18") - 8 * au("22") - 5 * au("14") - 4 * au("23", "24")),
      y: 176 - 17 * au("12", "13") + 15 * au("15") - 3 * au("14") + 3 * au("20") + 0.3 * open,
      lip: 8 * au("10") + 3 * au("9"),
    };
    if (au("14") > 0) add(`M${corner[side].x + s * 5} ${corner[side].y - 6} q${s * 4} 6 0 12`, "fold");
    if (au("15") > 0) add(`M${corner[side].x + s * 3} ${corner[side].y + 4} q${s * 3} 6 ${s * -2} 11`, "fold");
    if (au("31") > 0) add(`M${x(58)} 158 q${s * 8} 12 0 26 M${x(52)} 162 q${s * 6} 9 0 18`, "fold");
  }
  const { L, R } = corner, thin = Math.max(both("23", "24"), both("28")), pout = both("18", "22");
  const full = (1 - 0.75 * thin) * (1 + 0.8 * pout);
  const middle = 174 + 2 * both("20") + 0.1 * open;
  const top = middle - 5 * full - Math.max(L.lip, R.lip), bottom = middle + open + 8 * full - 6 * both("17") + 7 * both("16");
  const inside = { top: middle - Math.max(L.lip, R.lip) * 0.6, bottom: middle + open - 5 * both("17") + 4 * both("16") };
  const bow = (y) => 2 * y - (L.y + R.y) / 2; // control point of a curve whose middle is at y
  add(`M${R.x} ${R.y} Q100 ${bow(top)} ${L.x} ${L.y} Q100 ${bow(bottom)} ${R.x} ${R.y} Z`, "lips");
  add(`M${R.x} ${R.y} Q100 ${bow(inside.top)} ${L.x} ${L.y} Q100 ${bow(inside.bottom)} ${R.x} ${R.y} Z`, "mouth");
  if (both("17") > 0) add("M90 206 q3 -5 6 0 q3 5 6 0 q3 -5 7 0", "fold");
  return lines;
}

function drawFace(svg, units) {
  svg.setAttribute("viewBox", "0 0 200 250");
  svg.replaceChildren(...curves(units).map(({ d, kind, circle }) => {
    const shape = document.createElementNS(SVG, circle ? "circle" : "path");
    if (circle) ["cx", "cy", "r"].forEach((name, i) => shape.setAttribute(name, circle[i].toFixed(1)));
    else shape.setAttribute("d", d);
    shape.setAttribute("class", circle ? "pupil" : kind);
    return shape;
  }));
}
