"""The drift watch: from when on it speaks, that it says a thing once, and what begins it anew."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from agents.drift import DriftWatch
from agents.live import InForce
from agents.metrics import Metrics, declare
from agents.routing import route
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.generation import Cluster
from models.routing.corrections import no_corrections
from models.routing.drift import DriftPolicy
from models.routing.match import Candidate, Match
from tests.fakes.generations import generation
from tests.fakes.path import rig
from tests.fakes.records import batch, committed, record, ticket
from tests.unit.agents.test_routing import learned

POLICY = DriftPolicy(window=200, least=160)
TENTHS = tuple(number / 10 for number in range(11))
LIKE_HISTORY = [number / 200 + 0.0025 for number in range(200)]


def in_force(name: str = "g-1", exemplars: int = 100_000) -> InForce:
    """A generation whose history was spread evenly over confidences from 0 to 1."""
    rows = [(0, np.ones(1, dtype=np.float32))] * exemplars
    made = replace(
        generation(["billing"], np.eye(1, dtype=np.float32), rows), reference=(("confidence", TENTHS),)
    )
    return InForce(name, searchable(made, ExactIndex), no_corrections(1))


@pytest.fixture(scope="module")
def first() -> InForce:
    return in_force()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return declare(registry)


def tickets(confidences: Iterable[float]) -> list[Match]:
    cluster = Cluster("c-0", "refund", "billing", 9)
    return [Match((Candidate(cluster, "billing", 0.7, at, 1.0),), 0.5, 0.3, 0.5, False) for at in confidences]


def said(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("sluice_drift_psi", {"of": "confidence"})


def test_nothing_is_said_of_too_few(first: InForce, registry: CollectorRegistry, metrics: Metrics) -> None:
    watch = DriftWatch(POLICY)
    with capture_logs() as lines:
        watch.note(first, tickets([0.01] * 159), metrics)
    assert (said(registry), lines) == (None, [])
    watch.note(first, tickets([0.01]), metrics)
    assert said(registry) is not None


def test_nothing_is_said_against_a_history_of_too_few(registry: CollectorRegistry, metrics: Metrics) -> None:
    watch = DriftWatch(DriftPolicy())
    watch.note(in_force(exemplars=150), tickets([0.01] * 1_000), metrics)
    assert said(registry) is None


def test_it_begins_once_and_ends_once(first: InForce, registry: CollectorRegistry, metrics: Metrics) -> None:
    watch = DriftWatch(POLICY)
    with capture_logs() as lines:
        watch.note(first, tickets(LIKE_HISTORY), metrics)
        assert lines == []
        for confidence in [0.01] * 200:
            watch.note(first, tickets([confidence]), metrics)
        assert len(lines) == 1
        watch.note(first, tickets(LIKE_HISTORY[::2]), metrics)  # half way back is not back
        assert len(lines) == 1
        for _ in range(3):
            watch.note(first, tickets(LIKE_HISTORY), metrics)
    begun, over = lines
    assert (begun["event"], begun["log_level"], begun["of"]) == ("drift", "warning", "confidence")
    assert 0.25 <= begun["psi"] < 0.5
    assert (begun["tickets"], begun["generation"]) == (200, "g-1")
    assert (over["event"], over["log_level"]) == ("drift_over", "info")
    assert over["psi"] < 0.1
    assert said(registry) == pytest.approx(over["psi"], abs=1e-3)


def test_a_new_generation_begins_anew(first: InForce, registry: CollectorRegistry, metrics: Metrics) -> None:
    watch = DriftWatch(POLICY)
    watch.note(first, tickets([0.01] * 200), metrics)
    with capture_logs() as lines:
        watch.note(in_force("g-2"), tickets([0.01] * 159), metrics)
        assert said(registry) is None
        watch.note(in_force("g-2"), tickets([0.01]), metrics)
    assert [line["generation"] for line in lines] == ["g-2"]


class Noting(DriftWatch):
    """Counts what it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def note(self, in_force: InForce, matches: Sequence[Match], metrics: Metrics) -> None:
        self.told.append(len(matches))


def test_a_ticket_counts_once_and_only_when_committed() -> None:
    """An update of a ticket that was decided on, or an end, is no further ticket."""
    given, watch = rig(generations=[learned()]), Noting()
    path = replace(given.path, drift=watch)
    values = [
        ticket("t-1", "created", "the app crashes", version=1),
        ticket("t-1", "updated", "the app crashes at start", version=2),
        ticket("t-2", "updated", "payment failed", version=1),
        ticket("t-3", "resolved", "the lock is offline", version=1),
        b"{",
    ]
    done = batch([record(value, offset=at) for at, value in enumerate(values)])
    route(done, path)
    assert watch.told == []
    committed(done)
    later = batch([record(ticket("t-2", "updated", "payment failed again", version=2), offset=9)])
    route(later, path)
    committed(later)
    assert watch.told == [2, 0]


def test_a_batch_without_first_decisions_changes_nothing(
    first: InForce, registry: CollectorRegistry, metrics: Metrics
) -> None:
    watch = DriftWatch(POLICY)
    watch.note(first, tickets(LIKE_HISTORY), metrics)
    before = said(registry)
    watch.note(in_force("g-2"), [], metrics)
    assert said(registry) == before
