"""Laws of what people did: it is told exactly once, adds up, and does not hang on batches, rewinds or workers."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.routing import route
from agents.wire import Batch, Record
from models.generation import Generation
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.feedback import Correction
from schemas.insight import Insight
from schemas.state import TicketState
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import HISTORY
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, Rig, learn, rig, table_of
from tests.fakes.records import NOW_MS, batch, committed, feedback, record, ticket

_TEXTS = (HISTORY[0][1], HISTORY[10][1], "zzzz qqqq wwww xxxx jjjj")
_TEAMS = ("mobile", "locks", "somebody new")


@cache
def _learned() -> Generation:
    return learn(HashingEncoder())


def _rig() -> Rig:
    return rig(generations=[_learned()])


@st.composite
def _streams(draw: st.DrawFn) -> list[Record]:
    """Tickets that are there, then acts on them and events of them, repeated and out of order."""
    tickets = [
        record(ticket(f"t-{number}", text=text, version=0), timestamp_ms=NOW_MS)
        for number, text in enumerate(_TEXTS)
    ]
    ids = st.sampled_from(["t-0", "t-1", "t-2", "t-9"])
    at = st.integers(NOW_MS, NOW_MS + 3)
    teams = st.sampled_from(_TEAMS)
    acts = st.builds(
        lambda kind, owner, ticket_id, name, moment: record(
            feedback(kind, owner, ticket_id=ticket_id, feedback_id=name, at=moment), topic=NAMES.feedback
        ),
        st.sampled_from(["assigned", "reassigned", "labelled", "resolved", "escalated"]),
        teams,
        ids,
        st.sampled_from([f"f-{number}" for number in range(6)]),
        at,
    )
    events = st.builds(
        lambda kind, ticket_id, team, version, moment: record(
            ticket(ticket_id, kind, assigned_team=team, version=version, updated_at=moment)
        ),
        st.sampled_from(["updated", "resolved", "closed"]),
        ids,
        st.none() | teams,
        st.integers(1, 6),
        at,
    )
    return [*tickets, *draw(st.lists(acts | events, max_size=14))]


def _values(done: Sequence[Batch], topic: str) -> list[bytes]:
    return [o.value for b in done for o in b.outputs if o.topic == topic and o.value is not None]


def _worked(given: Rig, records: Sequence[Record], epoch: int = 1) -> Batch:
    done = batch(records, epoch)
    route(done, given.path)
    return done


def _alone(records: Sequence[Record]) -> list[Batch]:
    """Each record a batch of its own, committed."""
    given, done = _rig(), list[Batch]()
    for found in records:
        done.append(_worked(given, [found]))
        committed(done[-1])
    return done


def _last_states(done: Sequence[Batch]) -> dict[str, TicketState]:
    states = [decode(TicketState, value) for value in _values(done, NAMES.state)]
    return {state.ticket_id: state for state in states}


@settings(max_examples=60)
@given(_streams(), st.lists(st.sampled_from(["read on", "commit", "rewind"]), min_size=17, max_size=17))
def test_batches_in_flight_and_rewinds_change_nothing(records: list[Record], between: list[str]) -> None:
    """What was dropped is begun again and says the same; what was committed is not said twice."""
    expected = _alone(records)
    given, done, pending, epoch = _rig(), list[Batch](), list[tuple[Record, Batch]](), 1
    for found, then in zip(records, between, strict=False):
        pending.append((found, _worked(given, [found], epoch)))
        if then == "rewind":
            epoch += 1
            pending = [(again, _worked(given, [again], epoch)) for again, _ in pending]
        if then == "commit":
            for _, whole in pending:
                committed(whole)
                done.append(whole)
            pending = []
    done += [whole for _, whole in pending]
    for topic in (NAMES.insights, NAMES.corrections, NAMES.state):
        assert _values(done, topic) == _values(expected, topic)


@settings(max_examples=60)
@given(_streams())
def test_insights_add_up_to_what_the_state_says(records: list[Record]) -> None:
    done = _alone(records)
    told = [decode(Insight, value) for value in _values(done, NAMES.insights)]
    keys = Counter((one.ticket_id, one.feedback_id) for one in told)
    for ticket_id, state in _last_states(done).items():
        own = [one for one in told if one.ticket_id == ticket_id]
        assert sum(one.is_first_assignment for one in own) == (state.first_owner is not None)
        assert sum(one.is_reassignment for one in own) == state.reassigned
        if own:
            assert (own[-1].owner, own[-1].reassigned) == (state.assigned_team, state.reassigned)
            assert own[-1].first_assignment_right == state.first_assignment_right
            assert [one.at for one in own] == sorted(one.at for one in own)
            assert {(ticket_id, name) for name in state.feedback_ids} <= keys.keys()


@settings(max_examples=60)
@given(_streams())
def test_a_correction_names_another_owner_than_was_decided_and_is_known_to_its_ticket(
    records: list[Record],
) -> None:
    done = _alone(records)
    states = _last_states(done)
    for value in _values(done, NAMES.corrections):
        found = decode(Correction, value)
        assert found.ticket_id is not None
        assert (found.owner == found.decided_owner) == (found.kind == "confirmed")
        assert (found.text is None) == (found.kind == "confirmed")
        assert found.feedback_id in states[found.ticket_id].correction_ids


@settings(max_examples=40)
@given(_streams())
def test_the_past_of_a_ticket_again_teaches_nothing(records: list[Record]) -> None:
    """Acts that are read again, as after offsets were lost: all that is older than the last one, and that one."""
    given = _rig()
    done = [_worked(given, [found]) for found in records]
    for whole in done:
        committed(whole)
    states = _last_states(done)
    for found in records:
        act = json.loads(found.value() or b"")
        state = states.get(act["ticket_id"])
        if found.topic() != NAMES.feedback or state is None or state.feedback_at is None:
            continue
        last_ms = epoch_ms_of(state.feedback_at)
        if act["at"] < last_ms or (act["at"] == last_ms and act["feedback_id"] in state.feedback_ids):
            assert _worked(given, [found]).outputs == []


@settings(max_examples=40)
@given(_streams(), st.integers(0, 17))
def test_a_worker_that_takes_over_goes_on_as_the_last_one_would_have(
    records: list[Record], handover: int
) -> None:
    expected = _alone(records)
    kafka = FakeKafka()
    kafka.make(NAMES.state, 1)
    before, done = _rig(), list[Batch]()
    for found in records[:handover]:
        done.append(_worked(before, [found]))
        committed(done[-1])
        for output in done[-1].outputs:
            if output.topic == NAMES.state:
                kafka.append(NAMES.state, 0, output.key, output.value)
    after = _rig()
    table = table_of(kafka)
    table.restore([0])
    path = replace(after.path, intake=replace(after.path.intake, table=table))
    for found in records[handover:]:
        done.append(batch([found]))
        route(done[-1], path)
        committed(done[-1])
    for topic in (NAMES.insights, NAMES.corrections, NAMES.state):
        assert _values(done, topic) == _values(expected, topic)
