// State of storage, and whether Python replies.
import { make } from "../shared/dom.js";

const SLOW = 4000; // ms without a reply
const SILENT = "No reply from Python. If another cell is running, changes are stored when it ends. If the kernel was restarted, run this cell again; stored changes are kept.";

export class Storage {
  constructor() {
    this.node = make("span", { className: "stored" }); this.slow = 0;
  }
  /**
   * @param {{text: string, kind: string}} status
   * @param {number} pending changes that Python has not confirmed
   */
  show({ text, kind }, pending) {
    clearTimeout(this.slow);
    this.put(pending ? "…" : text, kind);
    if (pending) this.slow = setTimeout(() => this.put(SILENT, "bad"), SLOW);
  }
  put(text, kind) {
    this.node.className = `stored ${kind}`;
    this.node.textContent = text;
  }
  close() { clearTimeout(this.slow); }
}
