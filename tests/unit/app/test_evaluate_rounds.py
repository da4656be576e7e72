"""A round is the product's own path: what it decides is what a worker decides on the same bytes, to the id."""

from pathlib import Path
from typing import Any

import pytest

from agents.routing import route
from app.evaluate.parts import Columns, split_file
from app.evaluate.rounds import Bench, run_round, set_up
from app.files.events import new_ticket
from app.scratch import Told
from app.settings import Settings, load_settings
from models.routing.decide import Decision as Decided
from schemas.codec import decode, encode
from schemas.contract import epoch_ms_of
from schemas.decision import Decision
from tests.fakes.path import NAMES, rig
from tests.fakes.records import batch, record
from tests.unit.app.test_evaluate_routing import labelled, write


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A hundred texts, encoded by the embedded encoder."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)
    parts = split_file(write(tmp_path, labelled()), Columns(), "oos", ("train", "test"), None, 7)
    return set_up(parts, load_settings(), Told(lambda _: None, lambda _, __: None))


def gist(decision: Decided | Decision) -> tuple[Any, ...]:
    """What a decision says, in the core's words and in the wire's."""
    choice = decision.cluster
    if isinstance(decision, Decided):
        named = None if decision.cluster is None else decision.cluster.cluster.id
    else:
        named = None if decision.cluster is None else decision.cluster.id
    return (
        decision.outcome.value,
        decision.reason.value,
        decision.owner,
        named,
        None if choice is None else choice.confidence,
        len(decision.alternatives),
        decision.explanation,
        decision.generation_id,
    )


def test_a_round_decides_what_a_worker_decides(bench: Bench) -> None:
    (part,) = bench.parts.rounds
    run = run_round(bench, part)
    assert None not in run.decisions
    ours = {decision.decision_id: gist(decision) for decision in run.decisions if decision is not None}
    at_ms = epoch_ms_of(bench.new.prepared.past[0].event.created_at)
    events = [encode(new_ticket(bench.parts.test[row], f"{row}", at_ms)) for row in part.scored.tolist()]
    worker = rig(bench.encoder, [run.generation])
    done = batch([record(value, offset=offset) for offset, value in enumerate(events)])
    route(done, worker.path)
    routed = [decode(Decision, output.value) for output in done.outputs if output.topic == NAMES.routed]
    theirs = {decision.decision_id: gist(decision) for decision in routed}
    assert len(ours) == 36
    assert ours == theirs
