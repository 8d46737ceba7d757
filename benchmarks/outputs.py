"""Measure the time from a result's newest sample to its arrival in another program.

    python benchmarks/outputs.py [--outputs 2000] [--rate 100]

A process sends intensities of 16 action units at `--rate` per second. A client of each protocol in
another process notes the time of arrival on the same clock: python-osc for OSC and VMC, pylsl for
LSL, websocket-client for WebSockets. Each result is made at the moment of its newest sample, so the
table has the time for writing, sending, receiving and parsing, without that of decoding. The goal
is a 99th percentile of 10 ms. "Send" is the time that the decoder spends in `send`.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np

from emgnb.acquire.clock import host_ns
from emgnb.live import Output, Stream
from emgnb.live.outputs import Destination, open_output

NAMES = tuple(side + au for au in ("12", "4", "2", "6", "9", "15", "10", "20") for side in "LR")
GOAL = 10.0  # ms, 99th percentile
PATIENCE = 10.0  # s without a result, after which a client gives up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outputs", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--receive", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.receive:
        receive(asked.receive, asked.outputs)
        return
    print("| protocol | received | median | p95 | p99 | slowest | send, median | send, p99 |")
    print("|---|---|---|---|---|---|---|---|")
    for scheme in ("osc", "vmc", "lsl", "ws"):
        print(row(scheme, asked.outputs, asked.rate), flush=True)
    print(f"\nTimes in ms; goal: p99 up to {GOAL:g} ms.")


def row(scheme: str, outputs: int, rate: float) -> str:
    """Send `outputs` results by one protocol and return a row of the table."""
    stream = Stream("benchmark", "intensities", NAMES, rate, 0.0)
    url = {"lsl": "lsl://emgnb-benchmark", "ws": "ws://127.0.0.1:0"}.get(scheme)
    with ExitStack() as stack:
        if url:
            out = stack.enter_context(open_output(url, stream))
            client = stack.enter_context(started(out.url, outputs))
        else:
            url = f"{scheme}://127.0.0.1:{free_port()}"
            client = stack.enter_context(started(url, outputs))
            out = stack.enter_context(open_output(url, stream))
        sampled, spent = sent(out, outputs, rate)
        arrived = dict(json.loads(client.stdout.readline()))
    took = [(arrived[str(k)] - sampled[k]) / 1e6 for k in range(outputs) if str(k) in arrived]
    figures = [*np.percentile(took, [50, 95, 99, 100]), *np.percentile(spent, [50, 99])]
    cells = " | ".join(f"{figure:.2f}" for figure in figures)
    return f"| {scheme} | {len(took)} of {outputs} | {cells} |"


def sent(out: Destination, outputs: int, rate: float) -> tuple[list[int], list[float]]:
    """Send results; return the time of each newest sample in ns, and the ms spent in `send`."""
    sampled, spent = [], []
    began = time.perf_counter()
    for number in range(outputs):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        # The first value tells the client which result it is.
        values = dict.fromkeys(NAMES, 0.5) | {NAMES[0]: (number + 1) / (outputs + 1)}
        sampled.append(host_ns())
        out.send(Output(number, sampled[-1], number / rate, 0.0, "intensities", values))
        spent.append((host_ns() - sampled[-1]) / 1e6)
    return sampled, spent


def started(url: str, outputs: int) -> subprocess.Popen[str]:
    """Start a client and wait until it is ready."""
    command = [sys.executable, __file__, "--receive", url, "--outputs", str(outputs)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    if client.stdout.readline() != "ready\n":
        raise RuntimeError(f"the client for {url} ended")
    return client


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def receive(url: str, outputs: int) -> None:
    """Note when each result arrives; print "ready", and in the end number → ns as JSON."""
    clients: dict[str, Callable[[str], Iterator[float]]] = {
        "osc": osc,
        "vmc": osc,
        "lsl": lsl,
        "ws": websocket,
    }
    arrived: dict[int, int] = {}
    for value in clients[url.partition(":")[0]](url):
        arrived.setdefault(round(value * (outputs + 1)) - 1, host_ns())
        if len(arrived) == outputs:
            break
    print(json.dumps(arrived))


def ready() -> None:
    print("ready", flush=True)


def osc(url: str) -> Iterator[float]:
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    heard: list[float] = []
    dispatcher = Dispatcher()
    dispatcher.map(f"/emgnb/value/{NAMES[0]}", lambda address, value: heard.append(value))
    dispatcher.map(
        "/VMC/Ext/Blend/Val", lambda address, shape, value: shapes.update({shape: value})
    )
    shapes: dict[str, float] = {}
    dispatcher.map("/VMC/Ext/Blend/Apply", lambda address: heard.append(shapes["MouthSmileLeft"]))
    with BlockingOSCUDPServer(("127.0.0.1", int(url.rpartition(":")[2])), dispatcher) as server:
        server.timeout = 0.1
        ready()
        last = time.monotonic()
        while time.monotonic() < last + PATIENCE:
            server.handle_request()
            if heard:
                last = time.monotonic()
                yield from (value for value in heard if value)
                heard.clear()


def lsl(url: str) -> Iterator[float]:
    import pylsl

    inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", url.partition("://")[2], timeout=30)[0])
    inlet.open_stream(timeout=30)
    ready()
    while (pulled := inlet.pull_sample(timeout=PATIENCE))[0]:
        yield pulled[0][0]


def websocket(url: str) -> Iterator[float]:
    import websocket as client

    connection = client.create_connection(url, timeout=PATIENCE)
    connection.recv()
    ready()
    while True:
        try:
            content = json.loads(connection.recv())
        except client.WebSocketTimeoutException:
            return
        if content["type"] == "intensities":
            yield content["values"][NAMES[0]]


if __name__ == "__main__":
    main()
