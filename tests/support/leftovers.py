"""Recorders that a test left running."""

import psutil


def recorders_below(base: str) -> list[psutil.Process]:
    """Recorders that write below a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and "emgnb.acquire.record.process" in (process.info["cmdline"] or ())
        and any(base in word for word in process.info["cmdline"])
    ]


def end(processes: list[psutil.Process]) -> list[str]:
    """End processes for good; returns their command lines."""
    told = [" ".join(process.info["cmdline"]) for process in processes]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)
    return told
