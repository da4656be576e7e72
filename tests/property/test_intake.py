"""Laws of intake: what is said of a ticket does not hang on how its events fell into batches, nor on who reads them."""

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.emit import Stamp, state_record
from agents.feedback import after_event
from agents.intake import Accepted, Intake, Refused, Skipped, known_after
from agents.tables import Known, Place
from agents.wire import Record
from models.routing.decide import DecidePolicy, Facts, decide
from models.routing.match import Match
from tests.fakes.generations import generation
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, intake, table_of
from tests.fakes.records import NOW_MS, record, ticket

_KINDS = ("created", "updated", "resolved", "closed", "deleted")
_SOLVED_BY = ("assigned_team", "resolution", "kb_article_id")
_GENERATION = generation(["billing"], np.eye(1, 4, dtype=np.float32), [])
_STAMP = Stamp(NAMES, "worker-1", "fake", NOW_MS)


def _events(kinds: Sequence[str]) -> st.SearchStrategy[list[Record]]:
    """Events of two tickets, in any order of versions: some counted, some timed, some by their publishing alone."""
    values = st.builds(
        lambda ticket_id, kind, text, rank, solved: ticket(ticket_id, kind, text, **rank, **solved),
        st.sampled_from(["t-1", "t-2"]),
        st.sampled_from(kinds),
        st.sampled_from(["", "the app crashes", "the lock is offline"]),
        st.fixed_dictionaries({}, optional={"version": st.integers(0, 5)})
        | st.fixed_dictionaries({"updated_at": st.integers(NOW_MS, NOW_MS + 2)}),
        st.fixed_dictionaries(
            {},
            optional={
                "customer_id": st.sampled_from(["c-1", "c-2"]),
                "assigned_team": st.sampled_from(["mobile", "locks"]),
                "resolution": st.sampled_from(["reinstall", "restart"]),
                "kb_article_id": st.sampled_from(["kb-1", "kb-2"]),
            },
        ),
    )
    return st.lists(values, max_size=12).map(
        lambda found: [record(value, at, timestamp_ms=at // 3) for at, value in enumerate(found)]
    )


def _said(result: object) -> str:
    """All that the rest of the path could tell results apart by."""
    if isinstance(result, Accepted):
        return repr((result.kind, result.version, result.order, result.ticket))
    return result.error.reason if isinstance(result, Refused) else repr(result)


def _commit(reader: Intake, accepted: list[Accepted]) -> None:
    reader.table.settle({event.place: known_after(event) for event in accepted})


@given(
    _events(_KINDS), st.lists(st.sampled_from(["read on", "commit", "new epoch"]), min_size=12, max_size=12)
)
def test_staged_or_settled_the_same_is_known(records: list[Record], between: list[str]) -> None:
    """One batch without end, or batches with commits, rewinds after commits, and others in flight between them."""
    whole, cut = intake(), intake()
    whole.table.begin(1)
    expected = [_said(whole.read(found)) for found in records]
    epoch, pending, said = 1, list[Accepted](), list[str]()
    for found, then in zip(records, between, strict=False):
        cut.table.begin(epoch)
        result = cut.read(found)
        said.append(_said(result))
        pending += [result] if isinstance(result, Accepted) else []
        if then != "read on":
            _commit(cut, pending)
            pending, epoch = [], epoch + (then == "new epoch")
    assert said == expected


def _kept(event: Accepted, before: Known | None) -> tuple[bytes | None, bytes | None]:
    """The record of `tickets.state` that the event leads to."""
    facts = Facts(event.place[1], event.version, None, event.ticket.created_at_ms)
    decided = decide(
        Match((), -1.0, 0.0, -1.0, taught=False), _GENERATION, facts, DecidePolicy(), generation_id="g-1"
    )
    known, _ = after_event(event, before, decided, NOW_MS, frozenset())
    output = state_record(event.place, known, np.zeros(4, dtype=np.float32), _STAMP, None)
    return output.key, output.value


@settings(deadline=None)
@given(_events(_KINDS[:-1]), st.integers(0, 12))
def test_a_worker_that_takes_over_knows_what_the_last_one_knew(records: list[Record], handover: int) -> None:
    """Nobody but a deleted ticket is forgotten: of that one nothing is kept, by intent."""
    whole = intake()
    whole.table.begin(1)
    expected = [_said(whole.read(found)) for found in records]
    kafka = FakeKafka()
    kafka.make(NAMES.state, 1)
    before = intake()
    before.table.begin(1)
    said = []
    for found in records[:handover]:
        result = before.read(found)
        said.append(_said(result))
        if isinstance(result, Accepted):
            kafka.append(NAMES.state, 0, *_kept(result, result.before))
    table = table_of(kafka)
    table.restore([0])
    after = intake(table)
    after.table.begin(1)
    said += [_said(after.read(found)) for found in records[handover:]]
    assert said == expected


@given(_events(_KINDS))
def test_versions_go_forward_and_none_is_worked_twice_in_a_row(records: list[Record]) -> None:
    reader = intake()
    reader.table.begin(1)
    accepted = [found for found in map(reader.read, records) if isinstance(found, Accepted)]
    for ticket_id in ("t-1", "t-2"):
        own = [event for event in accepted if event.place[1] == ticket_id]
        for earlier, later in pairwise(own):
            assert earlier.order <= later.order
            assert earlier.version != later.version


@given(_events(_KINDS))
def test_what_is_accepted_has_a_text_unless_it_is_deleted(records: list[Record]) -> None:
    reader = intake()
    reader.table.begin(1)
    for found in map(reader.read, records):
        if isinstance(found, Accepted):
            assert found.ticket.text or found.kind == "deleted"


@given(_events(_KINDS))
def test_reading_the_same_topic_again_accepts_nothing_but_what_never_was_news(records: list[Record]) -> None:
    """After the last known version of each ticket, its own past is repeated, late, or of the same rank."""
    reader = intake()
    reader.table.begin(1)
    first = [found for found in map(reader.read, records) if isinstance(found, Accepted)]
    last = {event.place: event for event in first}
    for found in map(reader.read, records):
        if isinstance(found, Accepted):
            assert found.order >= last[found.place].order


@given(_events(_KINDS[:-1]))
def test_an_end_says_last_what_was_said_last_since_the_ticket_was_last_open(records: list[Record]) -> None:
    """Resolution and article: of the ticket's last event that was no end, or of an end after it. The team: of the
    last event that named one."""
    reader = intake()
    reader.table.begin(1)
    said: dict[Place, dict[str, str]] = {}
    for found in records:
        result = reader.read(found)
        if not isinstance(result, Accepted):
            continue
        own = json.loads(found.value() or b"")
        lasting = _SOLVED_BY[:1] if result.asks_for_decision else _SOLVED_BY
        earlier = {name: value for name, value in said.get(result.place, {}).items() if name in lasting}
        said[result.place] = earlier | {name: own[name] for name in _SOLVED_BY if name in own}
        told = {name: getattr(result.ticket, name) for name in _SOLVED_BY}
        assert {name: value for name, value in told.items() if value is not None} == said[result.place]


@given(_events(("updated",)))
def test_two_changes_that_are_not_counted_are_one_only_if_they_say_the_same(records: list[Record]) -> None:
    """In whatever order their fields stand."""
    reader = intake()
    reader.table.begin(1)
    last: dict[Place, tuple[Accepted, object]] = {}
    for found in records:
        result, own = reader.read(found), json.loads(found.value() or b"")
        place = (0, own["ticket_id"])
        if result == Skipped("repeated") and last[place][0].version.startswith("h"):
            assert own == last[place][1]
        if isinstance(result, Accepted):
            if place in last and result.version.startswith("h"):
                assert own != last[place][1]
            last[place] = (result, own)
