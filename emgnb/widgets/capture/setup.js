// Before a recording: port, participant, session and consent.
import { button, make } from "../shared/dom.js";
import { counted } from "../shared/numbers.js";
import { field } from "./desk.js";
import { today } from "./format.js";
/** @typedef {import("./desk.js").Desk} Desk */

const OTHER = "another port …";
const SHARING = ["not shared", "within the group", "anonymised, in public"];

/** Choice of a port, and its test. */
export class Connection {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.port = make("select", { aria: { label: "port" } });
    this.typed = desk.text("port", { placeholder: "COM3, /dev/ttyACM0, sim://…", aria: { label: "name of the port" } });
    this.refresh = button("Refresh", () => desk.ask("ports"), { title: "look for ports" });
    this.test = button("Test connection", () => desk.ask(desk.get("verdict").state === "listening" ? "quiet" : "listen"),
      { title: "check protocol, rate and signal quality; nothing is recorded" });
    this.verdict = make("div", { className: "verdict", role: "status" });
    this.port.addEventListener("change", () => this.chosen());
    desk.shows("ports port", () => this.showPorts());
    desk.shows("verdict", () => this.showVerdict());
    this.line = make("div", { className: "line" }, field("port", this.port), this.typed, this.refresh, this.test);
    this.controls = [this.port, this.typed, this.refresh, this.test];
  }
  chosen() {
    const { value } = this.port;
    this.typed.hidden = value !== OTHER;
    if (value !== OTHER) this.desk.put("port", value);
    else this.typed.focus();
  }
  showPorts() {
    const known = this.desk.get("ports"), now = this.desk.get("port");
    const options = known.map(([url, name]) => new Option(`${name} (${url})`, url));
    if (!known.some(([url]) => url === now)) options.push(new Option(now, now));
    this.port.replaceChildren(...options, new Option(OTHER, OTHER));
    this.port.value = now;
    this.typed.hidden = true;
  }
  showVerdict() {
    const { state = "", said = [] } = this.desk.get("verdict");
    this.verdict.dataset.state = state;
    this.verdict.replaceChildren(...said.map(([level, line]) => make("div", { className: level }, line)));
    this.test.textContent = state === "listening" ? "Stop test" : "Test connection";
  }
}

/** Code of the participant, and the session. */
export class Participant {
  /** @param {Desk} desk */
  constructor(desk) {
    const code = desk.text("participant", { size: 12 });
    const fresh = button("New code", () => desk.ask("participant"), { title: "a random code; never a name" });
    const session = desk.text("session", { size: 8, placeholder: "1" });
    this.line = make("div", { className: "line" }, field("participant", code), fresh, field("session", session));
    this.controls = [code, fresh, session];
  }
}

/** Consent of the participant: form, purpose and sharing of the data. */
export class Consent {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.given = make("input", { type: "checkbox" });
    this.version = make("input", { type: "text", size: 8, placeholder: "form 1.0" });
    this.scope = make("input", { type: "text", size: 22, placeholder: "this course's exercises" });
    this.sharing = make("select", {}, ...SHARING.map((each) => new Option(each)));
    this.date = make("span");
    this.controls = [this.given, this.version, this.scope, this.sharing];
    for (const input of this.controls) input.addEventListener("change", () => desk.put("consent", this.read()));
    desk.shows("consent", () => this.show());
    this.line = make("fieldset", { className: "line" }, make("legend", {}, "consent"), make("label", {}, this.given, " given", this.date),
      field("form", this.version), field("for", this.scope), field("data", this.sharing));
  }
  read() {
    if (!this.given.checked) return {};
    return {
      version: this.version.value.trim(), date: this.desk.get("consent").date || today(),
      scope: this.scope.value.trim(), sharing: this.sharing.value,
    };
  }
  show() {
    const { version, date, scope, sharing } = this.desk.get("consent");
    this.given.checked = Boolean(date);
    this.date.textContent = date ? ` on ${date}` : "";
    if (!date) return;
    this.version.value = version;
    this.scope.value = scope;
    if (!SHARING.includes(sharing)) this.sharing.add(new Option(sharing));
    this.sharing.value = sharing;
  }
}

/**
 * Return the setup in one line, shown when it is folded.
 * @param {{port: string, participant: string, session: string, montage: unknown[], consent: {version?: string, date?: string}}} about
 */
export function setupText({ port, participant, session, montage, consent }) {
  const agreed = consent.date ? `consent ${consent.version} of ${consent.date}` : "no consent recorded";
  return [port, participant || "no participant", session && `session ${session}`, counted(montage.length, "channel"), agreed].filter(Boolean).join(" · ");
}
