// Keeps keys inside the panel this sits in: a key pressed while one of its buttons has the focus
// would be a command to the notebook, `x` cuts the cell and `b` inserts one. The attribute must be on
// the element that has the focus: on an element around it the notebook finds its own selector first.
const KEEP = "data-lm-suppress-shortcuts";

export default {
  render({ model, el }) {
    el.style.display = "none";
    let panel, frame = 0;
    const keep = (focus) => focus.target.setAttribute(KEEP, "true");
    const find = () => {
      panel = el.closest(".emgnb-panel");
      if (!panel) { frame = requestAnimationFrame(find); return; } // not attached yet
      panel.setAttribute("role", "group");
      panel.setAttribute("aria-label", model.get("label"));
      panel.addEventListener("focusin", keep);
    };
    find();
    return () => {
      cancelAnimationFrame(frame);
      panel?.removeEventListener("focusin", keep);
    };
  },
};
