"""A candidate beside the generation in force, over the whole path: what is told of it, and that nothing else is."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agents.routing import route
from agents.wire import Batch, Output
from models.generation import Generation
from models.routing.decide import DecidePolicy
from schemas.codec import decode
from schemas.decision import Decision
from schemas.generation import Role
from schemas.shadow import ShadowDifference, ShadowTally
from tests.fakes.history import HISTORY
from tests.fakes.path import NAMES, Rig, publish, rig
from tests.fakes.records import NOW_MS, committed, feedback, record, ticket
from tests.unit.agents.test_routing import batch_of, created, learned, readable, worked

TEXTS = [text for _, text in HISTORY]
MOBILE = [number for number, (team, _) in enumerate(HISTORY) if team == "mobile"]


def candidate(**more: object) -> Generation:
    """The same history, had the tickets of `mobile` been solved by `apps`."""
    made = learned()

    def renamed(name: str | None) -> str | None:
        return "apps" if name == "mobile" else name

    return replace(
        made,
        clusters=tuple(replace(cluster, owner=renamed(cluster.owner)) for cluster in made.clusters),
        owners=tuple(replace(owner, name=renamed(owner.name) or "") for owner in made.owners),
        created_at_ms=NOW_MS + 1,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def ready() -> Rig:
    """A path with a generation in force and a candidate beside it."""
    given = rig(generations=[learned()])
    publish(given.path.live, candidate(), Role.SHADOW)
    return given


def routed(given: Rig, values: Iterable[bytes | None], epoch: int = 1) -> Batch:
    done = batch_of(values, epoch)
    route(done, given.path)
    return done


def history() -> list[bytes]:
    return [created(number, text) for number, text in enumerate(TEXTS)]


def told(done: Batch) -> tuple[list[ShadowDifference], list[ShadowTally]]:
    outputs = [output for output in done.outputs if output.topic == NAMES.shadow]
    return (
        [decode(ShadowDifference, output.value) for output in outputs if output.key is not None],
        [decode(ShadowTally, output.value) for output in outputs if output.key is None],
    )


def others(done: Batch) -> list[Output]:
    return [output for output in done.outputs if output.topic != NAMES.shadow]


def test_without_a_candidate_nothing_is_told_and_no_time_is_spent() -> None:
    given = rig(generations=[learned()])
    done = routed(given, history())
    committed(done)
    assert told(done) == ([], [])
    assert given.counted("step_seconds_count", step="shadow") == 0


def test_what_differs_is_told_and_of_how_many(ready: Rig) -> None:
    differences, (tally,) = told(routed(ready, history()))
    assert [difference.ticket_id for difference in differences] == [f"t-{number}" for number in MOBILE]
    assert {(d.live.owner, d.shadow.owner) for d in differences} == {("mobile", "apps")}
    assert (tally.decisions, tally.differing) == (len(TEXTS), len(MOBILE))


def test_a_difference_names_both_decisions_and_holds_no_words(ready: Rig) -> None:
    done = routed(ready, [created(1, TEXTS[0])])
    (difference,), (tally,) = told(done)
    (decision,) = [decode(Decision, output.value) for output in others(done) if output.topic == NAMES.routed]
    in_force = ready.path.live.in_force
    assert in_force is not None
    assert in_force.shadow is not None
    assert decision.cluster is not None
    assert (difference.decision_id, difference.ticket_version) == (
        decision.decision_id,
        decision.ticket_version,
    )
    for event in (difference, tally):
        assert (event.generation_id, event.shadow_generation_id) == (in_force.id, in_force.shadow.id)
        assert event.shadow_route_at is None
    assert difference.live.cluster_id == difference.shadow.cluster_id == decision.cluster.id
    assert difference.live.confidence == decision.cluster.confidence
    for output in done.outputs:
        if output.topic == NAMES.shadow:
            assert output.value is not None
            assert TEXTS[0].encode() not in output.value


def test_all_else_is_as_without_a_candidate(ready: Rig) -> None:
    alone = routed(rig(generations=[learned()]), history())
    assert others(routed(ready, history())) == alone.outputs


def test_only_what_asks_for_a_decision_is_compared(ready: Rig) -> None:
    values = [
        ticket("t-1", "created", TEXTS[0], version=1),
        ticket("t-1", "updated", TEXTS[1], version=2),
        ticket("t-1", "resolved", version=3),
        ticket("t-1", "deleted", version=4),
        b"{",
    ]
    differences, (tally,) = told(routed(ready, values))
    assert [(d.ticket_id, d.ticket_version) for d in differences] == [("t-1", "v1"), ("t-1", "v2")]
    assert tally.decisions == 2
    assert told(routed(ready, [ticket("t-2", "deleted", version=1)])) == ([], [])


def test_a_threshold_on_trial_is_compared_by_the_generation_in_force() -> None:
    given = rig(generations=[learned()])
    given = Rig(replace(given.path, shadow=DecidePolicy(route_at=1.0)), given.registry)
    differences, (tally,) = told(routed(given, history()))
    assert {(d.live.outcome, d.shadow.outcome) for d in differences} == {("route", "propose")}
    assert {
        (d.live.owner == d.shadow.owner, d.generation_id == d.shadow_generation_id) for d in differences
    } == {(True, True)}
    assert {*(d.shadow_route_at for d in differences), tally.shadow_route_at} == {1.0}
    assert 0 < tally.differing == len(differences) <= tally.decisions == len(TEXTS)


def test_a_candidate_may_have_a_threshold_on_trial(ready: Rig) -> None:
    given = Rig(replace(ready.path, shadow=DecidePolicy(route_at=1.0)), ready.registry)
    differences, (tally,) = told(routed(given, history()))
    assert {d.shadow.owner for d in differences} >= {"apps"}
    assert tally.shadow_route_at == 1.0
    assert tally.generation_id != tally.shadow_generation_id


def test_what_people_taught_goes_for_the_candidate_too(ready: Rig) -> None:
    """A ticket that is given to another team takes its like there, by either of them."""
    first = worked(
        ready,
        record(created(1, TEXTS[0])),
        record(feedback("reassigned", "locks", ticket_id="t-1"), topic=NAMES.feedback),
    )
    assert [(d.live.owner, d.shadow.owner) for d in told(first)[0]] == [("mobile", "apps")]
    readable(ready, first)
    differences, (tally,) = told(routed(ready, [created(2, TEXTS[0])]))
    assert (differences, tally.decisions, tally.differing) == ([], 1, 0)


def test_what_is_committed_is_counted_and_nothing_else(ready: Rig) -> None:
    done = routed(ready, history())
    assert ready.counted("shadow_decisions_total", differs="owner") == 0
    committed(done)
    assert ready.counted("shadow_decisions_total", differs="owner") == len(MOBILE)
    assert ready.counted("shadow_decisions_total", differs="no") == len(TEXTS) - len(MOBILE)
    assert ready.counted("step_seconds_count", step="shadow") == 1


@pytest.mark.filterwarnings("ignore:invalid value encountered", "ignore:overflow encountered")
def test_a_candidate_that_fails_is_put_aside_and_costs_no_ticket() -> None:
    """Its weights are numbers, their sum is none, which no record can hold."""
    given = rig(generations=[learned()])
    broken = candidate(confidence=replace(learned().confidence, head=1.7e308, vote=1.7e308))
    name = publish(given.path.live, broken, Role.SHADOW)
    with capture_logs() as lines:
        done = routed(given, history())
    assert told(done) == ([], [])
    assert len([output for output in done.outputs if output.topic == NAMES.routed]) == len(TEXTS)
    assert [(line["event"], line["generation"]) for line in lines] == [
        ("shadow_failed", name),
        ("shadow_ended", name),
    ]
    in_force = given.path.live.in_force
    assert in_force is not None
    assert in_force.shadow is None
