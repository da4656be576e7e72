"""The pool: what it finds among known and odd tickets, and what it holds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from models.emerging.group import Newcomer, chance
from models.emerging.judge import MEASURES
from models.emerging.pool import EmergingPolicy, TriagePool
from models.exact import Floats
from tests.unit.emerging.company import HOUR_MS, PROBLEMS, Company, company

NEW = PROBLEMS


@pytest.fixture(scope="module")
def made() -> Company:
    return company()


def odd(tickets: list[Newcomer]) -> list[Newcomer]:
    """Known tickets that were decided on without confidence."""
    return [replace(ticket, confidence=0.3) for ticket in tickets]


def ids(tickets: list[Newcomer]) -> set[str]:
    return {ticket.ticket_id for ticket in tickets}


@pytest.fixture
def pool(made: Company) -> TriagePool:
    return TriagePool(made.ready, EmergingPolicy())


def test_odd_tickets_of_known_problems_are_no_new_one(made: Company, pool: TriagePool) -> None:
    for problem in range(6):
        assert pool.take(odd(made.tickets(problem, 6, 40))) == []
    assert len(pool) == 36


@pytest.mark.parametrize("problem", range(PROBLEMS, PROBLEMS + 4))
def test_a_new_problem_among_odd_tickets_is_found_before_its_eighth(
    made: Company, pool: TriagePool, problem: int
) -> None:
    for known in range(12):
        assert pool.take(odd(made.tickets(known, 2, 41))) == []
    new = made.tickets(problem, 7, 42)
    found = [group for ticket in new for group in pool.take([ticket])]
    assert found
    assert ids(found[0].members) == ids(new)


def test_what_comes_together_is_found_as_what_comes_one_by_one(made: Company) -> None:
    new = made.tickets(NEW, 12, 43)
    together, alone = (TriagePool(made.ready, EmergingPolicy()) for _ in range(2))
    together.take(new)
    for ticket in new:
        alone.take([ticket])
    assert [ids(group.members) for group in together.groups] == [ids(g.members) for g in alone.groups]
    assert ids(together.groups[0].members) == ids(new)


def test_confident_tickets_do_not_wait(made: Company, pool: TriagePool) -> None:
    pool.take(made.tickets(3, 9, 44))
    assert len(pool) == 0


def test_tickets_wait_for_a_window_and_no_more_of_them_than_the_policy_says(made: Company) -> None:
    policy = EmergingPolicy(window_ms=3 * HOUR_MS, most=16)
    pool = TriagePool(made.ready, policy)
    pool.take(odd([made.tickets(problem, 1, 45)[0] for problem in range(12)]))
    assert len(pool) == 12
    pool.take(odd(made.tickets(12, 1, 45, at_ms=4 * HOUR_MS)))
    assert len(pool) == 1
    for problem in range(20):
        pool.take(odd(made.tickets(problem, 1, 46, at_ms=4 * HOUR_MS)))
    assert len(pool) <= 16


def test_a_problem_slower_than_the_window_is_none(made: Company) -> None:
    pool = TriagePool(made.ready, EmergingPolicy(window_ms=3 * HOUR_MS))
    for ticket in made.tickets(NEW, 15, 47):  # one an hour: never five within three
        assert pool.take([ticket]) == []


def test_examples_are_of_different_texts_the_middle_first(made: Company, pool: TriagePool) -> None:
    new = made.tickets(NEW, 12, 48)
    (group,) = pool.take([replace(ticket, text=f"text {number % 4}") for number, ticket in enumerate(new)])
    examples = group.examples(5)
    assert sorted(ticket.text for ticket in examples) == ["text 0", "text 1", "text 2", "text 3"]
    assert len(group.examples(2)) == 2


def test_who_is_deleted_is_no_member_and_waits_no_more(made: Company, pool: TriagePool) -> None:
    new = made.tickets(NEW, 8, 49)
    (group,) = pool.take(new)
    assert pool.forget(new[0].ticket_id) == [group]
    assert new[0].ticket_id not in ids(group.members)
    assert pool.forget("unknown") == []
    waiting = odd(made.tickets(2, 1, 49))
    pool.take(waiting)
    pool.forget(waiting[0].ticket_id)
    assert len(pool) == 0


def test_a_closed_group_takes_nobody(made: Company, pool: TriagePool) -> None:
    (group,) = pool.take(made.tickets(NEW, 8, 50))
    pool.close(group)
    assert pool.take(made.tickets(NEW, 1, 51)) == []
    assert len(group.members) == 8


def test_few_are_expected_where_the_history_is_not(made: Company, pool: TriagePool) -> None:
    pool.take(made.tickets(3, 20, 52))
    (group,) = pool.take(made.tickets(NEW, 8, 52, at_ms=23 * HOUR_MS))
    exemplars = len(made.ready.generation.exemplars)
    came = 14 + 8  # those of the last 24 hours before the last: the first six came earlier
    assert pool.expected(group) == pytest.approx(came * 0.5 / (exemplars + 1))


def test_as_many_as_the_history_would_bring_are_no_news(made: Company) -> None:
    """The same tickets are told where that many by chance are rare enough, and not where that asks for more."""
    others = odd([ticket for known in range(12) for ticket in made.tickets(known, 2, 41)])
    new, asked = made.tickets(NEW, 9, 47), {}
    for chance_at in (0.0, 0.05):
        pool = TriagePool(made.ready, EmergingPolicy(chance=chance_at))
        pool.take(others)
        asked[chance_at] = pool.take(new)
    assert asked[0.0] == []
    (group,) = asked[0.05]
    assert 0.0 < chance(group.count, pool.expected(group)) < 0.05


def test_a_handful_that_is_not_sure_enough_is_judged_again_with_one_more_and_with_two(made: Company) -> None:
    noted: list[int] = []
    new = made.tickets(NEW, 9, 55)
    policy = EmergingPolicy(at=float("inf"))
    TriagePool(made.ready, policy, lambda tickets, _: noted.append(len(tickets))).take(new)
    assert noted == [5, 5, 6, *(3 * [5, 6, 7])]


def test_what_comes_among_many_others_is_less_sure_to_be_new(made: Company) -> None:
    def sooner(others: int) -> float:
        noted: list[Floats] = []
        pool = TriagePool(made.ready, EmergingPolicy(at=float("inf")), lambda _, found: noted.append(found))
        crowd = [replace(ticket, at_ms=0) for known in range(3) for ticket in made.tickets(known, 40, 56)]
        new = [replace(ticket, at_ms=0) for ticket in made.tickets(NEW, 5, 56)]
        pool.take(crowd[others:])
        pool.take(new[:1])
        pool.take(crowd[:others])
        pool.take(new[1:])
        return float(noted[-1][MEASURES.index("sooner")])

    assert sooner(0) == pytest.approx(np.log(5 / 125))
    assert sooner(100) == pytest.approx(np.log(105 / 125))


def test_the_chance_is_the_upper_tail_of_poisson() -> None:
    assert chance(0, 2.0) == 1.0
    assert chance(3, 2.0) == pytest.approx(1 - sum(poisson.pmf(count, 2.0) for count in range(3)))


def test_who_learns_is_told_of_every_handful_that_is_judged(made: Company) -> None:
    noted: list[tuple[set[str], int]] = []

    def note(tickets: Sequence[Newcomer], found: Floats) -> None:
        noted.append((ids(list(tickets)), len(found)))

    new = made.tickets(NEW, 6, 53)
    TriagePool(made.ready, EmergingPolicy(at=float("inf")), note).take(new)
    assert [len(handful) for handful, _ in noted] == [5, 5, 6]
    assert noted[0] == (ids(new[:5]), len(MEASURES))


def test_a_generation_that_says_too_little_judges_nothing(made: Company) -> None:
    bare = replace(made.ready, generation=replace(made.ready.generation, reference=()))
    pool = TriagePool(bare, EmergingPolicy())
    assert not pool.judges
    assert pool.take(made.tickets(NEW, 9, 54)) == []
