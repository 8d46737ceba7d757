// Entry module of the recording panel. The kernel records; the panel displays its state and sends requests.
import { keepKeys, make, valuesOf } from "../shared/dom.js";
import { Desk, field } from "./desk.js";
import { LaneChooser } from "./lanes.js";
import { liveViewOf } from "./live_view.js";
import { Marking } from "./marking.js";
import { MarkList } from "./marks.js";
import { Controls, Offer, Troubles, stateShown } from "./recording.js";
import { Connection, Consent, Participant, setupText } from "./setup.js";
import { electrodeSites } from "./sites.js";

const SUMMARY = ["port", "participant", "session", "montage", "consent"];
const NOTES = ["port", "bar", "marks", "looks"]; // places of notes, each next to what it is about

/** The foldable part in which a recording is prepared. */
class Setup {
  /**
   * @param {Desk} desk
   * @param {HTMLElement} note
   */
  constructor(desk, note) {
    const connection = new Connection(desk), participant = new Participant(desk), consent = new Consent(desk);
    const controls = [...connection.controls, ...participant.controls, ...consent.controls];
    const worn = make("div", { className: "worn" }), summary = make("summary");
    const sites = electrodeSites(worn, desk.get("sites"), (montage) => desk.put("montage", montage));
    this.node = make("details", { open: !desk.get("status").over }, summary, make("div", { className: "setup" },
      make("div", { className: "who" }, connection.line, note, connection.verdict, participant.line, consent.line),
      make("details", { className: "electrodes", open: true }, make("summary", {}, "electrodes"), worn)));
    desk.shows("state", () => controls.forEach((each) => { each.disabled = desk.get("state") !== "idle"; }));
    desk.shows("montage state", () => sites.set(desk.get("montage"), desk.get("state") !== "idle"));
    desk.shows(SUMMARY.join(" "), () => { summary.textContent = setupText(/** @type {any} */ (valuesOf(desk, SUMMARY))); });
  }
}

/**
 * Create the areas of notes from the kernel.
 * @param {Desk} desk
 * @param {() => boolean} folded whether the setup is folded
 * @returns {Record<string, HTMLElement>}
 */
function notes(desk, folded) {
  const areas = Object.fromEntries(NOTES.map((where) => [where, make("div", { hidden: true })]));
  desk.shows("said", () => {
    const { text = "", error = false, where = "bar" } = desk.get("said"), here = where === "port" && folded() ? "bar" : where;
    for (const [name, area] of Object.entries(areas)) {
      area.hidden = name !== here || !text;
      if (area.hidden) { area.replaceChildren(); continue; }
      area.className = error ? "emgnb-error" : "emgnb-note";
      area.setAttribute("role", error ? "alert" : "status");
      area.textContent = text;
    }
  });
  return areas;
}

/**
 * Create the options of the live view.
 * @param {Desk} desk
 */
function looks(desk) {
  const preview = make("select");
  preview.addEventListener("change", () => desk.put("preview", preview.value));
  desk.shows("previews preview", () => {
    preview.replaceChildren(...desk.get("previews").map((name) => new Option(name)));
    preview.value = desk.get("preview");
  });
  const seconds = [...new Set([2, 5, 8, 20, 60, desk.get("seconds")])].sort((a, b) => a - b);
  return make("div", { className: "line looks" }, field("signal", preview),
    field("scale", desk.choice("common", [[false, "auto per channel"], [true, "common scale"]])),
    field("display", desk.choice("sweep", [[false, "scroll"], [true, "sweep"]])),
    field("window", desk.choice("seconds", seconds.map((s) => [s, `${s} s`]))),
    field("spectrum", desk.choice("spectral", [[false, "hidden"], [true, "shown"]])));
}

/**
 * Show the state on the panel, and keep the focus in it.
 * @param {Desk} desk
 * @param {HTMLElement} root
 * @param {HTMLDetailsElement} setup
 */
function situation(desk, root, setup) {
  let was = "";
  desk.shows("state paused", () => {
    const state = desk.get("state"), running = state === "recording";
    root.dataset.state = stateShown(state, desk.get("paused"), false).shown;
    if (was !== state && running) { setup.open = false; root.focus({ preventScroll: true }); }
    // A button that is switched off lets the focus fall out of the widget, and the next key is the notebook's.
    if (was !== state && document.activeElement === document.body && was) root.focus({ preventScroll: true });
    was = state;
  });
}

function render({ model, el }) {
  const desk = new Desk(model), areas = notes(desk, () => !setup.node.open), place = make("div");
  const setup = new Setup(desk, areas.port), offer = new Offer(desk), controls = new Controls(desk), troubles = new Troubles(desk);
  const marking = new Marking(desk, (mark) => view.mark(mark)), marks = new MarkList(desk), lanes = new LaneChooser(desk);
  controls.node.append(marking.wait);
  const root = make("div", { className: "emgnb-capture", tabIndex: -1, role: "region", aria: { label: "recording" } },
    offer.node, setup.node, controls.node, areas.bar, troubles.node, marking.node, areas.marks, marks.root, place, looks(desk), areas.looks, lanes.root);
  keepKeys(root);
  root.addEventListener("keydown", (event) => marking.pressed(event));
  situation(desk, root, setup.node);
  el.append(root);
  const { view, close } = liveViewOf(model, place);
  const heard = ({ kind, sent, id }) => {
    if (kind === "tick") desk.ask("tock", { sent, at: Date.now() });
    else if (kind === "mark") marking.awaited.delete(id);
  };
  model.on("msg:custom", heard);
  desk.start();
  return () => {
    marking.close();
    close();
    model.off("msg:custom", heard);
    desk.stop();
  };
}

export default { render };
