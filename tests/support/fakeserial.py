"""A `navigator.serial` whose port is a pseudo-terminal of this computer.

A page cannot open a pseudo-terminal, so a small server opens it as the browser opens a board: when
the page asks for ``/open``, whose answer are the bytes until the page is gone. Opening resets an
emulated board, as it does a real one.
"""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from emgnb.acquire.ports.port import PortError
from emgnb.acquire.ports.serial import SerialPort

# What Chromium would offer; `open` fails like the real one.
SCRIPT = """
(() => {
  const place = "PLACE";
  class Port extends EventTarget {
    readable = null; writable = null;
    getInfo() { return { usbVendorId: 0x2341, usbProductId: 0x0042 }; }
    async open({ baudRate }) {
      this.ended = new AbortController();
      const answer = await fetch(`${place}/open?${baudRate}`, { signal: this.ended.signal });
      if (!answer.ok) throw new DOMException(await answer.text(), "NetworkError");
      const bytes = answer.body.getReader(), lost = () => { this.readable = null; };
      this.readable = new ReadableStream({
        async pull(stream) {
          try {
            const { value, done } = await bytes.read();
            if (!done) return stream.enqueue(value);
          } catch {} // the port is gone, or the page is
          lost();
          stream.error(new DOMException("The device has been lost.", "NetworkError"));
        },
        cancel() { return bytes.cancel(); },
      });
      const write = (bytes) => fetch(`${place}/write`, { method: "POST", body: bytes });
      this.writable = new WritableStream({ write });
    }
    async close() { this.readable = this.writable = null; this.ended.abort(); }
  }
  const port = new Port(), serial = new EventTarget();
  const granted = () => sessionStorage.getItem("fake-granted") !== null;
  serial.getPorts = async () => (granted() ? [port] : []);
  serial.requestPort = async () => { sessionStorage.setItem("fake-granted", "1"); return port; };
  Object.defineProperty(navigator, "serial", { value: serial, configurable: true });
})();
"""


class FakeSerial:
    """Serve one port to pages; `script` is what a page must run first.

    Attributes
    ----------
    baud : the rate at which the page opened the port, 0 until then
    opened : number of times
    """

    def __init__(self, port: str) -> None:
        self.baud = self.opened = 0
        self._port = port
        self._serial: SerialPort | None = None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                fake._serve(self)

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if fake._serial is not None:
                    fake._serial.tell(data)
                _answer(self, 200)

            def do_OPTIONS(self) -> None:
                _answer(self, 200)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.script = SCRIPT.replace("PLACE", f"http://127.0.0.1:{self._server.server_port}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server = None  # type: ignore[assignment]

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        self.baud = int(request.path.partition("?")[2])
        try:
            serial = SerialPort(self._port, self._port, {"baud": f"{self.baud}"})
        except PortError as error:
            _answer(request, 409, str(error).encode())
            return
        self._serial, self.opened = serial, self.opened + 1
        with contextlib.suppress(OSError, PortError):
            _answer(request, 200, None)
            while self._server is not None:
                data = serial.read()
                if data:
                    request.wfile.write(data)
                    request.wfile.flush()
                elif _gone(request):
                    break
        serial.close()


def _gone(request: BaseHTTPRequestHandler) -> bool:
    """Whether the page has closed the connection, as it does when it is reloaded."""
    request.connection.setblocking(False)
    try:
        return request.connection.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        request.connection.setblocking(True)


def _answer(request: BaseHTTPRequestHandler, code: int, body: bytes | None = b"") -> None:
    request.send_response(code)
    request.send_header("Access-Control-Allow-Origin", "*")
    request.send_header("Access-Control-Allow-Headers", "*")
    request.send_header("Cache-Control", "no-store")
    if body is not None:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if body:
        request.wfile.write(body)
