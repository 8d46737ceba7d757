// Recording controls: a running recording to reconnect to, start, pause, stop, state, figures and problems.
import { button, make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
import { amount, clock } from "./format.js";
/** @typedef {import("./desk.js").Desk} Desk */

const STATES = {
  starting: "opening the port …", recording: "recording", stopping: "writing the session …", paused: "display paused, still recording",
};

/**
 * Return what is shown of the state, and its text.
 * @param {string} state "idle", "starting", "recording" or "stopping"
 * @param {boolean} paused whether the display is paused
 * @param {boolean} over whether there is a recording that has ended
 */
export function stateShown(state, paused, over) {
  const shown = state === "recording" && paused ? "paused" : state;
  return { shown, text: shown === "idle" ? (over ? "recorded" : "not recording") : STATES[shown] ?? state };
}

/**
 * Return the figures of a recording before and after its file.
 * @param {{rate: number, marks: number, bytes: number, free: number}} status
 */
export function figureTexts({ rate, marks, bytes, free }) {
  return [` · ${rate ? `${rate.toFixed(1)} Hz` : "rate …"} · ${counted(marks, "marker")} · `, ` · ${amount(bytes)}, ${amount(free)} free`];
}

/** A recording that runs already. */
export class Offer {
  /** @param {Desk} desk */
  constructor(desk) {
    const text = make("span");
    this.node = make("div", { className: "offer", role: "status" }, text, button("Reconnect", () => desk.ask("attach")));
    desk.shows("offer state", () => {
      const offer = desk.get("offer");
      this.node.hidden = !offer || desk.get("state") !== "idle";
      text.textContent = offer ? `A recording is running: ${offer}. ` : "";
    });
  }
}

/** Start, pause and stop, with the state and the figures of the recording. */
export class Controls {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.start = button("● Start", () => desk.ask("start"), { className: "start" });
    this.pause = button("Pause", () => desk.ask(desk.get("paused") ? "resume" : "pause", { at: Date.now() }));
    this.stop = button("■ Stop", () => desk.ask("stop"), { className: "stop" });
    this.state = make("span", { className: "state", role: "status" });
    this.figures = make("span", { className: "figures" });
    this.node = make("div", { className: "bar" }, this.start, this.pause, this.stop, this.state, this.figures);
    desk.shows("state paused status", () => this.showState());
    desk.shows("status", () => this.showFigures());
  }
  showState() {
    const { desk } = this, state = desk.get("state"), paused = desk.get("paused");
    this.start.disabled = state !== "idle";
    this.pause.disabled = this.stop.disabled = state !== "recording";
    this.pause.textContent = paused ? "Resume" : "Pause";
    const { text } = stateShown(state, paused, desk.get("status").over);
    if (this.state.textContent !== text) this.state.textContent = text; // screen readers read each change
  }
  showFigures() {
    const status = this.desk.get("status");
    this.figures.replaceChildren();
    if (status.seconds === undefined) return;
    const [before, after] = figureTexts(status), { file } = status;
    this.figures.append(make("b", {}, clock(status.seconds)), before,
      make("span", { className: "file", title: file }, file.split(/[\\/]/).slice(-2).join("/")), after);
  }
}

/** Problems of the recording, and what to do. */
export class Troubles {
  /** @param {Desk} desk */
  constructor(desk) {
    const list = make("ul");
    this.node = make("div", { className: "troubles", role: "alert" }, list);
    desk.shows("troubles", () => {
      const troubles = desk.get("troubles"), said = JSON.stringify(troubles);
      this.node.hidden = !troubles.length;
      if (this.node.dataset.said === said) return; // screen readers read each change
      this.node.dataset.said = said;
      list.replaceChildren(...troubles.map(({ level, what, todo }) => make("li", { className: level }, make("b", {}, what), todo ? ` ${todo}` : "")));
    });
  }
}
