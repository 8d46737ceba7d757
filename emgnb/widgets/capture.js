// The recording desk: where from, who, which electrodes; Start, Pause, Stop; marks by button and digit;
// the signal; and what is wrong, only when something is. The kernel does it all; this shows and asks.
// A mark carries the moment of its key on this computer's clock, so that a busy kernel makes none late.
const SHARING = ["not shared", "within the group", "anonymised, in public"];
const OTHER = "another port …";

function render({ model, el }) {
  const ask = (kind, more = {}) => model.send({ kind, ...more });
  const get = (name) => model.get(name);
  const put = (name, value) => { model.set(name, value); model.save_changes(); };
  const button = (text, act, attributes = {}) => make("button", { type: "button", onclick: act, ...attributes }, text);
  const field = (text, input) => make("label", { className: "field" }, make("span", {}, text), input);
  const text = (name, attributes = {}) => {
    const input = make("input", { type: "text", spellcheck: false, autocomplete: "off", ...attributes });
    input.addEventListener("change", () => put(name, input.value.trim()));
    shows.push([`change:${name}`, () => { input.value = get(name); }]);
    return input;
  };
  const shows = [];

  // ---- before: port, person, consent, electrodes
  const port = make("select", { aria: { label: "port" } });
  const typed = text("port", { placeholder: "COM3, /dev/ttyACM0, sim://…", aria: { label: "name of the port" } });
  const look = button("Look again", () => ask("ports"), { title: "look for boards again" });
  const listen = button("Listen", () => ask(get("verdict").state === "listening" ? "quiet" : "listen"), { title: "listen to the port, nothing is recorded" });
  const verdict = make("div", { className: "verdict" });
  verdict.setAttribute("role", "status");
  port.addEventListener("change", () => {
    typed.hidden = port.value !== OTHER;
    if (port.value !== OTHER) put("port", port.value);
    else typed.focus();
  });
  shows.push(["change:ports change:port", () => {
    const known = get("ports"), now = get("port");
    const options = known.map(([url, name]) => new Option(`${name} (${url})`, url));
    if (!known.some(([url]) => url === now)) options.push(new Option(now, now));
    port.replaceChildren(...options, new Option(OTHER, OTHER));
    port.value = now;
    typed.hidden = true;
  }]);
  shows.push(["change:verdict", () => {
    const { state = "", said = [] } = get("verdict");
    verdict.dataset.state = state;
    verdict.replaceChildren(...said.map(([level, line]) => make("div", { className: level }, line)));
    listen.textContent = state === "listening" ? "Enough" : "Listen";
  }]);

  const participant = text("participant", { size: 12 });
  const fresh = button("New code", () => ask("participant"), { title: "a random code; never a name" });
  const session = text("session", { size: 8, placeholder: "1" });
  const given = make("input", { type: "checkbox" });
  const version = make("input", { type: "text", size: 8, placeholder: "form 1.0" }), scope = make("input", { type: "text", size: 22, placeholder: "this course's exercises" });
  const sharing = make("select", {}, ...SHARING.map((each) => new Option(each)));
  const consented = () => put("consent", given.checked ? { version: version.value.trim(), date: get("consent").date || today(), scope: scope.value.trim(), sharing: sharing.value } : {});
  [given, version, scope, sharing].forEach((input) => input.addEventListener("change", consented));
  const date = make("span", {});
  shows.push(["change:consent", () => {
    const consent = get("consent");
    given.checked = Boolean(consent.date);
    date.textContent = consent.date ? ` on ${consent.date}` : "";
    if (!consent.date) return;
    [version.value, scope.value] = [consent.version, consent.scope];
    if (!SHARING.includes(consent.sharing)) sharing.add(new Option(consent.sharing));
    sharing.value = consent.sharing;
  }]);
  const worn = make("div", { className: "worn" });
  const sites = electrodeSites(worn, get("sites"), (montage) => put("montage", montage));
  const summary = make("summary", {});
  const setup = make("details", { open: true }, summary, make("div", { className: "setup" },
    make("div", { className: "who" },
      make("div", { className: "line" }, field("port", port), typed, look, listen), verdict,
      make("div", { className: "line" }, field("participant", participant), fresh, field("session", session)),
      make("fieldset", { className: "line" }, make("legend", {}, "consent"), make("label", {}, given, " given", date),
        field("form", version), field("for", scope), field("data", sharing))),
    make("details", { className: "electrodes", open: true }, make("summary", {}, "electrodes"), worn)));

  // ---- during: state, marks, troubles
  const found = make("div", { className: "offer" }), foundText = make("span", {}), takeUp = button("Take it up", () => ask("attach"));
  found.append(foundText, takeUp);
  found.setAttribute("role", "status");
  const start = button("● Start", () => ask("start"), { className: "start" });
  const pause = button("Pause", () => ask(get("paused") ? "resume" : "pause", { at: Date.now() }));
  const stop = button("■ Stop", () => ask("stop"), { className: "stop" });
  const state = make("span", { className: "state" }), figures = make("span", { className: "figures" });
  state.setAttribute("role", "status");
  const wait = make("span", { className: "wait", hidden: true });
  const bar = make("div", { className: "bar" }, start, pause, stop, state, figures, wait);
  const listed = make("ul"), troubles = make("div", { className: "troubles", role: "alert" }, listed);
  const cues = make("div", { className: "cues", aria: { label: "marks" } });
  cues.setAttribute("role", "group");
  const word = make("input", { type: "text", placeholder: "another mark", aria: { label: "another mark" } });
  const other = button("Mark", () => { if (mark(word.value)) word.value = ""; });
  word.addEventListener("keydown", (event) => { if (event.key === "Enter") other.click(); });
  shows.push(["change:cues", () => {
    cues.replaceChildren(...get("cues").map((cue, k) => button(cue, (event) => mark(cue, event), {
      className: "cue", title: `mark ${cue}`, data: { cue }, ...(k < 9 ? { ariaKeyShortcuts: String(k + 1) } : {}) })));
    [...cues.children].slice(0, 9).forEach((each, k) => each.append(make("kbd", { aria: { hidden: "true" } }, String(k + 1))));
    cues.append(word, other);
  }]);

  const place = make("div", {});
  const choice = (name, what, options) => {
    const select = make("select", {}, ...options.map(([value, said]) => new Option(said, value)));
    select.addEventListener("change", () => put(name, JSON.parse(select.value)));
    shows.push([`change:${name}`, () => { select.value = JSON.stringify(get(name)); }]);
    return field(what, select);
  };
  const preview = make("select", {});
  preview.addEventListener("change", () => put("preview", preview.value));
  shows.push(["change:previews change:preview", () => {
    preview.replaceChildren(...get("previews").map((name) => new Option(name)));
    preview.value = get("preview");
  }]);
  const looks = make("div", { className: "line looks" },
    field("shown", preview),
    choice("common", "scale", [["false", "each channel its own"], ["true", "one for all"]]),
    choice("sweep", "picture", [["false", "scrolls"], ["true", "is swept"]]),
    choice("seconds", "length", [...new Set([2, 5, 8, 20, 60, get("seconds")])].sort((a, b) => a - b).map((s) => [String(s), `${s} s`])));
  const root = make("div", { className: "emgnb-capture", tabIndex: -1, data: { lmSuppressShortcuts: "true" } },
    found, setup, bar, troubles, cues, place, looks);
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "recording");
  el.append(root);
  const view = liveViewOf(model, place);

  function mark(text, event) {
    text = text.trim();
    if (!text || get("state") !== "recording") return false;
    // When the key went down, also if this page was busy then.
    const at = Date.now() - (event ? Math.max(0, performance.now() - event.timeStamp) : 0);
    const id = `${at}-${Math.random().toString(36).slice(2)}`;
    view.mark({ text, id, sure: false });
    const pressed = [...cues.children].find(({ dataset }) => dataset.cue === text);
    pressed?.classList.add("lit");
    setTimeout(() => pressed?.classList.remove("lit"), 250);
    awaited.set(id, performance.now());
    ask("mark", { text, at, id });
    return true;
  }

  root.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (writes || event.ctrlKey || event.altKey || event.metaKey || event.repeat || !/^[1-9]$/.test(event.key)) return;
    const cue = get("cues")[Number(event.key) - 1];
    if (cue === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    mark(cue, event);
  });

  // ---- what the kernel says
  const awaited = new Map(); // marks that the kernel has not heard of yet
  const heard = (content) => {
    if (content.kind === "tick") ask("tock", { sent: content.sent, at: Date.now() });
    else if (content.kind === "mark") awaited.delete(content.id);
  };
  const patience = setInterval(() => {
    const late = [...awaited.values()].filter((since) => performance.now() - since > 700).length;
    wait.hidden = !late;
    if (late) wait.textContent = `the kernel is busy: ${late} ${late > 1 ? "marks wait, their moments are" : "mark waits, its moment is"} kept`;
  }, 300);

  let was = "";
  const situation = () => {
    const now = get("state"), running = now === "recording", paused = get("paused"), idle = now === "idle";
    const offer = get("offer");
    found.hidden = !offer || !idle;
    foundText.textContent = offer ? `A recording is under way here: ${offer}. ` : "";
    start.disabled = !idle;
    pause.disabled = stop.disabled = !running;
    pause.textContent = paused ? "Go on" : "Pause";
    [port, typed, look, listen, participant, fresh, session, given, version, scope, sharing].forEach((each) => { each.disabled = !idle; });
    cues.querySelectorAll("button, input").forEach((each) => { each.disabled = !running; });
    const shown = running && paused ? "paused" : now;
    root.dataset.state = shown;
    state.textContent = { idle: get("status").over ? "recorded" : "not recording", starting: "opening the port …", recording: "recording", stopping: "writing the session …", paused: "picture paused, still recording" }[shown] ?? now;
    if (was !== now && running) { setup.open = false; root.focus({ preventScroll: true }); }
    if (was && was !== now && idle) setup.open = true;
    // A button that is switched off lets the focus fall out of the widget, and the next key is the notebook's.
    if (was !== now && document.activeElement === document.body && was) root.focus({ preventScroll: true });
    was = now;
    const consent = get("consent");
    summary.textContent = [get("port"), get("participant") || "no participant", get("session") && `session ${get("session")}`,
      `${get("montage").length} channels`, consent.date ? `consent ${consent.version} of ${consent.date}` : "no consent recorded"].filter(Boolean).join(" · ");
  };
  shows.push(["change:state change:paused change:offer change:montage change:port change:participant change:session change:consent", situation]);
  shows.push(["change:montage change:state", () => sites.set(get("montage"), get("state") !== "idle")]);
  shows.push(["change:status", () => {
    const { seconds, rate, marks, file, bytes, free } = get("status");
    figures.replaceChildren();
    if (get("status").over) situation();
    if (seconds === undefined) return;
    figures.append(make("b", {}, clock(seconds)), ` · ${rate ? `${rate.toFixed(1)} Hz` : "rate …"} · ${marks} ${marks === 1 ? "mark" : "marks"} · `,
      make("span", { className: "file", title: file }, file.split(/[\\/]/).slice(-2).join("/")), ` · ${amount(bytes)}, ${amount(free)} free`);
  }]);
  shows.push(["change:troubles", () => {
    const now = get("troubles");
    troubles.hidden = !now.length;
    const said = JSON.stringify(now);
    if (troubles.dataset.said === said) return; // what is read aloud is read once
    troubles.dataset.said = said;
    listed.replaceChildren(...now.map(({ level, what, todo }) => make("li", { className: level }, make("b", {}, what), todo ? ` ${todo}` : "")));
  }]);

  model.on("msg:custom", heard);
  shows.forEach(([change, show]) => { model.on(change, show); show(); });
  return () => {
    clearInterval(patience);
    view.close();
    model.off("msg:custom", heard);
    shows.forEach(([change, show]) => model.off(change, show));
  };
}

function today() { // here, not in Greenwich
  const now = new Date();
  return new Date(now - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

function clock(seconds) {
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${whole >= 3600 ? `${Math.floor(whole / 3600)}:` : ""}${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${Math.floor(10 * (seconds - whole))}`;
}

function amount(bytes) {
  const [unit, size] = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]].find(([, each]) => bytes >= each) ?? ["B", 1];
  return `${(bytes / size).toFixed(size > 1e3 && bytes < 10 * size ? 1 : 0)} ${unit}`;
}

export default { render };
