// Accessible names of a panel and its controls, and key presses kept from the notebook.
import { keepKeys } from "./dom.js";

const NAMING = 250; // ms from a change in the panel until its new controls have their names

// A slider's handle and a list without a label have no name that could be read aloud.
function nameControls(panel) {
  for (const control of panel.querySelectorAll(".noUi-handle, .jupyter-widgets select")) {
    const own = control.closest(".jupyter-widgets");
    const said = own?.querySelector(".widget-label")?.textContent || control.title;
    if (said && control.getAttribute("aria-label") !== said) control.setAttribute("aria-label", said);
  }
}

export default {
  render({ model, el }) {
    el.style.display = "none";
    let panel, frame = 0, due = 0;
    const keep = (focus) => keepKeys(focus.target);
    const changed = new MutationObserver(() => {
      due ||= setTimeout(() => { due = 0; nameControls(panel); }, NAMING);
    });
    const find = () => {
      panel = el.closest(".emgnb-panel");
      if (!panel) { frame = requestAnimationFrame(find); return; } // not attached yet
      panel.setAttribute("role", "group");
      panel.setAttribute("aria-label", model.get("label"));
      panel.addEventListener("focusin", keep);
      nameControls(panel);
      changed.observe(panel, { childList: true, subtree: true });
    };
    find();
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(due);
      changed.disconnect();
      panel?.removeEventListener("focusin", keep);
    };
  },
};
