"""Articles: when one names a cluster, by likeness, by people's word, and what stays."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.generation import Cluster, NamedBy
from models.recluster.articles import Articles, NearPolicy, named_by
from models.recluster.history import Group, History
from models.recluster.naming import names_of
from models.vote import Vectors, settle
from tests.fakes.generations import blobs

_EACH, _DIM = 8, 16
_POLICY = NearPolicy()


def _members(count: int = 3) -> tuple[list[np.ndarray], Vectors]:
    """So many clusters of eight tickets, each around an axis of its own."""
    vectors, _ = blobs(np.eye(_DIM, dtype=np.float32)[:count], _EACH, spread=0.1, seed=0)
    return [np.arange(_EACH) + _EACH * number for number in range(count)], settle(vectors)


def _articles(*vectors: Sequence[float]) -> Articles:
    rows = np.zeros((len(vectors), _DIM), dtype=np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        row[: len(vector)] = np.array(vector) / np.linalg.norm(vector)
    ids = [f"KB-{number}" for number in range(len(vectors))]
    return Articles(ids, [f"Title {number}" for number in range(len(vectors))], settle(rows))


@pytest.mark.parametrize("count", [3, 12], ids=["few clusters", "many, what they share taken off"])
@pytest.mark.parametrize(
    ("articles", "expected"),
    [
        pytest.param(_articles([1], [0, 1]), {0: 0, 1: 1}, id="each its own"),
        pytest.param(_articles([1, 0, 0.97]), {}, id="between two clusters"),
        pytest.param(_articles([1, 0.1], [1, -0.1]), {}, id="two articles of one cluster"),
        pytest.param(_articles([0] * 15 + [1]), {}, id="an article of no cluster"),
        pytest.param(_articles(), {}, id="no articles"),
        pytest.param(
            _articles([0, 0, 1], [0, 0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), {2: 0}, id="and one beside"
        ),
    ],
)
def test_an_article_must_be_near_and_nearer_than_others(
    articles: Articles, expected: dict[int, int], count: int
) -> None:
    members, vectors = _members(count)
    assert named_by(members, vectors, [None] * len(vectors), articles, {}, _POLICY) == expected


@pytest.mark.parametrize(
    ("solved_by", "expected"),
    [
        pytest.param(
            ["KB-1"] * 3 + [None] * 5, 1, id="most of the solved ones name another than the nearest"
        ),
        pytest.param(["KB-1"] * 2 + [None] * 6, 0, id="two are too few"),
        pytest.param(["KB-1"] * 4 + [""] * 4, 0, id="half of the solved ones is not most"),
        pytest.param(["KB-1"] * 5 + [""] * 3, 1, id="more than half"),
        pytest.param(["KB-9"] * 8, 0, id="an article that is not there"),
    ],
)
def test_people_who_name_an_article_outweigh_likeness(solved_by: list[str | None], expected: int) -> None:
    members, vectors = _members()
    said = [*solved_by, *[None] * 16]
    assert named_by(members, vectors, said, _articles([1], [0] * 15 + [1]), {}, _POLICY)[0] == expected


def test_two_clusters_whose_people_name_one_article_both_have_it() -> None:
    """And it names no third by likeness."""
    members, vectors = _members()
    said: list[str | None] = [*["KB-0"] * 16, *[None] * 8]
    assert named_by(members, vectors, said, _articles([0, 0, 1]), {}, _POLICY) == {0: 0, 1: 0}


@pytest.mark.parametrize(
    ("before", "articles", "expected"),
    [
        pytest.param({1: "KB-0"}, _articles([1, 1]), {1: 0}, id="it stays though it is not near enough"),
        pytest.param({1: "KB-7"}, _articles([1, 1]), {}, id="it is gone"),
        pytest.param({1: "KB-0"}, _articles([1]), {0: 0}, id="another cluster has it now"),
        pytest.param({1: "KB-0"}, _articles([1, 0, 0.97], [0, 1]), {1: 1}, id="the cluster has another now"),
    ],
)
def test_what_a_cluster_was_named_by(
    before: dict[int, str], articles: Articles, expected: dict[int, int]
) -> None:
    members, vectors = _members()
    assert named_by(members, vectors, [None] * 24, articles, before, _POLICY) == expected


# -- the name


def _named(
    was: dict[int, Cluster], articles: Articles | None, problem: str | None = None
) -> list[tuple[str, NamedBy, str | None]]:
    members, vectors = _members()
    words = ["refund missing", "login code", "slow parcel"]
    history = History(
        vectors, [words[row // _EACH] for row in range(24)], [None] * 24, np.zeros(24, dtype=np.int64)
    )
    groups = [Group(rows, None, problem if number == 0 else None) for number, rows in enumerate(members)]
    return [(one.name, one.named, one.kb_article_id) for one in names_of(groups, history, was, articles)]


_CLUSTER = Cluster("c-0", "old words", None, 8)
_BY_ARTICLE = replace(_CLUSTER, name="Old title", named=NamedBy.ARTICLE, kb_article_id="KB-0")


@pytest.mark.parametrize(
    ("was", "articles", "problem", "expected"),
    [
        pytest.param(None, None, None, ("refund missing", NamedBy.TERMS, None), id="new: its own words"),
        pytest.param(_CLUSTER, None, None, ("old words", NamedBy.TERMS, None), id="words stay"),
        pytest.param(
            _CLUSTER, _articles([1]), None, ("Title 0", NamedBy.ARTICLE, "KB-0"), id="article for words"
        ),
        pytest.param(
            replace(_CLUSTER, named=NamedBy.PERSON),
            _articles([1]),
            None,
            ("old words", NamedBy.PERSON, None),
            id="never for a person's name",
        ),
        pytest.param(
            None, _articles([1]), "label", ("label", NamedBy.PERSON, None), id="nor for a person's label"
        ),
        pytest.param(
            _BY_ARTICLE,
            _articles([1]),
            None,
            ("Title 0", NamedBy.ARTICLE, "KB-0"),
            id="the title has changed",
        ),
        pytest.param(
            _BY_ARTICLE, _articles(), None, ("refund missing", NamedBy.TERMS, None), id="gone: words again"
        ),
        pytest.param(
            _BY_ARTICLE, None, None, ("Old title", NamedBy.ARTICLE, "KB-0"), id="nobody knows of articles"
        ),
    ],
)
def test_where_a_name_comes_from(
    was: Cluster | None,
    articles: Articles | None,
    problem: str | None,
    expected: tuple[str, NamedBy, str | None],
) -> None:
    name, named, article = _named({} if was is None else {0: was}, articles, problem)[0]
    assert (set(name.split(" · ")[0].split()), named, article) == (set(expected[0].split()), *expected[1:])
