// The keyboard. Keys work while the picture has the focus and nowhere else, so that a letter typed by
// accident changes nothing; every one of them is listed by `?`.
const HELP = [
  ["Look", [
    ["← →", "move the cursor"], ["Page Up, Page Down", "a screen earlier, later"], ["Home, End", "start, end"],
    ["+ −", "zoom (also Ctrl + wheel, two fingers)"], ["w", "the whole recording"], ["Shift + drag", "move the view (also Shift + wheel)"],
    ["Ctrl + ↑ ↓", "the channel in hand"], ["g, Shift + g", "taller, flatter lanes"], ["f", "fit the lanes to what is in view; again: to all"]]],
  ["Make an event", [
    ["drag", "from onset to offset"], ["Enter … Enter", "begin and end at the cursor"], ["Escape", "give it up; select nothing"]]],
  ["Change the selected one", [
    ["↑ ↓", "the event before, after"], ["i, o, p", "onset, offset, apex (peak) to the cursor"],
    ["Alt, Shift, Alt + Shift with ← →", "move onset, offset, apex by 10 ms (1 ms in views under 2 s)"],
    ["12, L12C, R6", "its FACS code: side, unit, intensity"], ["a … e", "intensity"], ["l, r, u, t", "side"],
    ["Delete", "remove"], ["Ctrl + Z, Ctrl + Y", "undo, redo"]]],
  ["Bursts", [
    ["n, Shift + n", "the next, the last proposal"], ["Enter", "accept it"], ["Delete", "refuse it"], ["s", "snap edges to bursts"]]],
  ["Video", [["Space", "play, pause"], [", .", "a frame back, on"]]],
  ["List", [["arrow keys", "from cell to cell"], ["Enter", "edit a cell"], ["Escape", "leave it as it was"]]],
];

function helpBox() {
  const box = make("dialog", { className: "help", aria: "keys" });
  const close = button("close", "close the list of keys", () => box.close());
  box.append(close, ...HELP.map(([title, rows]) => make("section", {}, make("h4", { textContent: title }),
    make("dl", {}, ...rows.flatMap(([keys, what]) => [make("dt", { textContent: keys }), make("dd", { textContent: what })])))));
  return box;
}

function keyboard(app, stage) {
  const { events } = app;
  let typed = "", before = null, forget = 0;

  function code(letter) { // a FACS code, letter by letter
    clearTimeout(forget);
    forget = setTimeout(() => { typed = ""; }, 1200);
    const row = events.event;
    if (!typed) before = row ? { key: row.key, au: row.au, side: row.side, intensity: row.intensity } : { key: null, ...app.brush() };
    const change = facsCode(typed + letter) ?? facsCode(letter);
    const first = !typed || !facsCode(typed + letter);
    typed = facsCode(typed + letter) ? typed + letter : letter;
    if (!change) return;
    if (change.au && !app.units.includes(change.au)) {
      if (!app.units.some((unit) => unit.startsWith(change.au))) app.say(`there is no action unit ${change.au} in the table`);
      return;
    }
    const { au, side, intensity } = { ...before, ...change };
    if (before.key) events.edit(before.key, { au, side, intensity }, !first);
    app.setBrush({ au, side, intensity });
    app.say(`${before.key ? "" : "next event: "}${side}${au}${intensity}`);
  }
  function edge(name, t, merge = false) {
    const row = events.event;
    if (!row) return app.say("select an event first");
    const { tiles } = app;
    events.edit(row.key, { [name]: events.bounded(row, name, t, [tiles.start, tiles.end], stage.shortest) }, merge);
    app.say(told(events.event));
  }
  function nudge(name, sign, merge) {
    const row = events.event, step = stage.spread < 2 ? 0.001 : 0.01;
    if (!row) return app.say("select an event first");
    const now = row[name] ?? (row.onset + row.offset) / 2;
    edge(name, Math.round((now + sign * step) * 1e6) / 1e6, merge);
  }
  function enter() {
    if (events.event?.state === "proposed") return app.decide("");
    if (!stage.began) {
      stage.began = { from: stage.cursor, to: stage.cursor };
      return app.say("begun: move the cursor, Enter ends the event, Escape gives it up");
    }
    const [a, b] = [stage.began.from, stage.cursor].sort((p, q) => p - q);
    stage.began = null;
    if (b - a < stage.shortest) return app.say("no event: the cursor was not moved");
    const lane = app.inOne() ? stage.lane : -1;
    app.add(stage.snapTo("onset", a, lane), stage.snapTo("offset", b, lane), stage.lane);
  }
  function arrow(key) {
    const sign = key.key === "ArrowLeft" ? -1 : 1;
    if (key.altKey || key.shiftKey) nudge(key.altKey && key.shiftKey ? "apex" : key.altKey ? "onset" : "offset", sign, key.repeat);
    else stage.seek(stage.cursor + (sign * stage.spread) / (key.ctrlKey || key.metaKey ? 10 : 100));
  }
  function page(sign) {
    const at = (stage.cursor - stage.from) / stage.spread;
    stage.pan(sign * 0.9);
    stage.seek(stage.from + within(at, 0, 1) * stage.spread, { follow: false });
  }
  const plainKeys = {
    ArrowLeft: arrow, ArrowRight: arrow,
    ArrowUp: () => app.step(-1), ArrowDown: () => app.step(1),
    PageUp: () => page(-1), PageDown: () => page(1),
    Home: () => stage.seek(app.tiles.start), End: () => stage.seek(app.tiles.end),
    "+": () => stage.zoom(0.5), "=": () => stage.zoom(0.5), "-": () => stage.zoom(2), w: () => stage.whole(),
    Enter: enter, Delete: () => app.drop(), Backspace: () => app.drop(),
    Escape: () => { if (stage.began || stage.drag) stage.began = stage.drag = null; else app.choose(null); app.ask(); },
    i: () => edge("onset", stage.cursor), o: () => edge("offset", stage.cursor), p: () => edge("apex", stage.cursor),
    n: () => app.proposal(1), N: () => app.proposal(-1), s: () => app.setSnap(!stage.snap),
    g: () => app.scale(1.25), G: () => app.scale(0.8), f: () => app.fit(),
    " ": () => app.video.toggle(), ",": () => app.video.step(-1), ".": () => app.video.step(1),
    "?": () => app.help(),
  };
  const withControl = {
    z: (key) => app.act(key.shiftKey ? "redo" : "undo"), y: () => app.act("redo"),
    ArrowUp: () => app.setLane(stage.lane - 1), ArrowDown: () => app.setLane(stage.lane + 1),
    ArrowLeft: arrow, ArrowRight: arrow,
  };
  stage.node.onkeydown = (key) => {
    const control = key.ctrlKey || key.metaKey, name = key.key.length === 1 && key.key !== "G" && key.key !== "N" ? key.key.toLowerCase() : key.key;
    if (!control && !key.altKey && /^[0-9a-eltru]$/.test(name)) code(name);
    else {
      const action = (control ? withControl : plainKeys)[name];
      if (!action || (key.altKey && action !== arrow)) return;
      action(key);
    }
    key.preventDefault();
    key.stopPropagation();
  };
}
