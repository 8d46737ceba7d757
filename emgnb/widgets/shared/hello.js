// A page asks the kernel for what it missed, until it is answered.

const FIRST = 2000, LONGEST = 30_000; // ms until a hello is repeated: the first time, and at most

/**
 * Say hello until the kernel has answered: a message may be lost while a page is restored. See `hello.py`.
 * @param {any} model whose kernel side answers with `Hellos`; its other messages must be listened to already
 * @returns {() => void} stops it
 */
export function sayHello(model) {
  const page = Math.random().toString(36).slice(2);
  let wait = FIRST, next;
  const stop = () => {
    clearTimeout(next);
    model.off("msg:custom", heard);
  };
  const heard = (content) => { if (content.kind === "greeted" && content.page === page) stop(); };
  const say = () => {
    next = setTimeout(say, wait);
    wait = Math.min(2 * wait, LONGEST);
    model.send({ kind: "hello", page });
  };
  model.on("msg:custom", heard);
  say();
  return stop;
}
