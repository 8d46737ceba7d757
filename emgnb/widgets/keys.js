// Keeps keys inside the panel this sits in. Without the attribute a key pressed while one of its
// buttons has the focus is a command to the notebook: `x` cuts the cell, `b` inserts one.
export default {
  render({ model, el }) {
    el.style.display = "none";
    let frame = 0;
    const mark = () => {
      const panel = el.closest(".emgnb-panel");
      if (!panel) { frame = requestAnimationFrame(mark); return; } // not attached yet
      panel.setAttribute("data-lm-suppress-shortcuts", "true");
      panel.setAttribute("role", "group");
      panel.setAttribute("aria-label", model.get("label"));
    };
    mark();
    return () => cancelAnimationFrame(frame);
  },
};
