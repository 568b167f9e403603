"""Peak memory of this process."""

from pathlib import Path


def peak_mb() -> float:
    """Most resident memory that this process had since its program started, megabytes of 2**20 bytes.

    ``getrusage`` would count what the process that started this one had in memory then.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
