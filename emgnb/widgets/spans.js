// Events drawn over the signal: drag to make one, click to select, drag its edges to change it. Python
// holds the list of events and its undo history; this file shows the list and says what was done to
// it. Samples come as minimum and maximum per pixel column of the stretch in view, asked for by need.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#3A9BD9", "#8C6BB1", "#7F7F7F"];
const LEFT = 132, BOTTOM = 20, STRIP = 16, ROWS = 3, TOP = STRIP * ROWS + 4, GRAB = 6, SHORTEST = 0.002;
const HELP = "Drag: new event · click: select · drag an edge: change · Ctrl+wheel or + −: zoom · "
  + "arrows: move the view, with Shift the offset, with Alt the onset · Enter: new · "
  + "Page up/down: next event · Delete · Ctrl+Z, Ctrl+Y";

function make(tag, props = {}, ...children) {
  const { aria, ...rest } = props;
  const node = Object.assign(document.createElement(tag), rest);
  if (aria) node.setAttribute("aria-label", aria);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const [START, END] = model.get("extent");
  let view = [START, END], drag = null, hover = null, frame = 0, waiting = false, wanted = null;
  let whole = null, detail = null;
  const events = () => model.get("events"), selected = () => model.get("selected");

  const button = (text, title, action) => make("button", { textContent: text, title, aria: title, onclick: action });
  const fields = Object.fromEntries(["au", "side", "intensity", "label"].map((name) => [name, make("select", {
    aria: name, title: name, onchange: () => edit({ [name]: fields[name].value }, true),
  })]));
  for (const [name, select] of Object.entries(fields))
    for (const [value, text] of model.get("choices")[name])
      select.append(make("option", { value, textContent: text }));
  const said = make("span", { className: "said" });
  said.setAttribute("role", "status");
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  const body = make("tbody");
  const head = make("tr", {}, ...["onset s", "offset s", "ms", "AU", "side", "intensity", "label"]
    .map((text) => make("th", { textContent: text, scope: "col" })));
  const root = make("div", { className: "emgnb-spans", tabIndex: 0, aria: "event labeller. " + HELP },
    make("div", { className: "bar" },
      button("+", "zoom in", () => zoom(0.5)), button("−", "zoom out", () => zoom(2)),
      button("◀", "earlier", () => pan(-0.5)), button("▶", "later", () => pan(0.5)),
      button("whole", "show the whole recording", () => look(START, END)),
      button("undo", "undo (Ctrl+Z)", () => act("undo")), button("redo", "redo (Ctrl+Y)", () => act("redo")),
      button("delete", "delete the selected event (Delete)", remove),
      make("label", {}, "AU ", fields.au), make("label", {}, "side ", fields.side),
      make("label", {}, "intensity ", fields.intensity), make("label", {}, "label ", fields.label)),
    canvas, said,
    make("div", { className: "table" }, make("table", { aria: "events" }, make("thead", {}, head), body)));
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  el.append(root);
  const pen = canvas.getContext("2d");

  // ---- what can be done to the events
  function act(kind, content = {}) { model.send({ kind, ...content }); }
  function put(list, index) {
    model.set("events", list);
    model.set("selected", index);
    model.save_changes();
  }
  function brush() { return Object.fromEntries(Object.entries(fields).map(([name, { value }]) => [name, value])); }
  function add(onset, offset) {
    const fresh = { onset, apex: null, offset, ...brush() };
    put([...events(), fresh], events().length);
  }
  function edit(change, quiet = false) {
    const index = selected();
    if (index < 0) return quiet ? undefined : say("select an event first");
    put(events().map((event, i) => (i === index ? { ...event, ...change } : event)), index);
  }
  function remove() {
    if (selected() >= 0) put(events().filter((_, i) => i !== selected()), -1);
  }
  function choose(index) {
    model.set("selected", index);
    model.save_changes();
    const event = events()[index];
    if (!event) return;
    if (event.offset < view[0] || event.onset > view[1]) {
      const middle = (event.onset + event.offset) / 2, half = (view[1] - view[0]) / 2;
      look(middle - half, middle + half);
    }
  }
  function next(step) {
    const order = events().map((event, i) => [event.onset, i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    if (order.length) choose(order[(order.indexOf(selected()) + step + order.length) % order.length]);
  }
  function nudge(edge, by) {
    const event = events()[selected()];
    if (event) edit({ [edge]: bounded(event, edge, event[edge] + by) });
  }
  function bounded(event, edge, t) { // edges stop at each other and never swap
    return edge === "onset" ? Math.min(Math.max(START, t), event.offset - SHORTEST)
      : Math.max(Math.min(END, t), event.onset + SHORTEST);
  }

  // ---- the view
  function look(from, to) {
    const span = Math.min(Math.max(to - from, 0.02), END - START);
    const start = Math.min(Math.max(START, from), END - span);
    view = [start, start + span];
    want();
    ask();
  }
  function zoom(factor, at = (view[0] + view[1]) / 2) {
    look(at - (at - view[0]) * factor, at + (view[1] - at) * factor);
  }
  function pan(part) { const by = (view[1] - view[0]) * part; look(view[0] + by, view[1] + by); }
  function want() { // one question under way; the newest view is asked for when its answer is there
    wanted = { from: view[0], to: view[1], bins: Math.max(50, Math.round(canvas.clientWidth - LEFT)) };
    if (waiting) return;
    waiting = true;
    act("want", wanted);
    wanted = null;
  }
  function message(content, buffers) {
    if (content.kind !== "have") return;
    const bytes = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);
    detail = { ...content, times: new Float64Array(bytes(buffers[0])), values: new Float32Array(bytes(buffers[1])) };
    if (content.from <= START && content.to >= END) whole = detail;
    waiting = false;
    if (wanted) want();
    ask();
  }
  const time = (px) => view[0] + ((px - LEFT) / (canvas.clientWidth - LEFT)) * (view[1] - view[0]);
  const place = (t) => LEFT + ((t - view[0]) / (view[1] - view[0])) * (canvas.clientWidth - LEFT);

  // ---- mouse
  function edgeAt(px) {
    const event = events()[selected()];
    if (!event) return null;
    const near = ["onset", "offset"].filter((edge) => Math.abs(place(event[edge]) - px) <= GRAB);
    return near.length === 2 ? (px > place((event.onset + event.offset) / 2) ? "offset" : "onset") : near[0] ?? null;
  }
  canvas.onpointerdown = (press) => {
    if (press.button !== 0) return;
    root.focus({ preventScroll: true });
    canvas.setPointerCapture(press.pointerId);
    const edge = edgeAt(press.offsetX);
    drag = { from: press.offsetX, to: press.offsetX, edge, event: edge && { ...events()[selected()] } };
  };
  canvas.onpointermove = (move) => {
    hover = move.offsetX;
    if (drag) {
      drag.to = move.offsetX;
      if (drag.edge) drag.event[drag.edge] = bounded(drag.event, drag.edge, time(drag.to));
      const [a, b] = drag.edge ? [drag.event.onset, drag.event.offset] : [time(drag.from), time(drag.to)].sort((p, q) => p - q);
      say(`${a.toFixed(3)} – ${b.toFixed(3)} s, ${((b - a) * 1000).toFixed(0)} ms`);
    } else canvas.style.cursor = edgeAt(hover) ? "ew-resize" : "crosshair";
    ask();
  };
  canvas.onpointerup = () => {
    const done = drag;
    drag = null;
    if (!done) return;
    if (done.edge) edit({ [done.edge]: done.event[done.edge] });
    else if (Math.abs(done.to - done.from) > 3) {
      const [a, b] = [time(done.from), time(done.to)].sort((p, q) => p - q);
      add(Math.max(START, a), Math.min(END, b));
    } else {
      const t = time(done.from), at = events().map((_, i) => i).filter((i) => events()[i].onset <= t && t <= events()[i].offset);
      choose(at.length ? at[(at.indexOf(selected()) + 1) % at.length] : -1); // again: the one below
    }
    ask();
  };
  canvas.onpointercancel = () => { drag = null; ask(); };
  canvas.onwheel = (wheel) => {
    if (wheel.ctrlKey || wheel.metaKey) zoom(wheel.deltaY > 0 ? 1.25 : 0.8, time(wheel.offsetX));
    else if (wheel.shiftKey || Math.abs(wheel.deltaX) > Math.abs(wheel.deltaY)) pan(Math.sign(wheel.deltaX || wheel.deltaY) * 0.1);
    else return; // the notebook scrolls
    wheel.preventDefault();
  };
  root.onkeydown = (key) => {
    if (key.target.tagName === "SELECT" && !key.ctrlKey) return;
    if (key.target.tagName === "BUTTON" && (key.key === "Enter" || key.key === " ")) return;
    const ctrl = key.ctrlKey || key.metaKey, left = key.key === "ArrowLeft" ? -1 : 1, third = (view[1] - view[0]) / 6;
    const name = ctrl ? `Ctrl+${key.key.toLowerCase()}` : key.key;
    const keys = {
      "Ctrl+z": () => act(key.shiftKey ? "redo" : "undo"), "Ctrl+y": () => act("redo"),
      Delete: remove, Backspace: remove, PageDown: () => next(1), PageUp: () => next(-1), Escape: () => choose(-1),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), Home: () => look(START, END),
      Enter: () => add(view[0] + 2 * third, view[1] - 2 * third),
    };
    keys.ArrowLeft = keys.ArrowRight = () => {
      if (key.shiftKey) nudge("offset", left * 0.01);
      else if (key.altKey) nudge("onset", left * 0.01);
      else pan(left * 0.1);
    };
    if (!keys[name]) return;
    keys[name]();
    key.preventDefault();
  };

  // ---- drawing
  function say(text) { said.textContent = text; }
  function colour(event) {
    const names = model.get("choices").au.map(([value]) => value);
    return COLOURS[Math.max(0, names.indexOf(event.au)) % COLOURS.length];
  }
  function name(event) {
    return `${event.au ? `${event.side}${event.au}${event.intensity}` : ""} ${event.label}`.trim() || "?";
  }
  function ask() { if (!frame) frame = requestAnimationFrame(draw); }

  function trace(block, channels, ranges, lane) {
    const bins = block.times.length, margin = (view[1] - view[0]) / 100 + (block.to - block.from) / bins;
    channels.forEach((_, c) => {
      const [low, high] = ranges[c], scale = (lane * 0.9) / Math.max(1e-12, high - low);
      const bottom = TOP + lane * (c + 0.95);
      pen.strokeStyle = "#5b6b78";
      pen.beginPath();
      let pending = false;
      for (let i = 0; i < bins; i++) {
        const t = block.times[i], at = 2 * (c * bins + i);
        const least = block.values[at], most = block.values[at + 1];
        if (t < view[0] - margin || t > view[1] + margin || Number.isNaN(least)) { pending = false; continue; }
        const px = place(t), y = (value) => bottom - (value - low) * scale;
        pen[pending ? "lineTo" : "moveTo"](px, y(most));
        pen.lineTo(px, y(least) + (least === most ? 0.5 : 0));
        pending = true;
      }
      pen.stroke();
    });
  }

  function draw() {
    frame = 0;
    const width = canvas.clientWidth, height = canvas.clientHeight, dots = window.devicePixelRatio || 1;
    if (!width) return;
    if (canvas.width !== Math.round(width * dots)) { canvas.width = Math.round(width * dots); want(); }
    if (canvas.height !== Math.round(height * dots)) canvas.height = Math.round(height * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    const ink = getComputedStyle(canvas).color, channels = model.get("channels"), ranges = model.get("ranges");
    const lane = (height - TOP - BOTTOM) / Math.max(1, channels.length);
    pen.font = "11px sans-serif";
    pen.textBaseline = "middle";

    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height);
    pen.clip();
    const block = detail && detail.from <= view[0] && detail.to >= view[1] ? detail : whole;
    if (block) trace(block, channels, ranges, lane);

    pen.fillStyle = pen.strokeStyle = ink;
    pen.textAlign = "left";
    pen.globalAlpha = 0.55;
    pen.setLineDash([3, 4]);
    let free = -Infinity;
    for (const [t, text] of model.get("markers")) {
      if (t < view[0] || t > view[1]) continue;
      pen.beginPath();
      pen.moveTo(place(t), TOP);
      pen.lineTo(place(t), height - BOTTOM);
      pen.stroke();
      if (place(t) < free) continue; // no text over text
      pen.fillText(text, place(t) + 3, height - BOTTOM - 7);
      free = place(t) + pen.measureText(text).width + 8;
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;

    const shown = events().map((event, i) => (drag?.edge && i === selected() ? drag.event : event));
    const rows = [];
    shown.map((event, i) => ({ event, i })).sort((a, b) => a.event.onset - b.event.onset).forEach(({ event, i }) => {
      const a = place(event.onset), b = place(event.offset), text = name(event);
      let row = rows.findIndex((end) => end <= a);
      if (row < 0) row = rows.length < ROWS ? rows.length : ROWS - 1;
      rows[row] = Math.max(b, a + pen.measureText(text).width + 6);
      if (b < LEFT || a > width) return;
      pen.fillStyle = pen.strokeStyle = colour(event);
      pen.globalAlpha = i === selected() ? 0.22 : 0.12;
      pen.fillRect(a, TOP, Math.max(1, b - a), height - TOP - BOTTOM);
      pen.globalAlpha = 1;
      pen.fillRect(a, row * STRIP + 2, Math.max(2, b - a), 3);
      pen.fillStyle = ink;
      pen.fillText(text, Math.max(a, LEFT), row * STRIP + 11);
      if (i !== selected()) return;
      pen.lineWidth = 2;
      for (const px of [a, b]) {
        pen.beginPath();
        pen.moveTo(px, TOP);
        pen.lineTo(px, height - BOTTOM);
        pen.stroke();
        pen.fillStyle = pen.strokeStyle;
        pen.fillRect(px - 3, (TOP + height - BOTTOM) / 2 - 12, 6, 24);
      }
      pen.lineWidth = 1;
    });
    if (drag && !drag.edge && Math.abs(drag.to - drag.from) > 3) {
      pen.fillStyle = colour(brush());
      pen.globalAlpha = 0.3;
      pen.fillRect(Math.min(drag.from, drag.to), TOP, Math.abs(drag.to - drag.from), height - TOP - BOTTOM);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = ink;
    pen.globalAlpha = 0.65;
    pen.textAlign = "center";
    const raw = (view[1] - view[0]) / 8, ten = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= raw), digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let t = Math.ceil(view[0] / step) * step; t <= view[1]; t += step)
      pen.fillText(`${t.toFixed(digits)} s`, Math.max(place(t), LEFT + 14), height - BOTTOM / 2);
    pen.restore();
    pen.fillStyle = ink;
    pen.textAlign = "left";
    channels.forEach((channel, c) => pen.fillText(channel, 4, TOP + lane * (c + 0.5), LEFT - 10));
    canvas.dataset.view = view.map((t) => t.toFixed(4)).join(" ");
    canvas.dataset.left = LEFT;
  }

  // ---- the list beside the picture, and the controls that show the selected event
  function list() {
    const index = selected(), event = events()[index];
    if (event) for (const field in fields) fields[field].value = event[field] ?? "";
    const order = events().map((e, i) => [e, i]).sort((a, b) => a[0].onset - b[0].onset);
    body.replaceChildren(...order.map(([e, i]) => {
      const cells = [e.onset.toFixed(3), e.offset.toFixed(3), ((e.offset - e.onset) * 1000).toFixed(0), e.au, e.side, e.intensity, e.label];
      const row = make("tr", { className: i === index ? "selected" : "", onclick: () => choose(i) },
        ...cells.map((text) => make("td", { textContent: text })));
      row.setAttribute("aria-selected", String(i === index));
      return row;
    }));
    canvas.setAttribute("aria-label", `signal of ${model.get("channels").length} channels with ${events().length} events, listed in the table below`);
    say(event ? `${name(event)}: ${event.onset.toFixed(3)} – ${event.offset.toFixed(3)} s, ${((event.offset - event.onset) * 1000).toFixed(0)} ms`
      : events().length ? `${events().length} events` : HELP);
    ask();
  }

  const sized = new ResizeObserver(ask);
  sized.observe(canvas);
  model.on("change:events", list);
  model.on("change:selected", list);
  model.on("msg:custom", message);
  list();
  want();
  return () => {
    cancelAnimationFrame(frame);
    sized.disconnect();
    model.off("change:events", list);
    model.off("change:selected", list);
    model.off("msg:custom", message);
  };
}

export default { render };
