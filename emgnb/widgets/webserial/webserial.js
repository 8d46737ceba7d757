// Entry module of the Web Serial widget: connects a board at the browser to the kernel.
import { bytesOf, button, keepKeys, make } from "../shared/dom.js";
import { Board } from "./board.js";
import { errorText, stateText } from "./text.js";

const MISSING = "This browser has no Web Serial. Use Chrome or Edge on a computer, with the notebook on https or on this computer.";

/**
 * Return the page's board of a name; it outlives its widgets.
 * @param {string} name
 */
function boardOf(name) {
  const page = /** @type {any} */ (globalThis), key = `emgnb-webserial-${name}`;
  page.emgnbBoards ??= new Map();
  if (!page.emgnbBoards.has(name)) {
    const { serial } = /** @type {any} */ (navigator);
    const memory = {
      get: () => JSON.parse(sessionStorage.getItem(key) ?? "null"),
      set: (value) => sessionStorage.setItem(key, JSON.stringify(value)),
    };
    const board = new Board(serial, memory);
    serial.addEventListener("connect", () => board.reopen().catch(() => {}));
    page.emgnbBoards.set(name, board);
  }
  return page.emgnbBoards.get(name);
}

/** @param {any} model @param {Board} board */
function controlsOf(model, board) {
  const state = make("span", { className: "state", role: "status" });
  const trying = (act) => () => act().catch((error) => { state.textContent = `Not connected: ${errorText(error)}.`; });
  const connect = button("Connect board", trying(() => board.choose(model.get("baud"))));
  const disconnect = button("Disconnect", trying(async () => {
    board.memory.set(null);
    await board.close("it was disconnected in the page");
  }));
  const show = () => {
    state.textContent = stateText(board);
    connect.disabled = board.connected;
    disconnect.disabled = !board.connected;
  };
  return { node: make("div", { className: "bar" }, connect, disconnect, state), show, reopen: trying(() => board.reopen()) };
}

function render({ model, el }) {
  const root = make("div", { className: "emgnb-webserial" });
  el.append(root);
  root.addEventListener("focusin", ({ target }) => keepKeys(/** @type {Element} */ (target)));
  if (!("serial" in navigator)) {
    root.append(make("div", { className: "state", role: "alert" }, MISSING));
    return () => {};
  }
  const board = boardOf(model.get("name")), { node, show, reopen } = controlsOf(model, board);
  const send = (content, buffers) => model.send(content, undefined, buffers);
  const heard = (content, buffers) => board.heard(content, buffers?.length ? new Uint8Array(bytesOf(buffers[0])) : new Uint8Array());
  root.append(node);
  model.on("msg:custom", heard);
  board.attach(send, show);
  show();
  reopen();
  return () => {
    model.off("msg:custom", heard);
    if (board.send === send) board.attach(null);
  };
}

export default { render };
