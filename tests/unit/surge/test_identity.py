"""Where counts and open surges go when the clusters change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from models.generation import Cluster, Generation, LineageEvent
from models.surge.identity import Folded, Followed, Move, follow
from models.surge.lifecycle import Course, Evidence, State
from tests.fakes.generations import generation, unit_rows

NOW_S = 1_772_443_800
DAY_S = 86_400
LONG_AGO_S = NOW_S - 20 * DAY_S
AT_MS = (NOW_S - 600) * 1000
SEEN = Evidence(True, True, 24, 4.0, 1e-5, 3_600, NOW_S - 600)
SIZE = 40


def course(surge_id: str, *clusters: str, told: bool = True, started_s: int = NOW_S - 900) -> Course:
    return Course(surge_id, State.FIRING, clusters, started_s, NOW_S - 300, SEEN, told, generation_id="g-1")


def under(
    clusters: Sequence[str], *lineage: LineageEvent, sizes: Mapping[str, int] | None = None
) -> Generation:
    made = tuple(Cluster(name, name, None, (sizes or {}).get(name, SIZE)) for name in clusters)
    bare = generation([None], unit_rows(1, 4, 0), [])
    return replace(bare, clusters=made, lineage=lineage)


def event(
    change: str, cluster: str, other: str | None, share: float = 1.0, at_ms: int = AT_MS
) -> LineageEvent:
    return LineageEvent(change, cluster, other, share, at_ms)


def followed(made: Generation, *courses: Course, seen: Mapping[str, int] | None = None) -> Followed:
    return follow({"a": LONG_AGO_S, "b": LONG_AGO_S, **(seen or {})}, courses, made, "g-2", NOW_S)


MERGED = event("merged", "a", "b")
SPLIT = event("split", "p", "a")


def split(days: int) -> LineageEvent:
    """So many days ago."""
    return replace(SPLIT, at_ms=(NOW_S - days * DAY_S) * 1000)


@pytest.mark.parametrize(
    ("made", "seen", "moves", "emptied"),
    [
        pytest.param(under("ab"), {}, (), (), id="nothing changed"),
        pytest.param(under("abc", event("born", "c", None)), {}, (), (), id="born"),
        pytest.param(under("b", event("died", "a", None)), {}, (), (), id="died"),
        pytest.param(under("b", MERGED), {}, (Move("a", "b", 1.0),), ("a",), id="merged"),
        pytest.param(under("ab", MERGED), {}, (), (), id="merged, and there again"),
        pytest.param(
            under("c", MERGED, event("merged", "b", "c", at_ms=AT_MS + 1)),
            {},
            (Move("a", "b", 1.0), Move("b", "c", 1.0)),
            ("a", "b"),
            id="merged twice over",
        ),
        pytest.param(under("abp", SPLIT), {}, (Move("a", "p", 0.5),), (), id="half of it split off"),
        pytest.param(
            under("abp", SPLIT, sizes={"p": 10, "a": 30}),
            {},
            (Move("a", "p", 0.25),),
            (),
            id="a quarter of it",
        ),
        pytest.param(
            under("abp", event("split", "p", "a", 0.5)),
            {},
            (Move("a", "p", 1 / 3),),
            (),
            id="half of the part came from it",
        ),
        pytest.param(
            under("abp", event("split", "p", "a", 0.0)), {}, (Move("a", "p", 0.5),), (), id="by people's word"
        ),
        pytest.param(
            under("abpq", SPLIT, event("split", "q", "a"), sizes={"q": 80}),
            {},
            (Move("a", "q", 0.5), Move("a", "p", 0.5)),
            (),
            id="two parts, each of what is left",
        ),
        pytest.param(
            under("bpq", SPLIT, event("split", "q", "a"), event("died", "a", None)),
            {},
            (Move("a", "p", 0.5), Move("a", "q", 1.0)),
            ("a",),
            id="nothing but parts is left",
        ),
        pytest.param(
            under("bp", SPLIT, event("merged", "a", "b", 0.75)),
            {},
            (Move("a", "p", 0.25), Move("a", "b", 1.0)),
            ("a",),
            id="a part split off, the rest merged",
        ),
        pytest.param(
            under("abp", split(9)),
            {},
            (Move("a", "p", 0.5),),
            (),
            id="of a candidate made days ago, in force now",
        ),
        pytest.param(
            under("abp", split(9)),
            {"p": NOW_S - 2 * DAY_S},
            (Move("a", "p", 0.5),),
            (),
            id="the same, counted for two days",
        ),
        pytest.param(
            under("abp", split(9)), {"p": NOW_S - 4 * DAY_S}, (), (), id="it has learnt what is usual for it"
        ),
        pytest.param(under("abp", split(29)), {}, (), (), id="of before the split nothing is kept"),
        pytest.param(under("abp", SPLIT), {"p": LONG_AGO_S}, (), (), id="it has its part already"),
        pytest.param(
            under("abp", SPLIT), {"p": NOW_S - 900}, (Move("a", "p", 0.5),), (), id="counted a little since"
        ),
        pytest.param(under("ab", SPLIT), {}, (), (), id="a part that is gone again"),
    ],
)
def test_where_counts_go(
    made: Generation, seen: Mapping[str, int], moves: tuple[Move, ...], emptied: tuple[str, ...]
) -> None:
    found = followed(made, seen=seen)
    assert [(one.source, one.into) for one in found.moves] == [(one.source, one.into) for one in moves]
    assert [one.share for one in found.moves] == pytest.approx([one.share for one in moves])
    assert found.emptied == emptied


@pytest.mark.parametrize(
    ("made", "before", "after"),
    [
        pytest.param(under("ab"), ("a",), ("a",), id="nothing changed"),
        pytest.param(under("b", MERGED), ("a",), ("b",), id="merged"),
        pytest.param(under("b", MERGED), ("a", "b"), ("b",), id="merged into another member"),
        pytest.param(under("abp", SPLIT), ("b", "a"), ("b", "a", "p"), id="split"),
        pytest.param(
            under("bpq", SPLIT, event("split", "q", "a"), event("died", "a", None), sizes={"q": 50}),
            ("a", "b"),
            ("q", "p", "b"),
            id="nothing but parts is left",
        ),
        pytest.param(under("b", event("died", "a", None)), ("a",), ("a",), id="died"),
    ],
)
def test_a_surge_goes_on(made: Generation, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    open_one = course("s-1", *before)
    expected = replace(open_one, clusters=after, generation_id="g-2")
    found = followed(made, open_one)
    assert (found.courses, found.folded) == ((expected,), ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            course("s-1", "a", started_s=NOW_S), course("s-2", "b", told=False), id="readers were told of it"
        ),
        pytest.param(
            course("s-1", "a", told=False, started_s=NOW_S),
            replace(course("s-2", "b", told=False), state=State.PENDING),
            id="it fires",
        ),
        pytest.param(course("s-1", "a", started_s=NOW_S - 901), course("s-2", "b"), id="it was first"),
        pytest.param(course("s-1", "a"), course("s-2", "b"), id="by name"),
    ],
)
def test_of_two_surges_that_are_one_the_first_goes_on(first: Course, second: Course) -> None:
    found = followed(under("b", MERGED), second, first)
    assert found.courses == (replace(first, clusters=("b",), generation_id="g-2"),)
    assert found.folded == (Folded(replace(second, generation_id="g-2"), first.surge_id),)


def test_the_lead_of_the_one_that_goes_on_leads() -> None:
    found = followed(under("bxy", MERGED), course("s-1", "a", "x"), course("s-2", "y", "b"))
    assert [one.clusters for one in found.courses] == [("b", "x", "y")]


def test_a_part_that_rose_before_it_was_known_is_no_surge_of_its_own() -> None:
    seen = {"p": NOW_S - 300}
    found = followed(under("abp", SPLIT), course("s-1", "a"), course("s-2", "p", told=False), seen=seen)
    assert [one.clusters for one in found.courses] == [("a", "p")]
    assert [one.into for one in found.folded] == ["s-1"]


def test_the_end_of_a_surge_goes_with_the_counts_and_is_folded_into_none() -> None:
    ended = replace(course("s-1", "a", told=False), state=State.ENDED)
    going = course("s-2", "b")
    found = followed(under("b", MERGED), ended, going)
    assert found.courses == (
        replace(going, generation_id="g-2"),
        replace(ended, clusters=("b",), generation_id="g-2"),
    )
    assert found.folded == ()
