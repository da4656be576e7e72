"""A worker whose surge path lives in a time of its own: `python -m tests.integration.fast_worker ZERO_S SPEED
BEHIND_S`.

Its clock stood `BEHIND_S` seconds before the machine's at `ZERO_S`, epoch seconds, and runs `SPEED` times as fast, so
that hours pass in a test; it must not overtake the machine's. Otherwise it is the product's own start.
"""

import sys
import time
from dataclasses import dataclass

from app.cli.run import run_worker
from app.logs import set_up_logs
from app.settings import load_settings
from app.surging import SurgeParts
from app.worker import Parts
from tests.fault.worker import end_with_parent


@dataclass(frozen=True)
class FastClock:
    """A clock that all processes of a test share."""

    zero_s: float
    speed: float
    behind_s: float

    def __call__(self) -> int:
        """Now, epoch milliseconds."""
        return round((self.zero_s - self.behind_s + (time.time() - self.zero_s) * self.speed) * 1000)

    @property
    def arguments(self) -> tuple[str, str, str]:
        return str(self.zero_s), str(self.speed), str(self.behind_s)


if __name__ == "__main__":
    end_with_parent()
    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    clock = FastClock(*map(float, sys.argv[1:]))
    surge = SurgeParts(tick_s=0.2, gather_s=0.05, now_ms=clock)
    run_worker(settings, Parts(surge=surge))
