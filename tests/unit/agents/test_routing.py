"""The routing path over small real parts: what a batch says, what it never says, and how it fails."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from math import isnan

import numpy as np
import pytest
from confluent_kafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from structlog.testing import capture_logs

from agents.flood import FloodGuard
from agents.generations import generation_records
from agents.intake import Accepted, known_after
from agents.pulse import Pulse
from agents.routing import route
from agents.state import text_of
from agents.wire import Batch, Output, Wire
from agents.wire_policy import WirePolicy
from models.errors import Fatal, PoisonFlood, Transient
from models.generation import Generation, Thresholds
from models.learn.acts import Said
from models.learn.confidence import UNFITTED
from models.routing.encode import Tokens, encode
from models.routing.pack import PackPolicy
from models.vote import Vectors
from schemas.codec import decode
from schemas.contract import time_of
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.feedback import Correction
from schemas.insight import Insight
from schemas.state import TicketState, TicketStatus
from schemas.surge import Count
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.kafka import FakeKafka, FakeRecord
from tests.fakes.path import NAMES, Rig, learn, publish, rig
from tests.fakes.records import NOW_MS, batch, committed, feedback, record, state, state_record, ticket

TEXTS = [text for _, text in HISTORY]
TEAM_OF = {text: team for team, text in HISTORY}
POISON = "poison"


@cache
def learned() -> Generation:
    """Its own confidence and thresholds, fitted on thirty tickets by a fake encoder, would say little; here a ticket is
    as like the history as its nearest past one."""
    thresholds = Thresholds(scope=0.4, route_at=0.9, owners=(), similar=0.4, reach=0.7)
    return replace(learn(HashingEncoder()), confidence=replace(UNFITTED, strength=0.0), thresholds=thresholds)


@pytest.fixture
def ready() -> Rig:
    """A path with a generation in force."""
    return rig(generations=[learned()])


def created(number: int, text: str, **more: object) -> bytes:
    return ticket(f"t-{number}", "created", text, version=1, **more)


def batch_of(values: Iterable[bytes | None], epoch: int = 1) -> Batch:
    return batch([record(value, offset=at) for at, value in enumerate(values)], epoch)


def routed(given: Rig, values: Iterable[bytes | None], epoch: int = 1) -> Batch:
    done = batch_of(values, epoch)
    route(done, given.path)
    return done


def of_topic(done: Batch, topic: str) -> list[Output]:
    return [output for output in done.outputs if output.topic == topic]


def decisions(done: Batch) -> list[Decision]:
    return [decode(Decision, output.value) for output in of_topic(done, NAMES.routed)]


def states(done: Batch) -> list[TicketState]:
    return [decode(TicketState, output.value) for output in of_topic(done, NAMES.state)]


def reasons(done: Batch) -> list[str]:
    return [decode(DeadLetter, output.value).reason.value for output in of_topic(done, NAMES.dead)]


# -- what a batch says


def test_one_decision_a_ticket_in_the_order_of_the_records(ready: Rig) -> None:
    done = routed(ready, [created(number, text) for number, text in enumerate(TEXTS)])
    found = decisions(done)
    assert [decision.ticket_id for decision in found] == [f"t-{number}" for number in range(len(TEXTS))]
    assert [decision.owner for decision in found] == [TEAM_OF[text] for text in TEXTS]
    assert {(decision.outcome, decision.reason) for decision in found} == {("route", "confident")}
    assert {decision.generation_id for decision in found} == {
        ready.path.live.in_force and ready.path.live.in_force.id
    }
    assert {decision.encoder for decision in found} == {ready.path.encoder.fingerprint}
    assert reasons(done) == []


def test_state_and_count_go_with_the_decision(ready: Rig) -> None:
    done = routed(ready, [created(1, TEXTS[0], customer_id="c-1")])
    (decision,), (kept,) = decisions(done), states(done)
    assert decision.cluster is not None
    assert (kept.decision_id, kept.cluster_id) == (decision.decision_id, decision.cluster.id)
    expected = encode(ready.path.encoder, [kept.text], PackPolicy())[0]
    assert kept.vector == text_of(expected)
    (count,) = [decode(Count, output.value) for output in of_topic(done, NAMES.counts)]
    assert (count.cluster_id, count.customer_id) == (decision.cluster.id, "c-1")


def test_a_ticket_names_the_open_one_that_it_repeats_and_its_state_keeps_that(ready: Rig) -> None:
    done = routed(ready, [created(1, TEXTS[0]), created(2, TEXTS[12]), created(3, TEXTS[0])])
    assert ready.counted("duplicates_total") == 0
    committed(done)
    assert [decision.duplicate_of for decision in decisions(done)] == [None, None, "t-1"]
    assert [kept.duplicate_of for kept in states(done)] == [None, None, "t-1"]
    assert [decision.duplicate_score is None for decision in decisions(done)] == [True, True, False]
    later = routed(ready, [ticket("t-3", "resolved", "", version=2), created(4, TEXTS[12])])
    committed(later)
    assert [decision.duplicate_of for decision in decisions(later)] == ["t-2"]
    assert [kept.duplicate_of for kept in states(later)] == ["t-1", "t-2"]
    again = routed(ready, [ticket("t-4", "updated", TEXTS[12], version=2)])
    committed(again)
    assert [decision.duplicate_of for decision in decisions(again)] == ["t-2"]
    assert ready.counted("duplicates_total") == 2  # an update is no new ticket


def test_a_ticket_unlike_the_history_goes_to_triage_and_is_not_counted(ready: Rig) -> None:
    done = routed(ready, [created(1, "zzzz qqqq wwww xxxx jjjj")])
    (decision,) = decisions(done)
    assert (decision.outcome, decision.reason, decision.owner) == ("triage", "unlike_history", None)
    assert of_topic(done, NAMES.counts) == []


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_ticket_is_counted_once_with_the_first_version_that_has_a_cluster(
    ready: Rig, together: bool
) -> None:
    unlike = "zzzz qqqq wwww xxxx jjjj"
    values = [
        created(1, unlike),
        ticket("t-1", "updated", TEXTS[0], version=2, updated_at=NOW_MS + 5_000),
        ticket("t-1", "updated", unlike, version=3),
        ticket("t-1", "updated", TEXTS[12], version=4),
        ticket("t-1", "created", TEXTS[0], version=5),
    ]
    batches = [values] if together else [[value] for value in values]
    counts, held = list[Count](), list[TicketState]()
    for one in batches:
        done = routed(ready, one)
        committed(done)
        counts += [decode(Count, output.value) for output in of_topic(done, NAMES.counts)]
        held += states(done)
    assert [(count.ticket_id, count.cluster_id) for count in counts] == [("t-1", held[1].cluster_id)]
    assert counts[0].occurred_at == time_of(NOW_MS)
    assert [state.counted for state in held] == [False, True, True, True, True]


def test_a_ticket_whose_first_event_is_no_creation_is_counted(ready: Rig) -> None:
    done = routed(ready, [ticket("t-1", "updated", TEXTS[0], version=2)])
    assert [decode(Count, output.value).ticket_id for output in of_topic(done, NAMES.counts)] == ["t-1"]


def test_the_promise_counts_from_the_tickets_creation(ready: Rig) -> None:
    (decision,) = decisions(routed(ready, [created(1, TEXTS[0])]))
    assert decision.sla is not None
    assert (decision.sla.minutes, decision.sla.due_at.timestamp()) == (120, NOW_MS / 1000 + 120 * 60)


def test_an_urgent_ticket_escalates(ready: Rig) -> None:
    (decision,) = decisions(routed(ready, [created(1, TEXTS[0], priority="P0")]))
    assert (decision.outcome, decision.reason, decision.owner) == ("escalate", "priority", "mobile")


def test_versions_of_one_ticket_in_one_batch_are_each_decided_in_order(ready: Rig) -> None:
    done = routed(
        ready,
        [
            ticket("t-1", "created", TEXTS[0], version=1),
            ticket("t-1", "updated", TEXTS[-1], version=2),
            ticket("t-1", "created", TEXTS[0], version=1),  # late
            ticket("t-1", "resolved", version=3, resolution="new hub"),
        ],
    )
    assert [(d.ticket_version, d.owner) for d in decisions(done)] == [("v1", "mobile"), ("v2", "locks")]
    last = states(done)[-1]
    assert (last.status, last.text, last.resolution, last.owner) == (
        TicketStatus.SOLVED,
        TEXTS[-1],
        "new hub",
        "locks",
    )


def test_a_deleted_ticket_is_a_tombstone_and_nothing_else(ready: Rig) -> None:
    done = routed(ready, [ticket("t-1", "deleted", version=1)])
    assert [(output.topic, output.key, output.value) for output in done.outputs] == [
        (NAMES.state, b"t-1", None)
    ]


def test_similar_solved_tickets_stand_beside_a_decision_but_never_itself(ready: Rig) -> None:
    vectors = encode(ready.path.encoder, TEXTS[:4], PackPolicy())
    for name, vector in zip(("t-1", "s-1", "s-2", "s-3"), vectors[[0, 0, 0, 0]], strict=True):
        held = state(
            name,
            status=TicketStatus.SOLVED,
            resolution=f"cure of {name}",
            vector=text_of(vector),
            encoder=ready.path.encoder.fingerprint,
        )
        ready.path.live.on_state(state_record(held))
    near, far = decisions(routed(ready, [created(1, TEXTS[0]), created(2, "zzzz qqqq wwww xxxx jjjj")]))
    assert sorted(similar.ticket_id for similar in near.similar) == ["s-1", "s-2", "s-3"]
    assert far.similar == []


def test_a_record_outside_its_home_is_moved_and_not_decided() -> None:
    given = rig(generations=[learned()], partitions=2)
    home = given.path.intake.homes.of("t-1")
    done = batch(
        [record(created(1, TEXTS[0]), partition=1 - home), record(created(1, TEXTS[0]), partition=home)]
    )
    route(done, given.path)
    assert [(output.partition, output.value) for output in of_topic(done, NAMES.tickets)] == [
        (home, created(1, TEXTS[0]))
    ]
    assert len(decisions(done)) == 1
    committed(done)
    assert given.counted("events_total", handled="moved_home") == 1


def test_publishers_who_place_keys_otherwise_are_told_of_once_and_without_words() -> None:
    """Told of what is committed, not of what is read and begun again."""
    given = rig(generations=[learned()], partitions=2)
    texts = [created(number, f"{TEXTS[0]} {number}") for number in range(120)]
    strays = [
        record(text, partition=1 - given.path.intake.homes.of(f"t-{number}"), offset=number)
        for number, text in enumerate(texts)
    ]
    with capture_logs() as said:
        for epoch in (1, 2, 3):
            done = batch(strays, epoch)
            route(done, given.path)
            assert said == []
        for _ in range(2):
            committed(done)
    (line,) = said
    remedy = line.pop("remedy")
    assert "SLUICE_PARTITIONER" in remedy
    assert line == {"event": "keys_placed_otherwise", "log_level": "warning", "records": 120, "moved": 120}


@pytest.mark.parametrize(
    ("at_home", "strays", "dead", "warnings"),
    [
        pytest.param(230, 110, 0, 0, id="repeated events at home are events at home"),
        pytest.param(60, 60, 100, 1, id="a dead letter has no home"),
    ],
)
def test_of_which_records_the_share_is_taken(at_home: int, strays: int, dead: int, warnings: int) -> None:
    given = rig(generations=[learned()], partitions=2)
    home = given.path.intake.homes.of("t-1")
    records = [
        *[record(created(1, TEXTS[0]), partition=home, offset=number) for number in range(at_home)],
        *[record(created(1, TEXTS[0]), partition=1 - home, offset=number) for number in range(strays)],
        *[record(b"{", partition=home, offset=at_home + number) for number in range(dead)],
    ]
    done = batch(records)
    route(done, given.path)
    with capture_logs() as said:
        committed(done)
    assert [line["event"] for line in said] == ["keys_placed_otherwise"] * warnings


def test_decisions_are_of_the_generation_in_force(ready: Rig) -> None:
    before = decisions(routed(ready, [created(1, TEXTS[0])]))
    name = publish(ready.path.live, replace(learned(), created_at_ms=NOW_MS + 1))
    after = decisions(routed(ready, [created(2, TEXTS[0])]))
    assert before[0].generation_id != name
    assert after[0].generation_id == name


class Interrupting(HashingEncoder):
    """Encodes while another generation comes into force."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] = lambda: None

    def forward(self, tokens: Sequence[Tokens]) -> Vectors:
        self.meanwhile()
        return super().forward(tokens)


def test_a_generation_that_comes_while_a_batch_is_in_work_waits_for_the_next_one() -> None:
    encoder = Interrupting()
    given = rig(encoder, [learned()])
    first = decisions(routed(given, [created(0, TEXTS[0])]))[0].generation_id
    later = replace(learned(), created_at_ms=NOW_MS + 1)
    encoder.meanwhile = lambda: publish(given.path.live, later)
    during = decisions(routed(given, [created(number, TEXTS[0]) for number in range(1, 4)]))
    encoder.meanwhile = lambda: None
    after = decisions(routed(given, [created(number, TEXTS[0]) for number in range(4, 6)]))
    assert {decision.generation_id for decision in during} == {first}
    assert {decision.generation_id for decision in after} == {generation_records(later)[0]} != {first}


# -- what people did


def acted(number: int, kind: str, owner: str | None = None, **more: object) -> FakeRecord:
    """An act on ticket `t-<number>`, told on its topic."""
    value = feedback(kind, owner, **{"ticket_id": f"t-{number}", "feedback_id": f"f-{number}", **more})
    return record(value, topic=NAMES.feedback)


def on_cluster(kind: str, feedback_id: str, owner: str | None = None, **more: object) -> FakeRecord:
    more = {"ticket_id": None, "cluster_id": "c-1", "feedback_id": feedback_id} | more
    value = feedback(kind, owner, **more)
    return record(value, topic=NAMES.feedback)


def worked(given: Rig, *records: FakeRecord, epoch: int = 1) -> Batch:
    done = batch(records, epoch)
    route(done, given.path)
    return done


def insights(done: Batch) -> list[Insight]:
    return [decode(Insight, output.value) for output in of_topic(done, NAMES.insights)]


def corrections(done: Batch) -> list[Correction]:
    return [decode(Correction, output.value) for output in of_topic(done, NAMES.corrections)]


def readable(given: Rig, done: Batch, first: int = 0) -> None:
    """What a batch wrote of corrections has been read by its worker."""
    for offset, output in enumerate(of_topic(done, NAMES.corrections), first):
        given.path.live.on_correction(
            record(output.value, offset=offset, key=output.key, topic=NAMES.corrections)
        )
    given.path.live.swap()


def test_a_ticket_and_an_act_on_it_may_come_together_and_in_any_order(ready: Rig) -> None:
    done = worked(ready, acted(1, "reassigned", "locks"), record(created(1, TEXTS[0])))
    (told,), (learnt,) = insights(done), corrections(done)
    assert (told.decided_owner, told.owner, told.lesson) == ("mobile", "locks", "corrected")
    assert told.decision_id == decisions(done)[0].decision_id
    first, last = states(done)
    assert (first.assigned_team, last.assigned_team) == (None, "locks")
    assert (last.decision_id, last.vector, last.text) == (first.decision_id, first.vector, first.text)
    assert (learnt.text, learnt.vector, learnt.encoder) == (last.text, last.vector, last.encoder)
    assert reasons(done) == []


def test_an_act_on_a_ticket_of_an_earlier_batch_and_of_a_later_one(ready: Rig) -> None:
    worked(ready, record(created(1, TEXTS[0])))  # in flight
    second = worked(ready, acted(1, "assigned", "mobile"))
    (told,) = insights(second)
    assert (told.first_assignment_right, told.lesson) == (True, None)
    committed(second)
    third = worked(ready, acted(1, "reassigned", "locks", feedback_id="f-2"), epoch=2)
    assert (insights(third)[0].reassigned, states(third)[0].assigned_team) == (1, "locks")


def test_an_act_on_nobody_s_ticket_dies_and_is_no_flood() -> None:
    """Acts on tickets of before are sound records, and routing does not stop for them."""
    given = rig(generations=[learned()], guard=FloodGuard(2, 1.0, 100))
    done = worked(given, *(acted(number, "assigned", "locks") for number in range(9)))
    assert reasons(done) == ["unknown_ticket"] * 9
    committed(done)
    assert given.counted("dead_letters_total", reason="unknown_ticket") == 9
    with pytest.raises(PoisonFlood):
        worked(given, *(record(b"{", topic=NAMES.feedback, offset=offset) for offset in range(3)))


def test_an_act_that_is_no_news_leaves_nothing_but_a_count(ready: Rig) -> None:
    committed(worked(ready, record(created(1, TEXTS[0])), acted(1, "assigned", "mobile")))
    done = worked(
        ready,
        acted(1, "assigned", "mobile"),
        acted(1, "assigned", "locks", feedback_id="f-2", at=NOW_MS - 1),
    )
    assert done.outputs == []
    committed(done)
    assert [ready.counted("events_total", handled=why) for why in ("repeated", "late")] == [1, 1]


def test_an_act_in_another_partition_is_moved_within_its_topic() -> None:
    given = rig(generations=[learned()], partitions=2)
    home = given.path.intake.homes.of("t-1")
    value = feedback("assigned", "locks")
    done = worked(given, record(value, partition=1 - home, topic=NAMES.feedback))
    assert [(o.topic, o.partition, o.value) for o in done.outputs] == [(NAMES.feedback, home, value)]
    committed(done)
    assert given.counted("events_total", handled="moved_home") == 1


def test_a_ticket_event_that_names_another_team_teaches_too(ready: Rig) -> None:
    done = routed(
        ready,
        [
            created(1, TEXTS[0]),
            ticket("t-1", "resolved", version=2, assigned_team="locks", resolution="new hub"),
        ],
    )
    (told,), (learnt,) = insights(done), corrections(done)
    assert (told.source, told.kind, told.first_assignment_right) == ("ticket", "resolved", False)
    assert (learnt.owner, learnt.decided_owner, learnt.ticket_id) == ("locks", "mobile", "t-1")
    last = states(done)[-1]
    assert (last.status, last.owner, last.assigned_team) == (TicketStatus.SOLVED, "mobile", "locks")
    assert last.decision_id == decisions(done)[0].decision_id


def test_what_people_did_lasts_through_a_decision_anew(ready: Rig) -> None:
    done = worked(
        ready,
        record(created(1, TEXTS[0])),
        record(ticket("t-1", "updated", version=2)),
        acted(1, "labelled", "x"),
    )
    assert len(decisions(done)) == 2
    committed(done)
    again = routed(ready, [ticket("t-1", "updated", version=3)])
    assert (states(again)[0].assigned_team, states(again)[0].first_owner) == ("x", "x")
    assert insights(again) == []


def test_a_deleted_ticket_takes_its_text_out_of_the_corrections(ready: Rig) -> None:
    committed(worked(ready, record(created(1, TEXTS[0])), acted(1, "reassigned", "locks")))
    gone = routed(ready, [ticket("t-1", "deleted", version=2)])
    assert [(o.topic, o.key, o.value) for o in gone.outputs] == [
        (NAMES.state, b"t-1", None),
        (NAMES.corrections, b"f-1", None),
    ]


def test_confirmations_are_written_once_a_cluster_is_contested(ready: Rig) -> None:
    first = worked(ready, record(created(1, TEXTS[0])), acted(1, "assigned", "mobile"))
    assert corrections(first) == []
    now = {"at": NOW_MS + 5_000}
    wrong = worked(ready, record(created(2, TEXTS[0])), acted(2, "reassigned", "locks", **now))
    readable(ready, wrong)
    right = worked(ready, record(created(3, TEXTS[5])), acted(3, "assigned", "mobile", **now))
    (confirmed,) = corrections(right)
    assert (confirmed.kind, confirmed.text, confirmed.cluster_id) == (
        "confirmed",
        None,
        corrections(wrong)[0].cluster_id,
    )


def test_what_was_corrected_is_known_from_the_batch_after_it_was_read(ready: Rig) -> None:
    """Its twin goes where people gave it, another of its cluster as before; both decisions name the revision."""
    done = worked(ready, record(created(1, TEXTS[0])), acted(1, "reassigned", "locks"))
    committed(done)
    before = decisions(routed(ready, [created(2, TEXTS[0])]))
    readable(ready, done, first=7)
    after = decisions(routed(ready, [created(3, TEXTS[0]), created(4, TEXTS[5])]))
    assert [(d.owner, d.revision) for d in before] == [("mobile", 0)]
    assert [(d.owner, d.revision) for d in after] == [("locks", 8), ("mobile", 8)]


def test_an_act_on_a_cluster_is_taken_once(ready: Rig) -> None:
    first = on_cluster("bound", "f-1", owner="locks")
    done = worked(ready, first, first, on_cluster("merged", "f-2", into_cluster_id="c-2"))
    assert [(c.kind, c.feedback_id) for c in corrections(done)] == [("bound", "f-1"), ("merged", "f-2")]
    assert {c.generation_id for c in corrections(done)} == {
        ready.path.live.in_force and ready.path.live.in_force.id
    }
    committed(done)
    readable(ready, done)
    late = on_cluster("bound", "f-3", owner="mobile", at=NOW_MS - 1)
    again = worked(ready, first, late)
    assert again.outputs == []
    committed(again)
    assert [ready.counted("events_total", handled=why) for why in ("repeated", "late")] == [2, 1]
    assert ready.counted("feedback_total", kind="bound", source="feedback") == 1
    assert ready.counted("lessons_total", kind="bound") == 1


def test_an_act_on_a_text_that_the_encoder_can_bear_no_longer_costs_itself_only() -> None:
    given = rig(Choking(), [learned()])
    table = given.path.intake.table
    for number, text in ((1, TEXTS[0]), (2, POISON)):
        value = ticket(f"t-{number}", text=text, version=1)
        accepted = given.path.intake.read(record(value))
        assert isinstance(accepted, Accepted)
        table.settle({accepted.place: replace(known_after(accepted), said=Said(None, None, None))})
    done = worked(given, acted(2, "assigned", "locks"), acted(1, "assigned", "locks"))
    assert reasons(done) == ["internal"]
    assert [told.ticket_id for told in insights(done)] == ["t-1"]
    assert [state.ticket_id for state in states(done)] == ["t-1"]


def test_nothing_of_an_act_is_counted_before_the_commit(ready: Rig) -> None:
    done = worked(
        ready,
        record(created(1, TEXTS[0])),
        record(created(2, "zzzz qqqq wwww xxxx jjjj")),
        acted(1, "reassigned", "somebody new", at=NOW_MS + 8_000),
        acted(2, "labelled", "locks", at=NOW_MS + 8_000),
        acted(1, "resolved", feedback_id="f-3", at=NOW_MS + 9_000, resolution="call 13812345678"),
    )

    def counts() -> list[float]:
        return [
            ready.counted("feedback_total", kind="reassigned", source="feedback"),
            ready.counted("lessons_total", kind="corrected"),
            ready.counted("first_assignments_total", owner="mobile", result="wrong"),
            ready.counted("reassignments_total", owner="mobile"),
            ready.counted("time_to_assign_seconds_count", by="route"),
            ready.counted("time_to_assign_seconds_sum", by="people"),
            ready.counted("masked_spans_total", type="PHONE"),
        ]

    assert counts() == [0] * 7
    shares = [f"live_{name}_share" for name in ("accuracy", "reassigned", "triage")]
    assert all(isnan(ready.counted(name)) for name in shares)
    committed(done)
    assert counts() == [1, 3, 1, 1, 1, 8.0, 1]
    assert [ready.counted(name) for name in shares] == [0.0, 1.0, 0.5]


def test_owners_that_the_generation_does_not_know_share_a_label(ready: Rig) -> None:
    done = worked(
        ready,
        record(created(1, TEXTS[0])),
        acted(1, "reassigned", "x"),
        acted(1, "reassigned", "y", feedback_id="f-2"),
        acted(1, "reassigned", "z", feedback_id="f-3"),
    )
    committed(done)
    found = [ready.counted("reassignments_total", owner=owner) for owner in ("mobile", "other", "x", "y")]
    assert found == [1, 2, 0, 0]


# -- refused, skipped


def test_what_cannot_be_read_dies_and_the_others_are_decided(ready: Rig) -> None:
    done = routed(
        ready,
        [
            b"{",
            created(1, TEXTS[0]),
            None,
            created(2, TEXTS[1]),
            created(3, " ! "),
            b"\xff",
            created(4, TEXTS[2]),
        ],
    )
    assert [decision.ticket_id for decision in decisions(done)] == ["t-1", "t-2", "t-4"]
    assert reasons(done) == ["not_json", "no_value", "empty_text", "not_utf8"]
    letters = [decode(DeadLetter, output.value) for output in of_topic(done, NAMES.dead)]
    assert [letter.source.offset for letter in letters] == [0, 2, 4, 5]


def test_only_refused_ones_need_no_encoder() -> None:
    given = rig(Down(), [learned()])
    assert reasons(routed(given, [b"{", b"["])) == ["not_json", "not_json"]


def test_a_record_of_an_impossible_time_dies_like_another(ready: Rig) -> None:
    done = batch([record(b"{", timestamp_ms=1), record(created(1, TEXTS[0]), timestamp_ms=1, offset=1)])
    route(done, ready.path)
    committed(done)
    assert (reasons(done), len(decisions(done))) == (["not_json"], 1)


# -- an encoder that fails


class Choking(HashingEncoder):
    """Fails on every pass that holds a poisoned text."""

    error: Exception = RuntimeError("choked on a customer's words")

    def tokenize(self, texts: Sequence[str]) -> list[Sequence[int]]:
        if any(POISON in text for text in texts):
            raise self.error
        return super().tokenize(texts)


class Blurred(HashingEncoder):
    """Gives a vector that is no number for a poisoned text."""

    def tokenize(self, texts: Sequence[str]) -> list[Sequence[int]]:
        return [
            [-1] if POISON in text else ids for text, ids in zip(texts, super().tokenize(texts), strict=True)
        ]

    def forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        vectors = super().forward([[abs(token) for token in row] for row in tokens])
        vectors[[row[0] < 0 for row in tokens]] = np.nan
        return vectors


class Down(HashingEncoder):
    """Bears nothing at all."""

    def forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        raise RuntimeError("device lost")


@pytest.mark.parametrize("encoder", [Choking(), Blurred()], ids=["raises", "gives no number"])
@pytest.mark.parametrize("others", [0, 1, 5], ids="beside {}".format)
def test_a_text_that_the_encoder_cannot_bear_costs_its_own_ticket_only(
    encoder: HashingEncoder, others: int
) -> None:
    """Alone in its batch too: else a quiet worker would begin again with it for ever."""
    given = rig(encoder, [learned()])
    texts = [*TEXTS[:others], f"{POISON} Zaphod", *TEXTS[others : 2 * others]]
    done = routed(given, [created(number, text) for number, text in enumerate(texts)])
    assert [d.ticket_id for d in decisions(done)] == [f"t-{n}" for n in range(len(texts)) if n != others]
    assert [d.owner for d in decisions(done)] == [TEAM_OF[text] for text in texts if text in TEAM_OF]
    (output,) = of_topic(done, NAMES.dead)
    letter = decode(DeadLetter, output.value)
    assert (letter.reason, letter.source.offset) == ("internal", others)
    assert "Zaphod" not in letter.detail
    assert "words" not in letter.detail
    committed(done)
    assert given.counted("dead_letters_total", reason="internal") == 1


def test_a_ticket_that_died_so_was_never_seen() -> None:
    given = rig(Choking(), [learned()])
    committed(routed(given, [created(0, TEXTS[0]), created(1, POISON)]))
    done = routed(
        given, [ticket("t-1", "resolved", version=2), ticket("t-1", "created", TEXTS[0], version=1)]
    )
    assert reasons(done) == ["unknown_ticket"]
    assert len(decisions(done)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_an_encoder_that_bears_nothing_is_tried_again_later(count: int) -> None:
    given = rig(Down(), [learned()])
    done = batch_of(created(number, TEXTS[number]) for number in range(count))
    with pytest.raises(Transient, match=r"the encoder fails on every ticket \(RuntimeError\)"):
        route(done, given.path)
    assert (done.outputs, done.on_commit) == ([], [])


@pytest.mark.parametrize("error", [Transient("busy"), Fatal("gone")], ids=["transient", "fatal"])
def test_what_the_encoder_says_of_itself_is_not_laid_to_the_ticket(error: Exception) -> None:
    encoder = Choking()
    encoder.error = error
    with pytest.raises(type(error), match=str(error)):
        routed(rig(encoder, [learned()]), [created(1, POISON), created(2, TEXTS[0])])


def test_a_flood_goes_through_and_nothing_is_said() -> None:
    given = rig(generations=[learned()], guard=FloodGuard(2, 1.0, 100))
    done = batch_of([created(1, TEXTS[0]), b"{", b"{", b"{"])
    with pytest.raises(PoisonFlood, match="3 records in a row"):
        route(done, given.path)
    assert (done.outputs, done.on_commit) == ([], [])


def test_tickets_that_the_encoder_cannot_bear_are_a_flood_too() -> None:
    guard = FloodGuard(max_consecutive=2, max_share=1.0, window=100)
    given = rig(Choking(), [learned()], guard=guard)
    done = batch_of([created(0, TEXTS[0]), *(created(number, POISON) for number in range(1, 4))])
    with pytest.raises(PoisonFlood, match="3 records in a row"):
        route(done, given.path)
    assert (done.outputs, done.on_commit) == ([], [])


def test_a_flood_builds_up_over_batches_and_not_over_a_batch_read_again() -> None:
    given = rig(generations=[learned()], guard=FloodGuard(2, 1.0, 100))
    for epoch in range(1, 5):
        routed(given, [b"{", b"{"], epoch)  # dropped each time, and read again
    with pytest.raises(PoisonFlood):
        routed(given, [b"{"], epoch=4)


def test_without_a_generation_nothing_is_decided() -> None:
    with pytest.raises(Transient, match="no generation"):
        routed(rig(), [created(1, TEXTS[0])])


# -- what is known and counted, and when


def test_nothing_is_counted_before_the_commit(ready: Rig) -> None:
    values = [
        created(1, f"{TEXTS[0]} 13812345678"),
        created(2, TEXTS[1]),
        ticket("t-2", "resolved", version=2),
        ticket("t-3", "deleted", version=1),
        created(1, TEXTS[0]),
        b"{",
    ]
    done = routed(ready, values)

    def counts() -> list[float]:
        return [
            sum(
                ready.counted("decisions_total", outcome=d.outcome, reason=d.reason)
                for d in decisions(done)[:1]
            ),
            ready.counted("end_to_end_seconds_count"),
            ready.counted("masked_spans_total", type="PHONE"),
            ready.counted("dead_letters_total", reason="not_json"),
            *(ready.counted("events_total", handled=name) for name in ("resolved", "deleted", "repeated")),
        ]

    assert counts() == [0] * 7
    committed(done)
    same = sum(
        (d.outcome, d.reason) == (decisions(done)[0].outcome, decisions(done)[0].reason)
        for d in decisions(done)
    )
    assert counts() == [same, 2, 1, 1, 1, 1, 1]
    assert ready.counted("end_to_end_seconds_sum") == 2.0  # one second each, from the record's own time


def test_what_was_not_committed_is_read_again_in_the_next_epoch(ready: Rig) -> None:
    values = [created(1, TEXTS[0]), ticket("t-1", "resolved", version=2)]
    first = routed(ready, values, epoch=1)
    again = routed(ready, values, epoch=2)
    assert again.outputs == first.outputs
    committed(again)
    assert routed(ready, values, epoch=3).outputs == []


def test_a_batch_behind_one_in_flight_knows_what_that_one_said(ready: Rig) -> None:
    routed(ready, [created(1, TEXTS[0])])
    second = routed(ready, [created(1, TEXTS[0]), ticket("t-1", "updated", version=2)])
    assert [decision.ticket_version for decision in decisions(second)] == ["v2"]


def test_steps_and_age_are_measured(ready: Rig) -> None:
    done = batch([record(created(1, TEXTS[0])), record(created(2, TEXTS[1]), 1, timestamp_ms=NOW_MS - 4_000)])
    route(done, ready.path)
    for step in ("take", "read", "encode", "match", "decide", "emit"):
        assert ready.counted("step_seconds_count", step=step) == 1
    assert ready.counted("oldest_ticket_seconds") == 5.0


# -- on a wire


class Nobody:
    """A watcher that is told nothing of interest."""

    def gained(self, partitions: list[TopicPartition]) -> None: ...
    def lost(self, partitions: list[TopicPartition]) -> None: ...
    def committed(self, batch: Batch, seconds: float) -> None: ...
    def dropped(self, batch: Batch, why: str) -> None: ...
    def rewound(self, why: str) -> None: ...


def worked_through(given: Rig, values: Sequence[bytes | None]) -> FakeKafka:
    """A topic worked to its end by a wire whose agent routes, two records a batch."""
    kafka = FakeKafka()
    for name in NAMES.all():
        kafka.make(name, 1)
    for value in values:
        kafka.append(NAMES.tickets, 0, b"key", value)
    kafka.rebalance("group", {"a": [(NAMES.tickets, 0)]})

    def deliver(taken: Batch) -> None:
        route(taken, given.path)
        taken.done.set()

    policy = WirePolicy(records=2, poll_s=0.0)
    wire = Wire(
        kafka.consumer("group", "a"), kafka.producer("a"), [NAMES.tickets], deliver, Nobody(), policy, Pulse()
    )
    wire.fence()
    wire.open()
    for _ in range(4 * len(values) + 4):
        wire.step()
    return kafka


def test_what_is_only_skipped_commits_its_offsets_and_says_nothing(ready: Rig) -> None:
    committed(routed(ready, [created(1, TEXTS[0])]))
    kafka = worked_through(ready, [created(1, TEXTS[0])] * 3)
    assert kafka.groups["group"].offsets == {(NAMES.tickets, 0): 3}
    written = [stored for place, log in kafka.logs.items() if place[0] != NAMES.tickets for stored in log]
    assert written == []
    assert ready.counted("events_total", handled="repeated") == 3


def test_a_topic_is_worked_to_its_end_each_ticket_once(ready: Rig) -> None:
    values = [created(number, text) for number, text in enumerate(TEXTS[:5])]
    kafka = worked_through(ready, [values[0], *values, b"{", *values])
    found = [decode(Decision, stored.value).ticket_id for stored in kafka.visible(NAMES.routed)]
    assert found == [f"t-{number}" for number in range(5)]
    assert len(kafka.visible(NAMES.dead)) == 1
    assert kafka.groups["group"].offsets == {(NAMES.tickets, 0): 12}


# -- the law: a decision is its ticket's own

_ALL = [*TEXTS, *(text for _, text in FRESH), "zzzz qqqq", "支付 crash lock 门锁"]


def by_ticket(done: Batch) -> dict[bytes | None, Decision]:
    """The decisions without what they say of other tickets at that moment."""
    live = {"duplicate_of": None, "duplicate_score": None}
    return {
        output.key: decode(Decision, output.value).model_copy(update=live)
        for output in of_topic(done, NAMES.routed)
    }


@cache
def alone(text: str) -> Decision:
    (value,) = by_ticket(
        routed(rig(generations=[learned()]), [ticket(text[:9], text=text, version=1)])
    ).values()
    return value


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(_ALL), min_size=1, max_size=12, unique_by=lambda text: text[:9]), st.booleans()
)
def test_a_decision_is_the_same_alone_and_in_any_batch(texts: list[str], poisoned: bool) -> None:
    values = [ticket(text[:9], text=text, version=1) for text in texts]
    poison = [ticket("poison", text=POISON, version=1), b"{"] if poisoned else []
    done = routed(rig(Choking(), [learned()]), [*poison, *values])
    assert by_ticket(done) == {text[:9].encode(): alone(text) for text in texts}
