"""One broker for the faults, the scenes, and the one table at the end."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median

import pytest

from app.broker import LocalCluster
from app.policies import encoder_spec
from app.settings import Settings
from models.engines.encoders import load_encoder
from models.routing.encode import Encoder
from tests.conftest import CACHE
from tests.fault.ledger import Row, table
from tests.fault.scene import Scene

Stage = Callable[..., Scene]
Enter = Callable[..., None]

ROWS = pytest.StashKey[list[Row]]()
PHASES = pytest.StashKey[dict[str, float]]()
SHORT = os.environ.get("SLUICE_TEST_FAULTS") == "short"
OUT = Path(__file__).resolve().parents[2] / "out" / "fault" / "table.json"


def times(full: int, short: int) -> int:
    """How often a fault is injected: SLUICE_TEST_FAULTS=short asks for fewer."""
    return short if SHORT else full


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The embedded encoder, to make generations with."""
    return load_encoder(encoder_spec(Settings()))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One Kafka node of the faults' own, which they may kill as long as they restart it."""
    cluster = LocalCluster(tmp_path_factory.mktemp("fault") / "node", cache_dir=CACHE, guarded=True)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def stage(node: LocalCluster, encoder: Encoder, tmp_path: Path) -> Iterator[Stage]:
    """Makes a scene on the one node."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(Scene(node.bootstrap, encoder, tmp_path, **more))


@pytest.fixture
def enter(request: pytest.FixtureRequest) -> Enter:
    """Enters a row into the table, and the phases of its recoveries where they are known; sees that it is good."""

    def keep(row: Row, phases: dict[str, float] | None = None) -> None:
        if phases:
            request.config.stash[PHASES] = phases
        request.config.stash.setdefault(ROWS, []).append(row)
        assert (row.lost, row.duplicated) == (0, 0)

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("faults")
    for line in table(rows):
        terminalreporter.write_line(line)
    if PHASES in config.stash:
        steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in config.stash[PHASES].items())
        terminalreporter.write_line(f"after kill -9, median seconds of each step: {steps}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figures = [
        {**asdict(row), "recovery_median_s": median(row.recovery_s) if row.recovery_s else None}
        for row in rows
    ]
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
