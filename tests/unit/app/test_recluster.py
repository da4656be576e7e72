"""What a reclustering reads of the state, keeps of too much of it, and refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.state import text_of
from app.recluster import Reclustered, _States, known_of, refusal_of, sampled
from models.errors import Fatal
from models.recluster.cluster import Fallback
from models.recluster.next_generation import NextGeneration
from models.recluster.word import Word
from schemas.contract import time_of
from schemas.decision import OutcomeName
from schemas.state import TicketState, TicketStatus
from tests.fakes.generations import generation, unit, unit_rows
from tests.fakes.records import record, state_record

_LAST = generation(
    ["billing", "access"], unit_rows(2, 4, seed=0), [(0, unit(1, 0, 0, 0)), (1, unit(0, 1, 0, 0))]
)

_AT_MS = 1_790_000_000_000


def _state(number: int, cluster: str | None = "c-0", **more: Any) -> TicketState:
    fields = {
        "ticket_id": f"T-{number:05}",
        "version": "1",
        "order": 1,
        "status": TicketStatus.OPEN,
        "title": "",
        "text": f"text {number}",
        "vector": text_of(unit(1, 2, 3, number)),
        "encoder": "e:1",
        "cluster_id": cluster,
        "created_at": time_of(_AT_MS + number),
        "updated_at": time_of(_AT_MS + 60_000 + number),
    }
    return TicketState.model_validate(fields | more)


def _made(moved: float = 0.0, fallback: Fallback | None = None) -> NextGeneration:
    return NextGeneration(_LAST, np.zeros(1, dtype=np.int64), 2, (), moved, fallback)


# -- what is read


def test_of_each_ticket_the_last_state_counts() -> None:
    read = _States()
    for held in (_state(1, "c-0"), _state(2, "c-0"), _state(1, "c-1")):
        read.feed(state_record(held))
    assert {one.ticket_id: one.cluster_id for one in read.states.values()} == {
        "T-00001": "c-1",
        "T-00002": "c-0",
    }
    assert read.unreadable == set()


def test_a_deleted_ticket_is_none_until_it_comes_again() -> None:
    read = _States()
    for held in (_state(1), None, _state(2), None):
        read.feed(state_record(held, "T-00001"))
    assert list(read.states) == [b"T-00002"]
    read.feed(state_record(_state(1)))
    assert list(read.states) == [b"T-00002", b"T-00001"]


def test_a_state_that_cannot_be_read_counts_once_and_no_longer_once_it_can() -> None:
    read = _States()
    read.feed(state_record(_state(1)))
    for value in (b"{", b'{"ticket_id": "words of a customer"}'):
        read.feed(record(value, key=b"T-00001", topic="tickets.state"))
    assert (read.states, read.unreadable) == ({}, {b"T-00001"})
    read.feed(state_record(_state(1)))
    assert (list(read.states), read.unreadable) == ([b"T-00001"], set())
    read.feed(record(b"{", key=b"T-00001", topic="tickets.state"))
    read.feed(state_record(None, "T-00001"))
    assert (read.states, read.unreadable) == ({}, set())


def test_a_state_of_a_newer_version_of_sluice_ends_it() -> None:
    """To recluster without what it says would be to take tickets out of their clusters."""
    newer = record(b'{"schema_version": 2}', key=b"T-00001", topic="tickets.state")
    with pytest.raises(Fatal, match=r"tickets\.state was written by another version of Sluice"):
        _States().feed(newer)


# -- whose it is


@pytest.mark.parametrize(
    ("state", "owner", "weight"),
    [
        pytest.param({}, None, 1.0, id="nobody has it"),
        pytest.param({"owner": "billing", "outcome": OutcomeName.ROUTE}, None, 1.0, id="only decided on"),
        pytest.param({"assigned_team": "access"}, "access", 1.0, id="assigned"),
        pytest.param({"assigned_team": "access", "reassigned": 2}, "access", 3.0, id="taken from somebody"),
        pytest.param({"assigned_team": "duty", "feedback_ids": ["f-1"]}, None, 1.0, id="only escalated"),
        pytest.param(
            {"assigned_team": "duty", "feedback_ids": ["f-1"], "first_owner": "access"},
            "access",
            1.0,
            id="assigned, then escalated",
        ),
        pytest.param(
            {"assigned_team": "access", "first_assignment_right": False},
            "access",
            3.0,
            id="decided otherwise",
        ),
        pytest.param(
            {"owner": "billing", "outcome": OutcomeName.ROUTE, "status": TicketStatus.SOLVED},
            "billing",
            1.0,
            id="solved where it was routed to",
        ),
        pytest.param(
            {"owner": "billing", "outcome": OutcomeName.PROPOSE, "status": TicketStatus.SOLVED},
            None,
            1.0,
            id="proposed, and nobody says who solved it",
        ),
        pytest.param(
            {"owner": "billing", "senior": "leads", "assigned_team": "leads"},
            "billing",
            1.0,
            id="the owner's senior",
        ),
    ],
)
def test_whose_a_ticket_is_people_say(state: dict[str, Any], owner: str | None, weight: float) -> None:
    known = known_of([_state(1, **state)], "g-1", Word())
    assert (known.history.owners[0], known.weight.tolist()) == (owner, [weight])


def test_the_columns_are_those_of_the_states() -> None:
    known = known_of(
        [_state(1, "c-1"), _state(2, "c-gone"), _state(3, None, generation_id="g-1")], "g-1", Word()
    )
    assert known.ids == ["c-1", "c-gone", None]
    assert known.current.tolist() == [False, False, True]
    assert known.history.vectors.shape == (3, 4)
    assert known.history.created_at_ms.tolist() == [_AT_MS + 1, _AT_MS + 2, _AT_MS + 3]


def test_all_are_kept_where_there_is_room() -> None:
    states = [_state(number) for number in (3, 1, 2)]
    assert [one.ticket_id for one in sampled(states, 3)] == ["T-00001", "T-00002", "T-00003"]


def test_of_too_many_the_newest_are_kept_and_some_of_each_cluster() -> None:
    rare = [_state(number, "c-1") for number in range(60)]  # older than all others
    many = [_state(100 + number, "c-0") for number in range(900)]
    kept = sampled([*rare, *many], 500)
    assert len(kept) == 500
    assert [one.ticket_id for one in kept if one.cluster_id == "c-1"] == [f"T-{n:05}" for n in range(10, 60)]
    assert [one.ticket_id for one in kept if one.cluster_id == "c-0"] == [
        f"T-{n:05}" for n in range(550, 1_000)
    ]
    named = sampled([*rare, *many], 500, {"T-00100"})  # the oldest of the many
    assert [one.ticket_id for one in named if one.cluster_id == "c-0"][:2] == ["T-00100", "T-00551"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(_made(), None, id="nothing moves"),
        pytest.param(_made(moved=0.1), None, id="as much as may"),
        pytest.param(
            _made(moved=0.101), "10.1% of the tickets would get another owner, and 10.0% may", id="more"
        ),
        pytest.param(
            _made(fallback=Fallback.COLLAPSED), "clustering collapsed: k-means took its place", id="guard"
        ),
    ],
)
def test_what_is_refused(made: NextGeneration, said: str | None) -> None:
    assert refusal_of(made, 0.1) == said


def test_the_report_holds_no_text() -> None:
    found = Reclustered("g-1", replace(_made(), moved=0.5), None, 3, 2, {"no_text": 1})
    assert "text 1" not in str(found.report())
    assert "problem 0" not in str(found.report())  # nor a cluster's name, which is made of texts
    assert found.report()["moved"] == 0.5
