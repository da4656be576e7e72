"""A worker over the benchmark's encoder, slowed: `python -m tests.integration.slow_worker SECONDS_A_TEXT`.

It is the product's own start with another encoder.
"""

import sys
from collections.abc import Sequence
from threading import Event

from app.bench.tickets import NoOpEncoder
from app.cli.run import run_worker
from app.logs import set_up_logs
from app.settings import load_settings
from app.worker import Parts
from models.routing.encode import Tokens, Vectors
from tests.fault.worker import end_with_parent


class SlowEncoder(NoOpEncoder):
    """Takes its time over every text, and gives up the interpreter meanwhile, as a real one does in its engine."""

    def __init__(self, seconds_a_text: float) -> None:
        super().__init__()
        self._seconds, self._never = seconds_a_text, Event()

    def forward(self, tokens: Sequence[Tokens]) -> Vectors:
        self._never.wait(self._seconds * len(tokens))
        return super().forward(tokens)


if __name__ == "__main__":
    end_with_parent()
    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    run_worker(settings, Parts(encoder=lambda _: SlowEncoder(float(sys.argv[1]))))
