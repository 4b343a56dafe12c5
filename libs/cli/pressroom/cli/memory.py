"""How much memory a process holds."""

import subprocess
import sys
from pathlib import Path

_KIB = 1024


def resident_bytes(pid: int) -> int | None:
    """Its resident set; None when there is no such process."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return None
        line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
        return int(line.split()[1]) * _KIB if line else None
    answer = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 ps is where PATH says
    return int(answer.stdout) * _KIB if answer.stdout.strip() else None
