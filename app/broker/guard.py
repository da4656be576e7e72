"""The guard: sweeps a broker's folder when its starter is gone, however that ended. `python -m app.broker.guard ROOT`.

The starter holds the other end of this process's standard input, and the system closes it for every way to die.
"""

import sys
from pathlib import Path

from app.broker.folder import sweep

if __name__ == "__main__":
    sys.stdin.buffer.read()
    sweep(Path(sys.argv[1]))
