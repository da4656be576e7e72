"""Laws of a comparison: whatever the batches, the totals are those of the decisions."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agents.emit import Stamp
from agents.shadow import records_beside
from agents.topics import TopicNames
from app.shadow.report import Ledger
from models.routing.decide import Decision, Outcome
from models.routing.shadow import Differs, hold
from tests.fakes.records import NOW_MS, record
from tests.unit.routing.test_shadow import COMMON, decided

STAMP = Stamp(TopicNames(), "worker-1", "fake", NOW_MS)
owners = st.sampled_from(["billing", "access", None])
sides = st.builds(decided, owners, st.sampled_from(Outcome), st.sampled_from(["c-0", "c-1", "c-new", None]))
pairs = st.tuples(sides, sides)


def named(number: int, live: Decision, shadow: Decision) -> tuple[Decision, Decision]:
    ticket_id, decision_id = f"t-{number}", f"d-{number}"
    return (
        replace(live, ticket_id=ticket_id, decision_id=decision_id),
        replace(shadow, ticket_id=ticket_id, decision_id=decision_id, generation_id="g-2"),
    )


@given(pairs)
def test_two_differ_alike_whichever_is_in_force(pair: tuple[Decision, Decision]) -> None:
    live, shadow = pair
    assert hold(live, shadow, COMMON).differs is hold(shadow, live, COMMON).differs
    assert hold(live, live, COMMON).differs is Differs.NO


@given(st.lists(pairs, min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_totals_are_those_of_the_decisions_whatever_the_batches(
    decisions: list[tuple[Decision, Decision]], cuts: set[int]
) -> None:
    held = [hold(*named(number, *pair), COMMON) for number, pair in enumerate(decisions)]
    ledger, start = Ledger(), 0
    for end in sorted({cut for cut in cuts if cut < len(held)} | {len(held)}):
        for output in records_beside(held[start:end], None, STAMP):
            ledger.on_shadow(record(output.value, key=output.key, topic=output.topic))
        start = end
    (figures,) = ledger.report()
    said = Counter(one.differs for one in held)
    assert figures["decisions"] == len(held)
    assert figures["differing"] == len(held) - said[Differs.NO]
    assert figures["elsewhere"] == said[Differs.OWNER] + said[Differs.OUTCOME]
    assert figures["to_another_cluster_only"] == said[Differs.CLUSTER]
    assert figures["forgotten"] == 0
    assert sum(pair["decisions"] for pair in figures["by_owner"]) == said[Differs.OWNER]
    outcomes = sum(one.live.outcome is not one.shadow.outcome for one in held)
    assert sum(pair["decisions"] for pair in figures["by_outcome"]) == outcomes
