// Puts the parts together: controls, picture, map, video, list; and speaks with Python.
const FIELDS = ["au", "side", "intensity", "label"];

function render({ model, el }) {
  const app = {
    channels: model.get("channels"), choices: model.get("choices"), markers: [...model.get("markers")].sort((a, b) => a[0] - b[0]),
    units: model.get("choices").au.map(([value]) => value), unit: { uV: "µV", count: "counts", 1: "" }[model.get("units")] ?? model.get("units"),
    coder: model.get("coder"), version: 0, act: (kind, content = {}) => model.send({ kind, ...content }),
  };
  const layers = model.get("layers"), drawn = new Set([layers.length > 1 ? "filtered" : "raw"]);
  let frame = 0, frames = 0, slow = 0, fitted = false, first = 0;
  app.shown = () => layers.filter((name) => drawn.has(name) && !app.tiles?.failed.has(name));
  app.ask = () => { if (!frame) frame = requestAnimationFrame(draw); };
  app.tiles = new Tiles(model, (content) => model.send(content), (layer, whole) => {
    if (whole) { app.version += 1; stage?.lines.fresh(); } // the map, and what the lanes must hold
    if (app.tiles.failed.has(layer) && ticks[layer]) { ticks[layer].box.checked = false; drawn.delete(layer); if (!drawn.size) show("raw", true); }
    app.ask();
  });
  let stage = null;
  const events = app.events = new Events((content) => model.send(content), () => changed());
  stage = app.stage = new Stage(app);
  const video = app.video = new Video(app), grid = new Grid(app), overlay = app.overlay = new Overlay(app, stage);

  // ---- controls
  const fields = Object.fromEntries(FIELDS.map((name) => [name, choice(name, app.choices[name], (value) => {
    if (events.selected) events.edit(events.selected, { [name]: value });
  })]));
  const one = tick("in one channel", "new events belong to the channel they are drawn on; else to all", (on) => {
    const row = events.event;
    if (row && !row.state) events.edit(row.key, { channel: on ? row.channel || app.channels[stage.lane] : "" });
  });
  const snap = tick("snap (s)", "edges go to the nearest edge of a burst", (on) => app.setSnap(on));
  const ticks = Object.fromEntries(layers.map((name) => [name, tick(name, `show the ${name} signal`, (on) => show(name, on))]));
  const others = model.get("others").map((name) => tick(name, `show the events of ${name}; label first, look later`, () => compare()));
  const accept = button("accept (Enter)", "accept the proposal that is selected", () => app.decide(""));
  const refuse = button("refuse (Delete)", "refuse the proposal that is selected", () => app.decide("refused"));
  const following = button("next (n)", "the next proposal", () => { app.proposal(1); stage.node.focus({ preventScroll: true }); }); // Enter accepts
  const undo = button("undo", "undo (Ctrl+Z)", () => app.act("undo")), redo = button("redo", "redo (Ctrl+Y)", () => app.act("redo"));
  const waiting = make("span", { className: "waiting" }), stored = make("span", { className: "stored" });
  const said = make("span", { className: "said", role: "status" });
  const help = helpBox();
  const group = (name, ...children) => make("div", { className: "group", role: "group", aria: name }, ...children);
  const bar = make("div", { className: "bar" },
    group("view", button("+", "zoom in (+)", () => stage.zoom(0.5)), button("−", "zoom out (−)", () => stage.zoom(2)),
      button("◀", "earlier (Page Up)", () => stage.pan(-0.5)), button("▶", "later (Page Down)", () => stage.pan(0.5)),
      button("whole", "show the whole recording (w)", () => stage.whole()),
      button("taller", "taller lanes (g)", () => app.scale(1.25)), button("flatter", "flatter lanes (Shift+g)", () => app.scale(0.8)),
      button("fit", "fit the lanes to what is in view; again: to all (f)", () => app.fit()),
      ...(layers.length > 1 ? Object.values(ticks).map(({ label }) => label) : [])),
    group("the event", make("label", {}, "AU ", fields.au), make("label", {}, "side ", fields.side),
      make("label", {}, "intensity ", fields.intensity), make("label", {}, "label ", fields.label), one.label,
      button("delete", "delete the selected event (Delete)", () => app.drop()), undo, redo),
    group("bursts", button("find bursts", "let the detector propose events", () => app.act("propose")), snap.label, waiting, following, accept, refuse),
    ...(others.length ? [group("other coders", make("span", { textContent: "show also:" }), ...others.map(({ label }) => label))] : []),
    group("more", make("label", { className: "file", title: "opened by the browser where it lies; sent nowhere" }, "video ", video.file),
      button("keys (?)", "list all keys", () => app.help())));
  stage.node.setAttribute("aria-label", `picture of ${app.channels.length} channels; ? lists the keys, the events are in the list`);
  const root = make("div", { className: "emgnb-labeller" }, bar,
    make("div", { className: "beside" },
      make("div", { className: "picture" }, stage.map, stage.node, make("div", { className: "line" }, said, stored), help), video.node, grid.node));
  // No key becomes a command to the notebook; the mark must be on the very element that has the focus.
  root.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true"));
  el.append(root);
  keyboard(app, stage);
  root.onkeydown = (key) => { // undo works from everywhere in here
    if (!(key.ctrlKey || key.metaKey) || !"zy".includes(key.key.toLowerCase()) || key.target.matches("input:not([type=checkbox])")) return;
    app.act(key.key.toLowerCase() === "y" || key.shiftKey ? "redo" : "undo");
    key.preventDefault();
  };

  // ---- what the parts ask for
  app.say = (text, bad = false) => { said.textContent = text; said.classList.toggle("bad", bad); };
  app.inOne = () => one.box.checked;
  app.brush = () => Object.fromEntries(FIELDS.map((name) => [name, fields[name].value]));
  app.setBrush = (words) => { for (const name in words) fields[name].value = words[name]; };
  app.setSnap = (on) => {
    stage.snap = snap.box.checked = on;
    if (on && !events.bursts) app.act("propose");
    app.say(on ? "edges snap to bursts" : "edges stay where they are put");
  };
  app.setLane = (lane) => { stage.lane = within(lane, 0, app.channels.length - 1); app.say(app.channels[stage.lane]); app.ask(); };
  app.scale = (by) => { stage.gain = within(stage.gain * by, 0.05, 200); app.ask(); };
  app.fit = () => {
    fitted = !fitted;
    stage.gain = 1;
    if (fitted) stage.lines.fit(app.shown(), stage.from, stage.to, stage.width); else stage.lines.unfit();
    app.say(fitted ? "lanes fit what is in view; fit again: the whole recording" : "lanes fit the whole recording");
    app.version += 1;
    app.ask();
  };
  app.help = () => { if (help.open) help.close(); else { help.show(); help.querySelector("button").focus(); } };
  help.onkeydown = (key) => { if (key.key === "Escape") { help.close(); key.stopPropagation(); } };
  help.onclose = () => stage.node.focus({ preventScroll: true });
  app.add = (onset, offset, lane) => {
    const key = events.fresh({ onset, offset, ...app.brush(), channel: app.inOne() ? app.channels[lane] : "" });
    grid.reveal(key);
    app.say(told(events.event));
  };
  app.choose = (key, { show: bring = true } = {}) => {
    events.selected = key;
    const row = events.event;
    if (row) {
      if (bring) stage.show(row.onset, row.offset);
      if (bring) stage.seek(row.onset, { follow: false });
      const lane = app.channels.indexOf(row.channel);
      if (lane >= 0) stage.lane = lane;
      if (!row.state) grid.reveal(key);
    }
    changed();
    app.say(row ? told(row) : "");
  };
  app.step = (by) => { const key = events.next(by, events.listed); if (key) app.choose(key); else app.say("no events"); };
  app.proposal = (by) => {
    const open = events.proposals, chosen = events.event?.state === "proposed";
    if (!open.length) return app.say(events.bursts ? "no proposal is left" : "find bursts first");
    const after = open.find((row) => row.onset >= stage.cursor) ?? open[0];
    app.choose(chosen || by < 0 ? events.next(by, open) : after.key);
  };
  app.decide = (state) => {
    const row = events.event;
    if (row?.state !== "proposed") return app.say("select a proposal first: n");
    const open = events.proposals, at = open.findIndex((each) => each.key === row.key), then = open[at + 1] ?? open[at - 1];
    events.edit(row.key, { state });
    app.choose(then?.key ?? null);
    app.say(`${state || "accepted"}: ${seconds(row.onset)} s; ${open.length - 1} left`);
  };
  app.drop = () => {
    const row = events.event;
    if (!row) return app.say("select an event first");
    if (row.state === "proposed") return app.decide("refused");
    events.remove(row.key);
    app.say(`removed ${nameOf(row)}; Ctrl+Z brings it back`);
  };
  app.sized = () => { stage.node.style.height = `${stage.tall()}px`; stage.measure(); stage.want(); app.ask(); };
  function show(name, on) {
    ticks[name].box.checked = on;
    if (on) { drawn.add(name); app.tiles.failed.delete(name); } else drawn.delete(name);
    stage.want();
    app.ask();
  }
  function compare() {
    const names = others.map((one_, i) => [one_, model.get("others")[i]]).filter(([{ box }]) => box.checked).map(([, name]) => name);
    app.act("others", { names });
  }

  // ---- what is to be seen
  function changed() {
    if (!stage || !app.say) return;
    app.version += 1;
    const row = events.event, open = events.proposals;
    if (row) { app.setBrush(Object.fromEntries(FIELDS.map((name) => [name, row[name]]))); one.box.checked = Boolean(row.channel); }
    for (const [name, select] of Object.entries(fields)) if (row && select.value !== row[name]) { // a word of another table
      select.append(make("option", { value: row[name], textContent: row[name] }));
      select.value = row[name];
    }
    undo.disabled = !events.steps[0] && !events.pending.size;
    redo.disabled = !events.steps[1];
    accept.hidden = refuse.hidden = row?.state !== "proposed";
    following.hidden = !open.length;
    waiting.textContent = open.length ? `${open.length} to decide on` : "";
    grid.fill();
    status();
    app.ask();
  }
  function status() { // what is stored, and whether Python still listens
    clearTimeout(slow);
    const { text, kind } = model.get("status");
    stored.className = `stored ${kind}`;
    stored.textContent = events.pending.size ? "…" : text;
    root.dataset.pending = events.pending.size;
    if (events.pending.size) slow = setTimeout(() => {
      stored.className = "stored bad";
      stored.textContent = "Python does not answer: it is busy with another cell (then this is stored after it), or was restarted (then run this cell again; what was stored is there)";
    }, 4000);
  }
  function draw() {
    frame = 0;
    stage.measure();
    if (!stage.width) return;
    const dots = window.devicePixelRatio || 1;
    stage.lines.draw(app.shown(), {
      from: stage.from, to: stage.to, left: stage.left, top: stage.top, lane: stage.laneHeight, dots, gain: stage.gain,
      colours: overlay.colours, width: stage.width, height: stage.height,
    });
    overlay.draw();
    frames += 1;
    const complete = app.shown().every((layer) => app.tiles.complete(layer, stage.from, stage.to, stage.width * dots));
    if (complete && !first) first = performance.now();
    Object.assign(root.dataset, { frames, complete, first: first ? performance.timeOrigin + first : "" });
  }
  function message(content, buffers) {
    const { kind } = content;
    if (kind === "tiles") app.tiles.answered(content, buffers);
    else if (kind === "built") app.tiles.built(content);
    else if (kind === "failed") app.tiles.refused(content);
    else if (kind === "state") events.state(content);
    else if (kind === "patch") events.patch(content);
    else if (kind === "done") events.done(content);
    else if (kind === "bursts") events.burstsCame(buffers);
    else if (kind === "others") { events.others = content.tables; app.sized(); changed(); }
  }

  for (const name of layers) ticks[name].box.checked = drawn.has(name);
  const sizes = new ResizeObserver(app.sized);
  sizes.observe(root);
  const themes = new MutationObserver(() => { overlay.theme(); app.ask(); });
  themes.observe(document.body, { attributes: true });
  const scheme = matchMedia("(prefers-color-scheme: dark)"), turned = () => { overlay.theme(); app.ask(); };
  scheme.addEventListener("change", turned);
  const settled = setTimeout(turned, 0); // colours are known once it is on the page
  model.on("msg:custom", message);
  model.on("change:status", status);
  app.act("hello");
  changed();
  app.sized();
  root.labeller = app; // for those who look into it from outside, as the tests do
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(slow);
    clearTimeout(settled);
    sizes.disconnect();
    themes.disconnect();
    scheme.removeEventListener("change", turned);
    model.off("msg:custom", message);
    model.off("change:status", status);
    video.close();
  };
}

export default { render };
