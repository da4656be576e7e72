"""What a reclustering reads of the state, and keeps of too much of it."""

from typing import Any

import numpy as np
import pytest

from agents.state import text_of
from app.all_states import States, known_of
from models.errors import Fatal
from models.recluster.cluster import Fallback
from models.recluster.next_generation import NextGeneration
from models.recluster.sample import Traits, sample
from models.recluster.word import Word
from schemas.contract import epoch_ms_of, time_of
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
        "encoder": "fake",
        "cluster_id": cluster,
        "created_at": time_of(_AT_MS + number),
        "updated_at": time_of(_AT_MS + 60_000 + number),
    }
    return TicketState.model_validate(fields | more)


def _made(moved: float = 0.0, fallback: Fallback | None = None) -> NextGeneration:
    return NextGeneration(_LAST, np.zeros(1, dtype=np.int64), 2, (), moved, fallback)


# -- what is read


def _read(most: int = 100, examples: frozenset[str] = frozenset()) -> States:
    return States(_LAST, most, examples)


def _ids(read: States) -> list[str]:
    return [state.ticket_id for state in read.chosen()]


def test_of_each_ticket_the_last_state_counts() -> None:
    read = _read()
    for held in (_state(1, "c-0"), _state(2, "c-0"), _state(1, "c-1")):
        read.feed(state_record(held))
    found = {one.ticket_id: one.cluster_id for one in read.chosen()}
    assert found == {"T-00001": "c-1", "T-00002": "c-0"}
    assert (len(read), read.left_out()) == (2, {})


def test_a_deleted_ticket_is_none_until_it_comes_again() -> None:
    read = _read()
    for held in (_state(1), None, _state(2), None):
        read.feed(state_record(held, "T-00001"))
    assert _ids(read) == ["T-00002"]
    read.feed(state_record(_state(1)))
    assert _ids(read) == ["T-00001", "T-00002"]


def test_a_state_that_cannot_be_read_counts_once_and_no_longer_once_it_can() -> None:
    read = _read()
    read.feed(state_record(_state(1)))
    for value in (b"{", b'{"ticket_id": "words of a customer"}'):
        read.feed(record(value, key=b"T-00001", topic="tickets.state"))
    assert (_ids(read), len(read), read.left_out()) == ([], 1, {"unreadable": 1})
    read.feed(state_record(_state(1)))
    assert (_ids(read), read.left_out()) == (["T-00001"], {})
    read.feed(record(b"{", key=b"T-00001", topic="tickets.state"))
    read.feed(state_record(None, "T-00001"))
    assert (_ids(read), len(read), read.left_out()) == ([], 0, {})


@pytest.mark.parametrize(
    ("state", "why"),
    [
        pytest.param({"encoder": "e:2"}, "another_encoder", id="another encoder"),
        pytest.param({"text": ""}, "no_text", id="nothing to read"),
        pytest.param({"vector": text_of(unit(1, 0))}, "bad_vector", id="a vector of another length"),
        pytest.param({"vector": "!"}, "bad_vector", id="no vector"),
    ],
)
def test_what_cannot_be_clustered_is_left_out_with_its_reason(state: dict[str, Any], why: str) -> None:
    read = _read()
    read.feed(state_record(_state(1, **state)))
    assert (_ids(read), len(read), read.left_out()) == ([], 1, {why: 1})


def test_a_state_of_a_newer_version_of_sluice_ends_it() -> None:
    """To recluster without what it says would be to take tickets out of their clusters."""
    newer = record(b'{"schema_version": 2}', key=b"T-00001", topic="tickets.state")
    with pytest.raises(Fatal, match=r"tickets\.state was written by another version of Sluice"):
        _read().feed(newer)


def test_of_too_many_few_are_held_while_they_are_read_and_the_same_are_chosen() -> None:
    states = [_state(number, f"c-{number % 7}") for number in range(2_000)]
    few, all_ = _read(400, frozenset({"T-00003"})), _read(2_000)
    for held in states:
        few.feed(state_record(held))
        all_.feed(state_record(held))
        assert len(few) - few.left_out().get("sampled_out", 0) <= 500
    traits = [Traits(s.ticket_id, epoch_ms_of(s.created_at), s.cluster_id) for s in all_.chosen()]
    assert _ids(few) == [traits[number].ticket_id for number in sample(traits, 400, {"T-00003"})]
    assert (len(few), few.left_out()) == (2_000, {"sampled_out": 1_600})


def test_a_ticket_that_was_left_out_comes_again_with_its_next_state() -> None:
    read = _read(60)
    for number in range(200):
        read.feed(state_record(_state(number)))
    assert "T-00000" not in _ids(read)
    read.feed(state_record(_state(0, created_at=time_of(_AT_MS + 1_000))))
    assert "T-00000" in _ids(read)
    assert (len(read), read.left_out()) == (200, {"sampled_out": 140})


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
