"""Which tickets are clustered where there are too many."""

from hypothesis import given
from hypothesis import strategies as st

from models.recluster.sample import Traits, sample


def _tickets(first: int, count: int, cluster: str | None, **more: bool) -> list[Traits]:
    return [Traits(f"T-{n:05}", n, cluster, **more) for n in range(first, first + count)]


def _chosen(tickets: list[Traits], most: int, examples: set[str] | None = None) -> list[int]:
    return [tickets[number].created_at_ms for number in sample(tickets, most, examples or set())]


def test_all_are_kept_where_there_is_room() -> None:
    assert _chosen(_tickets(0, 3, "c-0"), 3) == [0, 1, 2]


def test_some_of_each_cluster_are_kept_and_then_the_newest() -> None:
    rare, many = _tickets(0, 60, "c-1"), _tickets(100, 900, "c-0")  # the rare ones are the oldest
    assert _chosen([*rare, *many], 500) == [*range(10, 60), *range(550, 1_000)]


def test_an_example_is_kept_before_all_others() -> None:
    many = _tickets(0, 900, "c-0")
    assert _chosen(many, 500, {"T-00001"}) == [1, *range(401, 900)]
    crowded = [ticket for n in range(40) for ticket in _tickets(1 + n * 50, 50, f"c-{n}")]
    assert 1 in _chosen([*crowded, *_tickets(0, 1, "c-0")], 500, {"T-00001"})


def test_handled_and_unexplained_tickets_have_seats_of_their_own() -> None:
    handled, odd = _tickets(0, 300, "c-0", handled=True), _tickets(300, 300, "c-0", unexplained=True)
    many = _tickets(600, 2_000, "c-0")
    kept = _chosen([*handled, *odd, *many], 450)  # 50 of the cluster, 100 and 100 with seats, 200 others
    assert kept == [*range(200, 300), *range(500, 600), *range(2_350, 2_600)]


def test_seats_that_stay_empty_go_to_the_newest() -> None:
    handled, many = _tickets(0, 10, "c-0", handled=True), _tickets(10, 990, "c-0")
    assert _chosen([*handled, *many], 450) == [*range(10), *range(560, 1_000)]


_TICKETS = st.lists(
    st.builds(
        Traits,
        ticket_id=st.uuids().map(str),
        created_at_ms=st.integers(0, 200),
        cluster_id=st.sampled_from(["c-0", "c-1", None]),
        handled=st.booleans(),
        unexplained=st.booleans(),
    ),
    unique_by=lambda ticket: ticket.ticket_id,
    min_size=100,
    max_size=400,
)


@given(_TICKETS, st.integers(60, 160), st.integers(0, 400))
def test_whoever_is_not_chosen_from_some_is_not_chosen_from_all(
    tickets: list[Traits], most: int, some: int
) -> None:
    chosen = {tickets[number].ticket_id for number in sample(tickets, most)}
    part = tickets[:some]
    kept = {part[number].ticket_id for number in sample(part, most)}
    assert len(chosen) == min(most, len(tickets))
    assert chosen & {ticket.ticket_id for ticket in part} <= kept
