"""A real S3 server on loopback, and a wire to it that counts bytes and can be cut.

The server is SeaweedFS, which people run in production: it checks signatures, keeps objects on disk
and answers many requests at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waiting import until

KEY, SECRET, BUCKET = "emgnb", "not-a-secret", "lab"
# What each request that changes something begins with.
WRITES = (b"PUT ", b"POST ", b"DELETE ")
PORTS = ("master", "volume", "filer", "s3")
# Starts of the server, each on other ports, which another program may take meanwhile.
STARTS = 3


def program() -> str | None:
    """Path of SeaweedFS, None where it is not installed."""
    return shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """Run an S3 server with the bucket `lab`, and yield its port; all its files are in `folder`."""
    for attempt in range(STARTS):
        process, port, sockets = _started(folder / str(attempt))
        try:
            until(lambda: process.poll() is not None or _answers(port))  # noqa: B023
            if process.poll() is None:
                until(lambda: _bucket_works(port))  # noqa: B023
                yield port
                return
        finally:
            process.kill()
            process.wait()
            for socket_ in sockets:
                socket_.unlink(missing_ok=True)
    raise RuntimeError(f"SeaweedFS does not start: {(folder / '0' / 'log').read_text()[-2000:]}")


def settings(port: int) -> dict[str, str]:
    """Environment variables with which S3 clients find the server, and nothing else."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
    }


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int, list[Path]]:
    """Start a server; returns its process, its port, and the sockets outside of `folder`."""
    folder.mkdir(parents=True)
    known = {"name": "lab", "actions": ["Admin"]}
    known["credentials"] = [{"accessKey": KEY, "secretKey": SECRET}]
    (folder / "s3.json").write_text(json.dumps({"identities": [known]}))
    weed = program()
    assert weed is not None
    numbers = _free_ports(2 * len(PORTS))
    ports = dict(zip(PORTS, numbers, strict=False))
    given = [f"-{name}.port={number}" for name, number in ports.items()]
    between = dict(zip(PORTS, numbers[4:], strict=True))
    given += [f"-{name}.port.grpc={number}" for name, number in between.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *given),
                *(
                    "-filer",
                    "-s3",
                    f"-s3.config={folder / 's3.json'}",
                    "-s3.autoCreateBucket=false",
                ),
                *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
                *(f"-filer.localSocket={folder / 'f'}", f"-s3.localSocket={folder / 's'}"),
                *("-master.telemetry=false", "-master.volumeSizeLimitMB=256", "-volume.max=8"),
            ],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},  # its logs
            stdout=log,
            stderr=log,
        )
    # Their place is fixed in SeaweedFS, which does not remove them.
    sockets = [Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock") for name, port in between.items()]
    return process, ports["s3"], sockets


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        every = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in every:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in every]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _bucket_works(port: int) -> bool:
    """Create the bucket and an object; False while the server is not ready."""
    import s3fs

    fs = s3fs.S3FileSystem(
        key=KEY,
        secret=SECRET,
        endpoint_url=f"http://127.0.0.1:{port}",
        client_kwargs={"region_name": "us-east-1"},
        skip_instance_cache=True,
    )
    with contextlib.suppress(Exception):
        if not fs.exists(BUCKET):
            fs.mkdir(BUCKET)
        fs.pipe_file(f"{BUCKET}/ready", b"yes")
        return bool(fs.cat_file(f"{BUCKET}/ready") == b"yes")
    return False


@dataclass
class Wire:
    """A wire to the server's port.

    Attributes
    ----------
    server : its port
    port : port of this end
    moved : bytes in both directions
    requests, writes : number of requests, and of those that change something
    cut_before : number of the request to write, from 0, before which the wire is cut
    delay : s that each answer waits, as on the way to a distant server
    """

    server: int
    port: int = 0
    moved: int = 0
    requests: int = 0
    writes: int = 0
    cut_before: int | None = None
    delay: float = 0.0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def restart(self, *, cut_before: int | None = None) -> None:
        """Mend the wire, and count from 0."""
        self.moved = self.requests = self.writes = 0
        self.cut_before = cut_before

    @property
    def is_cut(self) -> bool:
        """Whether nothing goes through any more."""
        return self.cut_before is not None and self.writes > self.cut_before

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        back, forth = await asyncio.open_connection("127.0.0.1", self.server)
        self._open |= {writer, forth}
        await asyncio.gather(self._requests(reader, forth), self._answers(back, writer))
        for each in (writer, forth):
            each.close()
            self._open.discard(each)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 18):
                # Clients send one request at a time on each connection.
                self.requests += data.startswith((b"GET ", b"HEAD ", *WRITES))
                self.writes += data.startswith(WRITES)
                if self.is_cut:
                    break
                self.moved += len(data)
                writer.write(data)
                await writer.drain()
        if self.is_cut:
            for each in self._open:
                each.close()
        writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 18):
                if self.delay:
                    await asyncio.sleep(self.delay)
                self.moved += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.contextmanager
def wire(server: int) -> Iterator[Wire]:
    """Run a wire to a server; in a thread, because a browser's test may have a loop in this one."""
    made, ready = Wire(server), threading.Event()
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))
        async with await asyncio.start_server(made._serve, "127.0.0.1", 0) as listening:
            made.port = listening.sockets[0].getsockname()[1]
            ready.set()
            await over.wait()
            for each in made._open:
                each.close()
            if waiting := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(waiting, timeout=10)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        stop[0]()
        thread.join()
