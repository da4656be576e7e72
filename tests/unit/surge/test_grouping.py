"""Which clusters are one surge, and which only happen to rise at once."""

import numpy as np
import pytest

from models.surge.grouping import Family, GroupingPolicy, Recent, Rising, families

NOW_S = 1_772_443_800
POLICY = GroupingPolicy()


def tickets(
    cluster_id: str, customers: list[str | None], product: str | None = None, at_s: int = NOW_S
) -> list[Recent]:
    return [
        Recent(f"{cluster_id}-{number}", cluster_id, customer, product, at_s)
        for number, customer in enumerate(customers)
    ]


def people(first: int, count: int) -> list[str | None]:
    return [f"p-{first + number}" for number in range(count)]


def calm(products: dict[str | None, int], of: int = 10_000) -> list[Recent]:
    """Tickets of clusters that do not rise, each of another one of so many customers."""
    named = [product for product, count in products.items() for _ in range(count)]
    return [
        Recent(f"calm-{number}", f"calm-{number % 7}", f"p-{500 + number % of}", product, NOW_S - 9_000)
        for number, product in enumerate(named)
    ]


def rising(cluster_id: str, after_s: int = 0, excess: float = 10.0, surge_id: str | None = None) -> Rising:
    return Rising(cluster_id, NOW_S - 3_600 + after_s, excess, surge_id)


MANY = calm({"web": 100, "mobile": 100, "iot": 20, None: 80})
ONE = calm({"web": 300})


@pytest.mark.parametrize(
    ("first", "second", "others", "after_s", "is_one", "product"),
    [
        pytest.param(
            tickets("a", people(0, 12)),
            tickets("b", people(6, 12)),
            MANY,
            0,
            True,
            None,
            id="half the customers",
        ),
        pytest.param(
            tickets("a", people(0, 12)),
            tickets("b", people(8, 12)),
            MANY,
            0,
            True,
            None,
            id="a third of them",
        ),
        pytest.param(
            tickets("a", people(0, 12)), tickets("b", people(9, 12)), MANY, 0, False, None, id="a quarter"
        ),
        pytest.param(
            tickets("a", people(0, 40)),
            tickets("b", people(0, 4)),
            MANY,
            0,
            True,
            None,
            id="all of the fewer",
        ),
        pytest.param(
            tickets("a", people(0, 4)),
            tickets("b", people(2, 4)),
            MANY,
            0,
            False,
            None,
            id="two may be chance",
        ),
        pytest.param(
            tickets("a", people(0, 12)),
            tickets("b", people(0, 12)),
            MANY,
            3_600,
            True,
            None,
            id="an hour apart",
        ),
        pytest.param(
            tickets("a", people(0, 12)), tickets("b", people(0, 12)), MANY, 3_601, False, None, id="later"
        ),
        pytest.param(
            tickets("a", people(500, 8)),
            tickets("b", people(500, 8)),
            calm({None: 300}, of=8),
            0,
            False,
            None,
            id="a company with eight customers",
        ),
        pytest.param(
            tickets("a", [None] * 12), tickets("b", [None] * 12), MANY, 0, False, None, id="nobody is known"
        ),
        pytest.param(
            tickets("a", people(0, 9), "iot"),
            tickets("b", people(50, 9), "iot"),
            MANY,
            0,
            True,
            "iot",
            id="one product",
        ),
        pytest.param(
            tickets("a", people(0, 9), "web"),
            tickets("b", people(50, 9), "web"),
            MANY,
            0,
            False,
            None,
            id="one that a third of all name",
        ),
        pytest.param(
            tickets("a", people(0, 9), "web"),
            tickets("b", people(50, 9), "web"),
            ONE,
            0,
            False,
            None,
            id="a company with one product",
        ),
        pytest.param(
            tickets("a", people(0, 9), "iot"),
            tickets("b", people(50, 6), "iot") + tickets("b", people(70, 3), "web"),
            MANY,
            0,
            False,
            None,
            id="two thirds of one of them",
        ),
        pytest.param(
            tickets("a", people(0, 9)),
            tickets("b", people(50, 9)),
            MANY,
            0,
            False,
            None,
            id="no product named",
        ),
        pytest.param(
            tickets("a", people(0, 9), "iot"),
            tickets("b", people(50, 9), "iot"),
            [],
            0,
            False,
            None,
            id="alone",
        ),
        pytest.param(
            tickets("a", people(0, 12)),
            tickets("b", people(0, 12), at_s=NOW_S - 40_000),
            MANY,
            0,
            False,
            None,
            id="the same customers before it rose",
        ),
    ],
)
def test_when_two_are_one(
    first: list[Recent],
    second: list[Recent],
    others: list[Recent],
    after_s: int,
    is_one: bool,
    product: str | None,
) -> None:
    found = families([rising("a"), rising("b", after_s)], [*first, *second, *others], POLICY)
    apart = [Family(("a",), None, None), Family(("b",), None, None)]
    assert found == ([Family(("a", "b"), None, product)] if is_one else apart)


SAME = [*tickets("a", people(0, 9)), *tickets("b", people(0, 9)), *tickets("c", people(0, 9)), *MANY]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([rising("b", 300), rising("a", 600)], ("b", "a"), id="the first leads"),
        pytest.param([rising("a"), rising("b", excess=11.0)], ("b", "a"), id="of equals the strongest"),
        pytest.param([rising("b"), rising("a")], ("a", "b"), id="of those the first by name"),
    ],
)
def test_who_leads(given: list[Rising], expected: tuple[str, ...]) -> None:
    assert families(given, SAME, POLICY) == [Family(expected, None, None)]


def test_what_rises_later_joins_the_open_surge() -> None:
    given = [rising("c"), rising("a", 1_200, surge_id="s-1"), rising("b", 600)]
    assert families(given, SAME, POLICY) == [Family(("a", "c", "b"), "s-1", None)]


def test_open_surges_stay_apart() -> None:
    given = [rising("a", surge_id="s-1"), rising("b", 300, surge_id="s-2")]
    assert families(given, SAME, POLICY) == [Family(("a",), "s-1", None), Family(("b",), "s-2", None)]


def test_a_chain_of_pairs_is_no_surge() -> None:
    recent = [*tickets("a", people(0, 9)), *tickets("b", people(5, 9)), *tickets("c", people(10, 9)), *MANY]
    found = families([rising("a"), rising("b", 60), rising("c", 120)], recent, POLICY)
    assert found == [Family(("a", "b"), None, None), Family(("c",), None, None)]


def test_those_who_report_at_random_are_rarely_one() -> None:
    """Pairs of clusters whose customers are drawn from 200 that report by Zipf's law: what the lift is for."""
    chance = np.random.default_rng(7)
    weight = 1 / np.arange(1, 201)
    weight /= weight.sum()

    def drawn(cluster_id: str, count: int) -> list[Recent]:
        return tickets(cluster_id, [f"p-{one}" for one in chance.choice(200, count, p=weight)])

    together = 0
    for _ in range(200):
        recent = [*drawn("a", 30), *drawn("b", 30), *drawn("calm", 2_000)]
        together += len(families([rising("a"), rising("b")], recent, POLICY)) == 1
    assert together == 0
    unbound = GroupingPolicy(lift=0.0)
    recent = [*drawn("a", 30), *drawn("b", 30), *drawn("calm", 2_000)]
    assert len(families([rising("a"), rising("b")], recent, unbound)) == 1
