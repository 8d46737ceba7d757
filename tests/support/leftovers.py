"""Recorders that a test left running."""

import psutil


def recorders_below(base: str) -> list[psutil.Process]:
    """Recorders that write below a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and "emgnb.acquire.record.process" in (process.info["cmdline"] or ())
        and any(path.startswith(base) for path in _written(process))
    ]


def end(processes: list[psutil.Process]) -> list[str]:
    """End processes for good; returns which files each wrote."""
    told = [", ".join(_written(process)) for process in processes]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)
    return told


def _written(process: psutil.Process) -> list[str]:
    """Files that a process has open, such as its log: its command line names none."""
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:
        return []
