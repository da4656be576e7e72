"""The space of tickets, held against the densities of scipy and against problems that are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from models.emerging.space import Space, known_odds, learn_space, pair_odds, points_of, together
from tests.unit.emerging.company import PROBLEMS, Company, company

SPREAD = np.array([3.0, 0.8, 0.1])
SPACE = Space(
    origin=np.zeros(3),
    axes=np.eye(3),
    spread=SPREAD,
    problems=np.array([[1.0, 0.5, 0.0], [-2.0, 0.0, 0.3]]),
    shares=np.array([0.75, 0.25]),
    sizes=np.array([30.0, 10.0]),
)


@pytest.fixture(scope="module")
def made() -> Company:
    return company()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tickets_of_one_unknown_problem_are_as_likely_as_the_densities_say(count: int) -> None:
    points = np.random.default_rng(count).normal(size=(count, 3))
    # Along each axis the points share the problem's place: its variance stands in every cell of their covariance.
    wanted = sum(
        multivariate_normal(np.zeros(count), np.eye(count) + SPREAD[axis]).logpdf(points[:, axis])
        - norm.logpdf(points[:, axis]).sum()
        for axis in range(3)
    )
    assert together(SPACE, points.sum(axis=0), float(count)) == pytest.approx(wanted, abs=1e-9)


def test_a_pair_is_one_problem_against_two() -> None:
    one, other = np.random.default_rng(1).normal(size=(2, 3))
    wanted = together(SPACE, one + other, 2.0) - together(SPACE, one, 1.0) - together(SPACE, other, 1.0)
    assert pair_odds(SPACE, one, other[None, :])[0] == pytest.approx(float(wanted))


def test_a_known_problem_is_as_likely_as_the_density_says() -> None:
    point = np.array([0.4, -0.2, 0.9])
    wanted = [
        np.log(share)
        + norm.logpdf(point, place, np.sqrt(1 + 1 / size)).sum()
        - norm.logpdf(point, 0.0, 1.0).sum()
        for share, place, size in zip(SPACE.shares, SPACE.problems, SPACE.sizes, strict=True)
    ]
    assert known_odds(SPACE, point[None, :])[0] == pytest.approx(wanted)


def test_what_is_learnt_tells_problems_that_it_was_not_learnt_from(made: Company) -> None:
    space = learn_space(made.ready.generation)
    assert space is not None
    new = [points_of(space, made.vectors(problem, 10, 99)) for problem in (24, 25)]
    same = pair_odds(space, new[0][0], new[0][1:])
    apart = pair_odds(space, new[0][0], new[1])
    assert same.min() > 0.0 > apart.max()


def test_a_ticket_of_a_known_problem_is_likelier_of_it_than_of_one_nobody_knows(made: Company) -> None:
    space = learn_space(made.ready.generation)
    assert space is not None
    known = points_of(space, made.vectors(3, 20, 98))
    assert (known_odds(space, known).max(axis=1) > together(space, known, 1.0)).all()
    new = points_of(space, made.vectors(PROBLEMS, 20, 98))
    assert (known_odds(space, new).max(axis=1) < together(space, new, 1.0)).all()


def test_too_few_problems_teach_no_space(made: Company) -> None:
    generation = made.ready.generation
    rows = generation.exemplar_cluster < 4
    few = replace(
        generation,
        exemplars=generation.exemplars[rows],
        exemplar_cluster=generation.exemplar_cluster[rows],
        head=None,
    )
    assert learn_space(few) is None
