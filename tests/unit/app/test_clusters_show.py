"""`sluice clusters show` and what is said on the command line: what a person reads, and which lists are none."""

from dataclasses import replace

import pytest

from app.cli.clusters_show import lines_of, said_of
from app.cli.clusters_word import lists_of
from models.errors import Fatal
from models.generation import Cluster, LineageEvent, NamedBy
from models.recluster.word import Split, Word

_SPLIT = Split("c-1", 60_000, (("t-1",), ("t-2",)))
_CLUSTER = Cluster("c-1", "Refunds", "payments", 1200, ("refund", "money"))


def test_a_cluster_of_which_nobody_said_anything() -> None:
    assert list(lines_of(_CLUSTER, said_of("c-1", Word()), [], {})) == [
        "c-1  Refunds",
        "named     by its tickets' words",
        "owner     payments",
        "tickets   1,200",
        "keywords  refund, money",
    ]


def test_all_that_is_known_of_a_cluster() -> None:
    cluster = replace(
        _CLUSTER, named=NamedBy.PERSON, owner_share=0.92, pinned=True, described=True, keywords=()
    )
    word = Word(
        bound={"c-1": "payments"},
        named={"c-1": "Refunds"},
        merged=[("c-0", "c-1")],
        pinned=frozenset({"c-1"}),
        splits=[_SPLIT, Split("c-9", 1)],
    )
    events = [LineageEvent("split", _SPLIT.part(1), "c-1", 0.5, 120_000)]
    assert list(lines_of(cluster, said_of("c-1", word), events, {"t-1": "No money", "t-2": None})) == [
        "c-1  Refunds  (pinned, described)",
        "named     by a person",
        "owner     payments, by at least 92% of people's word on its problem",
        "tickets   1,200",
        "keywords  none",
        "people's word",
        "  bound to payments",
        "  called Refunds",
        "  pinned",
        "  c-0 is the same",
        "  1970-01-01 00:01 UTC  c-1 is several problems, 2 by examples",
        "lineage",
        f"  1970-01-01 00:02 UTC  {_SPLIT.part(1)} split off c-1 (50% of its tickets)",
        "examples",
        "  t-1  No money",
        "  t-2  (gone)",
    ]


@pytest.mark.parametrize(
    ("cluster", "line"),
    [
        pytest.param(replace(_CLUSTER, owner=None), "owner     nobody", id="nobody's"),
        pytest.param(
            replace(_CLUSTER, owner=None, proposed="locks"),
            "owner     nobody; locks is proposed",
            id="proposed",
        ),
        pytest.param(
            replace(_CLUSTER, named=NamedBy.ARTICLE, kb_article_id="KB-7"),
            "named     by article KB-7",
            id="article",
        ),
    ],
)
def test_whose_it_is_and_where_its_name_comes_from(cluster: Cluster, line: str) -> None:
    assert line in lines_of(cluster, said_of("c-1", Word()), [], {})


def test_a_part_knows_that_it_was_split_off_and_a_merged_one_where_it_goes() -> None:
    word = Word(merged=[("c-2", "c-3")], splits=[_SPLIT])
    assert said_of(_SPLIT.part(1), word)["split"] == [
        {"cluster": "c-1", "at_ms": 60_000, "examples": _SPLIT.examples}
    ]
    assert said_of("c-2", word)["merged_into"] == "c-3"
    assert said_of("c-3", word)["split"] == []


def test_the_tickets_of_each_problem() -> None:
    assert lists_of(["t-1, t-2,", "t-3"]) == [["t-1", "t-2"], ["t-3"]]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param(["t-1,t-2"], "give it once for each problem", id="one list"),
        pytest.param(["t-1", " , "], "give it once for each problem", id="an empty one"),
        pytest.param(["t-1,t-2", "t-2"], "t-2 cannot be of two problems", id="in two"),
    ],
)
def test_lists_that_say_nothing(given: list[str], why: str) -> None:
    with pytest.raises(Fatal, match=why):
        lists_of(given)
