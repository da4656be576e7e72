"""Open tickets: which may be repeated, which one is named, and when they are forgotten."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from agents.intake import Accepted, Intake
from agents.live import Live
from agents.metrics import declare
from agents.open_tickets import OpenTickets, Original
from agents.state import text_of
from models.routing.duplicates import COMMITTED, DAY_MS
from models.vote import Vectors
from schemas.codec import encode
from schemas.contract import time_of
from schemas.state import TicketState, TicketStatus
from tests.fakes.generations import unit, unit_rows
from tests.fakes.path import intake
from tests.fakes.records import NOW_MS, record, state, state_record, ticket

DIM = 4
EYE = np.eye(DIM, dtype=np.float32)
TEXT = "App closes when I open the camera"


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(clock: Clock) -> OpenTickets:
    return OpenTickets(DIM, COMMITTED, clock)


@pytest.fixture
def reads() -> Intake:
    return intake()


def told(reads: Intake, ticket_id: str, text: str = TEXT, event: str = "created", **more: object) -> Accepted:
    found = reads.read(record(ticket(ticket_id, event, text, **({"version": 1} | more))))
    assert isinstance(found, Accepted)
    return found


def asked(held: OpenTickets, events: Iterable[Accepted], at: Vectors = EYE[0]) -> list[str | None]:
    """What the events of one batch repeat; all have the same vector."""
    batch = list(events)
    found = held.originals(batch, np.repeat(at[None, :], len(batch), axis=0))
    return [None if original is None else original.ticket_id for original in found]


def open_state(ticket_id: str, at: Vectors = EYE[0], **more: object) -> TicketState:
    return state(ticket_id, **({"text": TEXT, "vector": text_of(at)} | more))


# -- what is repeated


def test_a_new_ticket_repeats_an_open_one_that_says_the_same(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("old"))
    (found,) = held.originals([told(reads, "new")], EYE[:1])
    assert isinstance(found, Original)
    assert found.ticket_id == "old"
    assert COMMITTED.at <= found.score <= 1


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("Where is my parcel?", unit(0.2, 1, 0, 0), id="another problem"),
        pytest.param("App closes when I pay", unit(0.5, 1, 0, 0), id="alike in words"),
    ],
)
def test_one_that_says_something_else_repeats_nothing(
    held: OpenTickets, reads: Intake, text: str, at: Vectors
) -> None:
    held.on_open(open_state("old"))
    assert asked(held, [told(reads, "new", text)], at) == [None]


def test_nobody_repeats_where_nothing_is_open(held: OpenTickets, reads: Intake) -> None:
    assert asked(held, [told(reads, "new")]) == [None]
    assert asked(held, []) == []


def test_the_likeliest_is_named(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("other customer", customer_id="c-2"))
    held.on_open(open_state("same customer", customer_id="c-1"))
    held.on_open(open_state("nobody's"))
    assert asked(held, [told(reads, "new", customer_id="c-1")]) == ["same customer"]


def test_a_ticket_never_repeats_itself(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("t"))
    assert asked(held, [told(reads, "t")]) == [None]
    assert asked(held, [told(reads, "t", event="updated", version=2)]) == [None]


def test_tickets_of_one_batch_see_each_other_in_their_order(held: OpenTickets, reads: Intake) -> None:
    assert asked(held, [told(reads, "a"), told(reads, "b"), told(reads, "c")]) == [None, "a", "a"]


def test_a_batch_is_seen_by_the_next_one_at_once(held: OpenTickets, reads: Intake) -> None:
    asked(held, [told(reads, "a")])
    assert asked(held, [told(reads, "b")]) == ["a"]
    assert len(held) == 2


def test_a_batch_begun_again_names_the_same(held: OpenTickets, reads: Intake) -> None:
    batch = [told(reads, name) for name in "abc"]
    first = asked(held, batch)
    assert asked(held, batch) == first == [None, "a", "a"]


def test_a_ticket_that_ends_in_its_batch_is_not_repeated_behind_that(
    held: OpenTickets, reads: Intake
) -> None:
    batch = [
        told(reads, "a"),
        told(reads, "b"),
        told(reads, "a", "", "resolved", version=9, resolution="done"),
        told(reads, "c"),
    ]
    assert asked(held, batch) == [None, "a", None, "b"]
    assert asked(held, [told(reads, "d")]) == ["b"]


@pytest.mark.parametrize("end", ["resolved", "closed", "deleted"])
def test_a_ticket_that_ended_is_not_repeated(held: OpenTickets, reads: Intake, end: str) -> None:
    asked(held, [told(reads, "a")])
    asked(held, [told(reads, "a", "", end, version=9)])
    assert len(held) == 0
    assert asked(held, [told(reads, "b")]) == [None]


def test_a_ticket_opened_again_may_be_repeated_again(held: OpenTickets, reads: Intake) -> None:
    asked(held, [told(reads, "a")])
    asked(held, [told(reads, "a", "", "resolved", version=9)])
    asked(held, [told(reads, "a", "", "updated", version=10)])
    assert asked(held, [told(reads, "b")]) == ["a"]


def test_a_ticket_updated_within_its_batch_stands_as_it_was_updated(held: OpenTickets, reads: Intake) -> None:
    vectors = np.stack([EYE[0], EYE[1], EYE[0], EYE[1]])
    batch = [
        told(reads, "a", version=1),
        told(reads, "a", "Where is my parcel?", "updated", version=2),
        told(reads, "b"),
        told(reads, "c", "Where is my parcel?"),
    ]
    found = held.originals(batch, vectors)
    assert [one and one.ticket_id for one in found] == [None, None, None, "a"]


# -- chains


def test_who_repeats_a_duplicate_repeats_what_that_repeats(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("oldest", EYE[1]))  # unlike the new one
    held.on_open(open_state("old", duplicate_of="oldest"))
    assert asked(held, [told(reads, "new")]) == ["oldest"]


def test_a_chain_ends_where_its_next_is_open_no_longer(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("old", duplicate_of="solved long ago"))
    assert asked(held, [told(reads, "new")]) == ["old"]


def test_a_ticket_is_no_duplicate_of_one_that_repeats_it(held: OpenTickets, reads: Intake) -> None:
    asked(held, [told(reads, "a"), told(reads, "b")])
    assert asked(held, [told(reads, "a", event="updated", version=9)]) == [None]
    assert asked(held, [told(reads, "b", event="updated", version=9)]) == ["a"]


def test_a_circle_of_duplicates_ends(held: OpenTickets, reads: Intake) -> None:
    held.on_open(open_state("a", duplicate_of="b"))
    held.on_open(open_state("b", duplicate_of="a"))
    (found,) = asked(held, [told(reads, "new")])
    assert found in {"a", "b"}


def test_an_update_does_not_make_a_ticket_repeat_a_younger_one(held: OpenTickets, reads: Intake) -> None:
    asked(held, [told(reads, "first", "Where is my parcel?", created_at=NOW_MS - DAY_MS)], EYE[1])
    asked(held, [told(reads, "second")])
    update = told(reads, "first", TEXT, "updated", version=9, created_at=NOW_MS - DAY_MS)
    assert asked(held, [update]) == [None]


# -- the horizon


def test_what_is_older_than_the_horizon_is_not_held(held: OpenTickets, reads: Intake, clock: Clock) -> None:
    young, old = (time_of(NOW_MS - days * DAY_MS) for days in (13, 15))
    held.on_open(open_state("young", created_at=young))
    held.on_open(open_state("old", created_at=old))
    assert len(held) == 1
    clock.ms += 2 * DAY_MS
    assert asked(held, [told(reads, "new", created_at=clock.ms)]) == [None]
    assert len(held) == 1  # the new one


def test_tickets_created_further_apart_are_not_compared(held: OpenTickets, reads: Intake) -> None:
    """As when a history is imported: the ticket asked about is itself older than what is open."""
    held.on_open(open_state("open"))
    assert asked(held, [told(reads, "imported", created_at=NOW_MS - 20 * DAY_MS)]) == [None]
    assert len(held) == 1


def test_a_ticket_with_a_new_date_stays_as_long_as_that_says(
    held: OpenTickets, reads: Intake, clock: Clock
) -> None:
    held.on_open(open_state("t", created_at=time_of(NOW_MS - 13 * DAY_MS)))
    held.on_open(open_state("t"))
    clock.ms += 5 * DAY_MS
    assert asked(held, [told(reads, "new", created_at=clock.ms)]) == ["t"]
    clock.ms += 10 * DAY_MS
    asked(held, [])
    assert asked(held, [told(reads, "later", created_at=clock.ms)]) == ["new"]


def test_without_a_horizon_nothing_is_held_nor_found(reads: Intake, clock: Clock) -> None:
    held = OpenTickets(DIM, replace(COMMITTED, horizon_ms=0), clock)
    assert not held.wants(encode(open_state("t")))
    assert asked(held, [told(reads, "a"), told(reads, "b")]) == [None, None]
    assert len(held) == 0


@pytest.mark.parametrize(
    ("age_days", "wanted"), [pytest.param(13.99, True, id="younger"), pytest.param(14.01, False, id="older")]
)
def test_the_bytes_of_a_state_tell_its_age(held: OpenTickets, age_days: float, wanted: bool) -> None:
    """Without decoding; a text that holds the same words cannot be taken for the field."""
    said = open_state(
        "t", created_at=time_of(NOW_MS - round(age_days * DAY_MS)), text='"created_at":"2000-01-01T00:00:00Z"'
    )
    assert held.wants(encode(said)) is wanted


def test_what_does_not_say_its_age_is_looked_at(held: OpenTickets) -> None:
    assert held.wants(b'{"status":"open"}')


# -- what all tickets have in common


def test_what_is_common_is_learnt_from_what_is_read(clock: Clock, reads: Intake) -> None:
    """Of a company whose tickets all look alike to the encoder, a new one repeats only what says the same."""
    held, rows = OpenTickets(16, COMMITTED, clock), unit_rows(70, 16, 1)
    rows = unit_rows(1, 16, 2) + 0.4 * rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    words = ["camera", "refund", "parcel", "password", "invoice", "speaker", "router"]
    said = [f"please help me with {words[n % 7]} {n * 7919}" for n in range(70)]
    for number in range(60):
        held.on_open(open_state(f"t-{number}", rows[number], text=said[number]))
    alike = [told(reads, f"early-{n}", said[n]) for n in range(60, 65)]
    early = held.originals(alike, rows[60:65])
    for number in range(60, 65):
        held.on_open(open_state(f"t-{number}", rows[number], text=said[number]))
    late = held.originals([told(reads, "late", said[66])], rows[66:67])
    same = held.originals([told(reads, "same", said[3])], rows[3:4])
    assert all(early)
    assert late == [None]
    assert same[0] is not None
    assert same[0].ticket_id == "t-3"


def test_a_vector_of_another_length_is_refused(held: OpenTickets) -> None:
    with pytest.raises(ValueError, match="4 components"):
        held.on_open(open_state("t", EYE[0, :3]))
    assert len(held) == 0


# -- behind live


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def live(registry: CollectorRegistry, clock: Clock) -> Live:
    return Live("fake", DIM, declare(registry), now_ms=clock)


def test_live_holds_open_tickets_and_lets_them_go(
    live: Live, reads: Intake, registry: CollectorRegistry
) -> None:
    held = live.open_tickets
    live.on_state(state_record(open_state("a")))
    live.on_state(state_record(open_state("b", EYE[1])))
    assert registry.get_sample_value("sluice_open_tickets") == 2
    assert asked(held, [told(reads, "x")]) == ["a"]
    live.on_state(state_record(open_state("x", duplicate_of="a")))
    live.on_state(state_record(open_state("a", status=TicketStatus.SOLVED, resolution="done")))
    assert asked(held, [told(reads, "y")]) == ["x"]
    live.on_state(state_record(None, "x"))
    live.on_state(state_record(None, "y"))
    assert asked(held, [told(reads, "z")]) == [None]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"encoder": "theirs"}, id="of another encoder"),
        pytest.param({"vector": ""}, id="without a vector"),
        pytest.param({"created_at": time_of(NOW_MS - 30 * DAY_MS)}, id="too old"),
        pytest.param({"status": TicketStatus.CLOSED}, id="closed"),
        pytest.param({"vector": text_of(EYE[0, :3])}, id="that cannot be read"),
    ],
)
def test_what_live_does_not_hold_any_more(live: Live, changed: dict[str, object]) -> None:
    live.on_state(state_record(open_state("a")))
    assert len(live.open_tickets) == 1
    live.on_state(state_record(open_state("a").model_copy(update=changed)))
    assert len(live.open_tickets) == 0
