"""Looking at processes from outside."""

import os
import time
from pathlib import Path


def gone(pid: int) -> bool:
    """Whether the process ends soon; a killed one may still be waiting to be reaped."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
