// Review of the bursts that the detector proposes: a whole moment or one by one.
import { make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
import { momentText, seconds } from "./describe.js";
import { button, choice, group, tick } from "./dom.js";
/** @typedef {import("./app.js").App} App */

const SNR = "minimum SNR of a burst (dB over rest)";

/**
 * Return how many bursts are left to review.
 * @param {{byMoment: boolean, leaders: unknown[], offered: unknown[]}} events
 * @param {number} all bursts, also those that the filter hides
 */
export function leftText({ byMoment, leaders, offered }, all = offered.length) {
  const some = offered.length < all ? `${offered.length} of ` : "";
  return `${byMoment ? `${counted(leaders.length, "moment")}, ` : ""}${some}${counted(all, "burst")}`;
}

const decidedText = (state, n) => `${state ? "rejected" : "accepted"} ${counted(n, "burst")}`;

export class Review {
  /** @param {App} app */
  constructor(app) {
    this.app = app; this.waiting = make("span", { className: "waiting" });
    this.following = button("next (n)", "next moment or burst", () => { this.go(1); app.focus(); }); // Enter accepts
    this.accept = button("accept (Enter)", "accept the selected moment or burst", () => this.decide(""));
    this.reject = button("reject (Delete)", "reject the selected moment or burst", () => this.decide("refused"));
    this.snap = tick("snap (s)", "snap edges to the nearest edge of a burst", (on) => app.setSnap(on));
    this.node = group("bursts", button("find bursts", "run the detector, which proposes events", () => app.act("propose")),
      this.snap.label, this.waiting, this.following, this.accept, this.reject);
    this.filter = this.filters();
  }
  filters() {
    const { app } = this, { events } = app;
    this.byMoment = tick("by moment (m)", "review all bursts of a movement at once; otherwise one by one", (on) => this.setByMoment(on));
    this.byMoment.box.checked = events.byMoment;
    this.all = button("accept all shown", "accept every burst that passes the filter (Shift+Enter)", () => this.decideAll(""));
    this.none = button("reject all shown", "reject every burst that passes the filter (Shift+Delete)", () => this.decideAll("refused"));
    const channel = choice("bursts in channel", [["", "all channels"], ...app.channels.map((name) => [name, name])], (value) => events.filterProposals({ channel: value }));
    const snr = make("input", { type: "number", min: 0, step: 1, placeholder: "any", aria: { label: SNR }, title: SNR });
    snr.oninput = () => events.filterProposals({ snr: snr.value === "" ? null : Number(snr.value) });
    return group("bursts shown", this.byMoment.label, make("label", {}, "channel ", channel), make("label", {}, "SNR at least (dB) ", snr), this.all, this.none);
  }
  show() {
    const { events } = this.app, { proposals, offered } = events;
    this.accept.hidden = this.reject.hidden = events.event?.state !== "proposed";
    this.following.hidden = this.filter.hidden = !proposals.length;
    this.all.disabled = this.none.disabled = this.following.disabled = !offered.length;
    this.waiting.textContent = proposals.length ? `${leftText(events, proposals.length)} to review` : "";
  }
  get nothing() { return this.app.events.proposals.length ? "no burst passes the filter" : null; }

  // ---- actions
  /** @param {number} by 1 for the next one, -1 for the previous */
  go(by) {
    const { events, stage } = this.app, open = events.leaders, [first] = events.together(events.selected);
    if (!open.length) return this.app.say(this.nothing ?? (events.bursts ? "no bursts left" : "find bursts first"));
    const after = open.find((row) => row.onset >= stage.cursor) ?? open[0];
    if (first && events.byMoment) events.selected = first.key;
    this.app.choose(first || by < 0 ? events.next(by, open) : after.key);
  }
  /** @param {string} state "" accepts, "refused" rejects what is selected */
  decide(state) {
    const { events } = this.app, rows = events.together(events.selected);
    if (!rows.length) return this.app.say("select a burst first: n");
    const open = events.leaders, at = open.findIndex(({ key }) => rows.some((row) => row.key === key)), then = open[at + 1] ?? open[at - 1];
    events.decide(rows, state, then?.key ?? null);
    this.app.choose(then?.key ?? null);
    this.app.say(`${decidedText(state, rows.length)} at ${seconds(rows[0].onset)} s; ${leftText(events)} left`);
  }
  /** @param {string} state "" accepts, "refused" rejects all that pass the filter */
  decideAll(state) {
    const { events } = this.app, rows = events.offered;
    if (!rows.length) return this.app.say(this.nothing ?? "find bursts first");
    events.decide(rows, state, null);
    this.app.focus();
    this.app.say(`${decidedText(state, rows.length)}; ${leftText(events)} left; Ctrl+Z undoes this`);
  }
  /** @param {boolean} on */
  setByMoment(on) {
    this.app.events.byMoment = this.byMoment.box.checked = on;
    this.app.changed();
    this.app.say(on ? "reviewing whole moments" : "reviewing bursts one by one");
  }
  /** @param {string | null} key of a proposal; its bursts in words, if there are several */
  momentOf(key) {
    const rows = this.app.events.together(key);
    return rows.length > 1 ? momentText(rows) : null;
  }
}
