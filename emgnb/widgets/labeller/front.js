// Entry module of the labeller: lays out its parts, and connects it to Python.
import { onTheme } from "../shared/canvas.js";
import { keepKeys, make } from "../shared/dom.js";
import { sayHello } from "../shared/hello.js";
import { counted } from "../shared/numbers.js";
import { App } from "./app.js";
import { button, group, tick } from "./dom.js";
import { Keyboard } from "./keys.js";

/** @param {App} app */
function viewControls(app) {
  const { stage, layers } = app;
  return group("view", button("+", "zoom in (+)", () => stage.zoom(0.5)), button("−", "zoom out (−)", () => stage.zoom(2)),
    button("◀", "earlier (Page Up)", () => stage.pan(-0.5)), button("▶", "later (Page Down)", () => stage.pan(0.5)),
    button("whole", "show the whole recording (w)", () => stage.whole()),
    button("gain +", "increase the gain (g)", () => app.scale(1.25)), button("gain −", "decrease the gain (Shift+g)", () => app.scale(0.8)),
    button("autoscale", "autoscale to the view; again: to the whole recording (f)", () => app.fit()), ...layers.labels);
}

/** @param {App} app */
function otherCoders(app) {
  const names = app.model.get("others"), ticks = names.map((name) => tick(name, `show the events of ${name}; label your own first`, () => compare()));
  const compare = () => app.act("others", { names: names.filter((_, i) => ticks[i].box.checked) });
  const { start } = app.settle;
  return names.length ? [group("other coders", make("span", {}, "show also:"), ...ticks.map(({ label }) => label)), ...(start ? [start] : [])] : [];
}

/** @param {App} app */
function layOut(app) {
  const { root, stage, video } = app;
  stage.node.setAttribute("aria-label", `signal of ${counted(app.channels.length, "channel")}; press ? for the keys, events are in the list`);
  const more = group("more", make("label", { className: "file", title: "opened in the browser; not uploaded" }, "video ", video.file),
    button("keys (?)", "list all keys", () => app.help()));
  root.append(
    make("div", { className: "bar" }, viewControls(app), app.fields.node, app.review.node, app.review.filter, ...otherCoders(app), more),
    make("div", { className: "beside" },
      make("div", { className: "picture" }, stage.map, stage.node, make("div", { className: "line" }, app.said, app.storage.node), app.helping, app.settle.node),
      video.node, app.grid.node));
}

/**
 * Redraw when the size or the theme changes.
 * @param {App} app
 * @returns {() => void} stops it
 */
function watch(app) {
  const sizes = new ResizeObserver(() => app.resized()), themed = () => app.themed();
  const themes = onTheme(themed, { attributes: true }), scheme = matchMedia("(prefers-color-scheme: dark)");
  sizes.observe(app.root);
  scheme.addEventListener("change", themed);
  const settled = setTimeout(themed, 0); // colours are known once it is on the page
  return () => {
    clearTimeout(settled);
    sizes.disconnect();
    themes.disconnect();
    scheme.removeEventListener("change", themed);
  };
}

function render({ model, el }) {
  const app = new App(model), { root } = app, keyboard = new Keyboard(app);
  layOut(app);
  root.addEventListener("focusin", ({ target }) => keepKeys(/** @type {Element} */ (target)));
  root.onkeydown = (key) => keyboard.pressedAnywhere(key);
  app.stage.node.onkeydown = (key) => keyboard.pressed(key);
  el.append(root);
  const unwatch = watch(app), message = (content, buffers) => app.received(content, buffers), status = () => app.showStored();
  model.on("msg:custom", message);
  model.on("change:status", status);
  const stop = sayHello(model); // the kernel sends the events
  app.changed();
  app.resized();
  return () => {
    stop();
    unwatch();
    model.off("msg:custom", message);
    model.off("change:status", status);
    app.close();
  };
}

export default { render };
