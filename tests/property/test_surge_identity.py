"""The laws of identity under any reclusterings: counts are conserved, no open surge is lost, and to ask again says
nothing new.
"""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generation import Cluster, Generation, LineageEvent
from models.surge.identity import follow
from models.surge.lifecycle import OPEN, Course, Evidence, State, looked_from
from tests.fakes.generations import generation, unit_rows

NOW_S = 1_772_443_800
DAY_S = 86_400
SEEN = Evidence(True, True, 24, 4.0, 1e-5, 3_600, NOW_S - 600)
BARE = generation([None], unit_rows(1, 4, 0), [])
NAMES = [f"c-{number}" for number in range(6)]


@dataclass(frozen=True)
class World:
    counts: dict[str, int]
    first_seen_s: dict[str, int]
    courses: list[Course]
    made: Generation


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Clusters with counts, some of them in surges, open or ended, and what up to three reclusterings made of them."""
    counts = {name: draw(st.integers(0, 1_000)) for name in NAMES}
    free = draw(st.permutations(NAMES))
    courses = []
    for number in range(draw(st.integers(0, 3))):
        size = draw(st.integers(1, 2))
        members, free = free[:size], free[size:]
        state = draw(st.sampled_from(OPEN))
        told = draw(st.booleans())
        started_s = NOW_S - draw(st.integers(1, 3)) * 600
        courses.append(
            Course(f"s-{number}", state, tuple(members), started_s, NOW_S, SEEN, told, generation_id="g-1")
        )
    for number in range(draw(st.integers(0, 2))):  # its clusters may rise again
        members = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
        ended_s = NOW_S - draw(st.integers(1, 100)) * 600
        ended = Course(f"e-{number}", State.ENDED, tuple(members), ended_s - 600, ended_s, SEEN)
        courses.append(replace(ended, generation_id="g-1"))
    there, lineage, fresh = list(NAMES), list[LineageEvent](), 0
    ages_s = draw(st.lists(st.sampled_from([300, 600, 900, 5 * DAY_S]), max_size=3, unique=True))
    for age_s in sorted(ages_s, reverse=True):
        at_ms = (NOW_S - age_s) * 1000
        events = list[LineageEvent]()
        before = list(there)
        for name in draw(st.lists(st.sampled_from(before), max_size=3)):
            fresh += 1
            there.append(f"p-{fresh}")
            events.append(LineageEvent("split", f"p-{fresh}", name, draw(st.floats(0, 1)), at_ms))
        for name in draw(st.lists(st.sampled_from(before), max_size=3, unique=True)):
            there.remove(name)
        for name in (name for name in before if name not in there):
            heir = draw(st.sampled_from([None, *there]))
            change = "died" if heir is None else "merged"
            events.append(LineageEvent(change, name, heir, draw(st.floats(0.5, 1)), at_ms))
        lineage += events
        if not there:
            break
    clusters = tuple(Cluster(name, name, None, draw(st.integers(0, 50))) for name in there)
    made = replace(BARE, clusters=clusters, lineage=tuple(lineage))
    return World(counts, dict.fromkeys(NAMES, NOW_S - 20 * DAY_S), courses, made)


@given(worlds())
def test_counts_are_conserved(world: World) -> None:
    found = follow(world.first_seen_s, world.courses, world.made, "g-2", NOW_S)
    counts = {name: float(count) for name, count in world.counts.items()}
    for move in found.moves:
        assert 0.0 <= move.share <= 1.0
        moved = counts[move.source] * move.share
        counts[move.source] -= moved
        counts[move.into] = counts.get(move.into, 0.0) + moved
    assert sum(counts.values()) == pytest.approx(sum(world.counts.values()))
    assert [counts[name] for name in found.emptied] == [0.0] * len(found.emptied)
    merged = {event.cluster for event in world.made.lineage if event.change == "merged"}
    there = {cluster.id for cluster in world.made.clusters}
    assert not any(counts.get(name) for name in merged - there)


@given(worlds())
def test_no_open_surge_is_lost(world: World) -> None:
    found = follow(world.first_seen_s, world.courses, world.made, "g-2", NOW_S)
    kept = {one.surge_id: one for one in found.courses}
    gone = {one.course.surge_id: one for one in found.folded}
    assert sorted([*kept, *gone]) == sorted(one.surge_id for one in world.courses)
    members = [name for one in found.courses if one.is_open for name in one.clusters]
    assert len(members) == len(set(members))
    assert all(kept.values())
    for one in gone.values():
        assert kept[one.into].told or not one.course.told
        assert set(one.course.clusters) <= set(kept[one.into].clusters)
    for course in world.courses:
        if course.surge_id in kept:
            unchanged = replace(kept[course.surge_id], clusters=course.clusters, generation_id="g-1")
            assert unchanged == course


@given(worlds())
def test_where_counts_go_the_end_that_they_do_not_count_before_goes_too(world: World) -> None:
    found = follow(world.first_seen_s, world.courses, world.made, "g-2", NOW_S)
    ends, before = looked_from(found.courses), looked_from(world.courses)
    for move in found.moves:
        before |= {move.into: max(before.get(one, 0) for one in (move.source, move.into))}
    held = {name: at_s for name, at_s in before.items() if at_s and name not in found.emptied}
    assert {name: ends.get(name, 0) for name in held} == held


@given(worlds())
def test_to_ask_again_says_nothing_new(world: World) -> None:
    found = follow(world.first_seen_s, world.courses, world.made, "g-2", NOW_S)
    seen = dict(world.first_seen_s)
    for move in found.moves:
        seen[move.into] = min(seen[move.source], seen.get(move.into, NOW_S))
    for name in found.emptied:
        del seen[name]
    again = follow(seen, found.courses, world.made, "g-2", NOW_S)
    assert (again.moves, again.emptied, again.folded) == ((), (), ())
    assert again.courses == found.courses


def test_a_cluster_that_was_split_and_died_later_takes_the_end_of_one_that_went_into_it() -> None:
    lineage = (
        LineageEvent("split", "p-1", "c-1", 1.0, (NOW_S - 900) * 1000),
        LineageEvent("merged", "c-0", "c-1", 1.0, (NOW_S - 900) * 1000),
        LineageEvent("died", "c-1", None, 1.0, (NOW_S - 600) * 1000),
    )
    made = replace(BARE, clusters=(Cluster("p-1", "p-1", None, 1),), lineage=lineage)
    ended = Course("e-0", State.ENDED, ("c-1",), NOW_S - 1200, NOW_S - 600, SEEN, generation_id="g-1")
    found = follow(dict.fromkeys(NAMES, NOW_S - 20 * DAY_S), [ended], made, "g-2", NOW_S)
    assert [one.clusters for one in found.courses] == [("c-1", "p-1")]
    assert found.emptied == ("c-0",)


def test_two_that_went_into_one_go_on_as_one() -> None:
    went = [("c-0", "c-3", 900), ("c-1", "c-3", 900), ("c-3", "c-4", 600)]
    lineage = tuple(LineageEvent("merged", one, into, 1.0, (NOW_S - ago) * 1000) for one, into, ago in went)
    made = replace(BARE, clusters=(Cluster("c-4", "c-4", None, 1),), lineage=lineage)
    course = Course("s-0", State.FIRING, ("c-0", "c-1"), NOW_S - 600, NOW_S, SEEN, True, generation_id="g-1")
    found = follow(dict.fromkeys(NAMES, NOW_S - 20 * DAY_S), [course], made, "g-2", NOW_S)
    assert [one.clusters for one in found.courses] == [("c-4",)]
