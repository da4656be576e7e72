"""Laws of the stability index, and of the window that it is taken over."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.drift import DriftWatch
from agents.live import InForce
from agents.metrics import declare
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.generation import Cluster
from models.routing.corrections import no_corrections
from models.routing.drift import DriftPolicy, parts_of, stability_index, yardstick, yardsticks
from models.routing.match import Candidate, Match
from tests.fakes.generations import generation

TENTHS = tuple(number / 10 for number in range(11))
GENERATION = replace(
    generation(["billing"], np.eye(1, dtype=np.float32), [(0, np.ones(1, dtype=np.float32))] * 5_000),
    reference=(("confidence", TENTHS), ("nearest", TENTHS)),
)
IN_FORCE = InForce("g-1", searchable(GENERATION, ExactIndex), no_corrections(1))
CLUSTER = Cluster("c-0", "refund", "billing", 9)
deciles = st.lists(st.floats(-10, 10), min_size=11, max_size=11).map(sorted)
measures = st.tuples(st.floats(0, 1), st.floats(0, 1.2))
counts = st.lists(st.integers(0, 500), min_size=2, max_size=10)


def found(confidence: float, nearest: float) -> Match:
    return Match((Candidate(CLUSTER, "billing", 0.7, confidence, 1.0),), nearest, 0.3, 0.5, taught=False)


@given(deciles)
def test_the_parts_of_a_history_are_the_whole_of_it(values: Sequence[float]) -> None:
    cut = yardstick("nearest", values)
    assert np.all(np.diff(cut.ends) > 0)
    assert np.all(cut.shares > 0)
    assert abs(cut.shares.sum() - 1) < 1e-9
    assert len(cut.shares) == len(cut.ends) + 1


@given(counts, st.randoms(use_true_random=False))
def test_the_index_is_never_below_zero_and_cares_for_no_order(held: list[int], chance: object) -> None:
    now = np.array(held)
    shares = np.arange(1, len(held) + 1) / sum(range(1, len(held) + 1))
    index = stability_index(now, shares)
    assert index >= -1e-12
    order = np.array(sorted(range(len(held)), key=lambda part: held[part]))
    assert abs(index - stability_index(now[order], shares[order])) < 1e-9


@given(counts.filter(lambda held: sum(held) > 0))
def test_a_history_has_not_drifted_from_itself(held: list[int]) -> None:
    now = np.array(held)
    assert stability_index(now, (now + 0.5) / (now.sum() + 0.5 * len(held))) < 1e-12


@given(st.lists(st.lists(measures, max_size=12), max_size=12))
def test_a_window_in_batches_is_that_of_its_last_tickets(batches: list[list[tuple[float, float]]]) -> None:
    """Whatever the batches, the gauges say what the last tickets that are no copies say."""
    policy, registry = DriftPolicy(window=20, least=10, alarm_at=9.0), CollectorRegistry()
    watch, metrics = DriftWatch(policy), declare(registry)
    for batch in batches:
        watch.note(IN_FORCE, [found(*one) for one in batch], metrics)
    sticks = yardsticks(GENERATION)
    every = [found(*one) for batch in batches for one in batch]
    last = parts_of(every, GENERATION, sticks)[-policy.window :]
    for column, stick in enumerate(sticks):
        said = registry.get_sample_value("sluice_drift_psi", {"of": stick.name})
        if len(last) < policy.least:
            assert said is None
        else:
            held = np.bincount(last[:, column], minlength=len(stick.shares))
            assert said is not None
            assert abs(said - stability_index(held, stick.shares)) < 1e-12
