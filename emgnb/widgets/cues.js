// What the person sees: the expression drawn, what to do, how long still. The kernel says which
// moment it is; the browser counts the time down by itself and tells when it has drawn a moment.
const SEEN = { A: 0.3, B: 0.5, C: 0.7, D: 0.85, E: 1 }; // how strongly an intensity is drawn
const TITLES = { ready: "Ready when you are", countdown: "Get ready", hold: "Hold", rest: "Relax", paused: "Paused", over: "Done. Thank you!", failed: "Ended early" };

function render({ model, el }) {
  const make = (tag, attributes = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...inside);
    return made;
  };
  const face = document.createElementNS(SVG, "svg");
  face.setAttribute("class", "face");
  face.setAttribute("role", "img");
  const phase = make("div", { className: "phase" }), what = make("div", { className: "what" }), how = make("div", { className: "how" });
  const count = make("div", { className: "count" }), passed = make("div"), bar = make("div", { className: "time" }, passed);
  const progress = make("span", { className: "which" });
  const said = make("div", {}, phase, what, how);
  said.setAttribute("aria-live", "assertive");
  count.setAttribute("aria-hidden", "true");
  bar.setAttribute("aria-hidden", "true");
  const button = (text, key, act) => make("button", { type: "button", onclick: act }, text, make("kbd", { textContent: key }));
  const go = button("Start", "Space", () => ask(!running() ? "start" : paused() ? "resume" : "pause"));
  const redo = button("Redo the last", "R", () => ask("redo"));
  const stop = button("Stop", "Esc", () => ask("stop"));
  const full = button("Full screen", "F", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));
  const sound = make("input", { type: "checkbox" });
  const root = make("div", { className: "emgnb-cues", tabIndex: 0 },
    make("div", { className: "stage" }, face, make("div", {}, said, count, bar)),
    make("div", { className: "bar" }, go, redo, stop, full, make("label", {}, sound, "sound"), progress));
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "guided protocol");
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  el.append(root);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let began = 0, frame = 0, last = "", audio;

  const paused = () => model.get("moment").phase === "paused";
  const running = () => ["countdown", "hold", "rest", "paused"].includes(model.get("moment").phase);
  function ask(kind) {
    if (sound.checked) audio ??= new AudioContext(); // a browser wants a click before it lets anything be heard
    model.send({ kind });
  }
  function beep(pitch) {
    if (!sound.checked || !audio) return;
    const tone = new OscillatorNode(audio, { frequency: pitch }), loud = new GainNode(audio, { gain: 0.15 });
    tone.connect(loud).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.12);
  }

  function show() {
    const moment = model.get("moment"), step = moment.step ?? {};
    // A page that was loaded anew takes the countdown up where it is.
    const late = Date.now() - 1000 * moment.began;
    began = performance.now() - (late > 0 && late < 1000 * moment.seconds ? late : 0);
    const resting = ["rest", "over", "failed"].includes(moment.phase);
    const units = Object.fromEntries(Object.entries(resting ? {} : step.aus ?? {}).map(([unit, letter]) => [unit, SEEN[letter] ?? 0.7]));
    drawFace(face, units);
    face.setAttribute("aria-label", resting || !step.name ? "a face at rest" : `a face that shows ${step.name}`);
    const kind = { practice: "practice: ", mvc: "as strongly as you can: " }[step.kind] ?? "";
    phase.textContent = TITLES[moment.phase] ?? moment.phase;
    what.textContent = resting ? "" : moment.phase === "ready" ? model.get("title") || "A guided protocol" : step.kind === "baseline" ? "rest" : `${kind}${step.name}`;
    how.textContent = moment.problem || (moment.phase === "ready" ? model.get("summary") : resting ? "" : step.instruction ?? "");
    progress.textContent = running() ? `${moment.number} of ${moment.of}${model.get("spoilt") ? `, ${model.get("spoilt")} taken back` : ""}` : "";
    root.dataset.phase = moment.phase;
    root.dataset.number = moment.number;
    const start = moment.phase === "ready" ? "Start" : "Once more";
    go.firstChild.textContent = !running() ? start : paused() ? "Go on" : "Pause";
    redo.disabled = stop.disabled = !running();
    if (moment.phase === "hold") beep(880);
    if (moment.phase === "rest") beep(440);
    last = "";
    cancelAnimationFrame(frame);
    // Two frames on, this one is on the screen.
    requestAnimationFrame(() => requestAnimationFrame(() => model.send({ kind: "drawn", serial: moment.serial, at: Date.now() })));
    tick();
  }

  function tick() {
    const { phase: now, seconds } = model.get("moment");
    if (!seconds) { passed.style.width = "0"; count.textContent = ""; return; }
    const spent = (performance.now() - began) / 1000, left = Math.max(0, seconds - spent);
    if (!still.matches) passed.style.width = `${Math.min(100, (100 * spent) / seconds)}%`;
    const text = now === "rest" ? "" : String(Math.ceil(left));
    if (text !== last) {
      count.textContent = last = text;
      if (now === "countdown" && left > 0.05) beep(587);
    }
    if (left > 0) frame = requestAnimationFrame(tick);
  }

  root.onkeydown = (key) => {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const own = key.target !== root; // a button or box works by its own keys as well
    const keys = { " ": go, r: redo, R: redo, Escape: stop, f: full, F: full };
    const pressed = keys[key.key];
    if (!pressed || (own && key.key === " ")) return;
    key.preventDefault();
    key.stopPropagation();
    if (!pressed.disabled) pressed.click();
  };
  for (const each of root.querySelectorAll("button, input")) each.setAttribute("data-lm-suppress-shortcuts", "true");

  model.on("change:moment", show);
  show();
  return () => {
    cancelAnimationFrame(frame);
    model.off("change:moment", show);
    audio?.close();
  };
}

export default { render };
