"""The table of `models/surge/lifecycle`, row by row."""

from dataclasses import replace
from typing import Any

import pytest

from models.surge.detect import DetectPolicy
from models.surge.lifecycle import (
    Course,
    Evidence,
    LifecyclePolicy,
    Notice,
    State,
    begin,
    join,
    looked_from,
    step,
    surge_id_of,
    together,
)
from models.surge.word import UNSAID, Word, heed, word_of

NOW_S = 1_772_443_800
POLICY = LifecyclePolicy(pending_s=300)
GONE = Evidence(False, False, 5, 4.0, 0.8, 3_600, NOW_S - 600)
STAYS = Evidence(False, True, 24, 4.0, 1e-3, 3_600, NOW_S - 600)
ENTERS = Evidence(True, True, 24, 4.0, 1e-4, 3_600, NOW_S - 600)


def course(state: State, told: bool = False, since_s: int = NOW_S - 300, **more: Any) -> Course:
    plain = Course("s-1", state, ("c-1",), NOW_S - 900, since_s, STAYS)
    plain = replace(plain, told=told, told_excess=20.0 * told, told_members=int(told))
    return replace(plain, **more)


def fresh(evidence: Evidence) -> Course:
    return begin(["c-1"], evidence, NOW_S, "g-1")


LATER: dict[str, Any] = {"silenced_until_s": NOW_S + 1}
ENDED: dict[str, Any] = {"silenced_until_s": NOW_S}
LONG = NOW_S - POLICY.flap_s
DAY_AGO = NOW_S - POLICY.remembered_s
GREW = replace(STAYS, observed=44)  # an excess of 40, twice the one told
GREW_TWICE = replace(STAYS, observed=84)
WIDER = replace(STAYS, observed=100, expected=75.0, window_s=86_400)  # many more tickets, hardly more excess


@pytest.mark.parametrize(
    ("before", "evidence", "then", "told"),
    [
        pytest.param(fresh(ENTERS), ENTERS, State.PENDING, None, id="begins"),
        pytest.param(course(State.PENDING), GONE, None, None, id="pending and gone"),
        pytest.param(course(State.PENDING), STAYS, State.PENDING, None, id="pending between the levels"),
        pytest.param(
            course(State.PENDING), ENTERS, State.FIRING, Notice.FIRING, id="pending for long enough"
        ),
        pytest.param(
            course(State.PENDING, since_s=NOW_S - 299), ENTERS, State.PENDING, None, id="not long enough"
        ),
        pytest.param(
            course(State.PENDING, False, **LATER), ENTERS, State.FIRING, None, id="fires in silence"
        ),
        pytest.param(
            course(State.FIRING, False, **ENDED),
            STAYS,
            State.FIRING,
            Notice.FIRING,
            id="fires on after the silence",
        ),
        pytest.param(course(State.FIRING, True), STAYS, State.FIRING, None, id="nothing new"),
        pytest.param(course(State.FIRING, True), GREW, State.FIRING, Notice.GREW, id="grew"),
        pytest.param(
            course(State.FIRING, True), WIDER, State.FIRING, None, id="a longer window is no growth"
        ),
        pytest.param(course(State.FIRING, True, **LATER), GREW, State.FIRING, None, id="grew in silence"),
        pytest.param(course(State.FIRING, True, **ENDED), GREW, State.FIRING, Notice.GREW, id="and after it"),
        pytest.param(
            course(State.FIRING, True, acknowledged_until_s=NOW_S + 1), GREW, State.FIRING, None, id="seen to"
        ),
        pytest.param(
            course(State.FIRING, True, acknowledged_until_s=NOW_S + 1),
            GREW_TWICE,
            State.FIRING,
            Notice.GREW,
            id="seen to, and doubled twice",
        ),
        pytest.param(
            course(State.FIRING, True, acknowledged_until_s=NOW_S),
            GREW,
            State.FIRING,
            Notice.GREW,
            id="seen to no longer",
        ),
        pytest.param(
            course(State.FIRING, True, clusters=("c-1", "c-2")),
            GREW,
            State.FIRING,
            Notice.JOINED,
            id="joined",
        ),
        pytest.param(
            course(State.FIRING, True, clusters=("c-1", "c-2"), acknowledged_until_s=NOW_S + 1),
            STAYS,
            State.FIRING,
            Notice.JOINED,
            id="joined while seen to",
        ),
        pytest.param(
            course(State.FIRING, True, clusters=("c-1", "c-2"), **LATER),
            STAYS,
            State.FIRING,
            None,
            id="joined in silence",
        ),
        pytest.param(course(State.FIRING, True), GONE, State.RESOLVED, None, id="gone"),
        pytest.param(course(State.RESOLVED, True), GONE, State.RESOLVED, None, id="not gone for long"),
        pytest.param(course(State.RESOLVED, True), STAYS, State.FIRING, None, id="comes back"),
        pytest.param(course(State.RESOLVED, True), GREW, State.FIRING, Notice.GREW, id="comes back larger"),
        pytest.param(course(State.RESOLVED, True, LONG), GONE, State.ENDED, Notice.RESOLVED, id="resolved"),
        pytest.param(
            course(State.RESOLVED, True, LONG, acknowledged_until_s=NOW_S + 1),
            GONE,
            State.ENDED,
            Notice.RESOLVED,
            id="resolved while seen to",
        ),
        pytest.param(
            course(State.RESOLVED, True, LONG, **LATER), GONE, State.RESOLVED, None, id="resolved in silence"
        ),
        pytest.param(
            course(State.RESOLVED, True, LONG, **ENDED),
            GONE,
            State.ENDED,
            Notice.RESOLVED,
            id="and told after it",
        ),
        pytest.param(
            course(State.RESOLVED, False, LONG, **LATER), GONE, State.ENDED, None, id="nothing is owed"
        ),
        pytest.param(course(State.ENDED), GONE, State.ENDED, None, id="remembered"),
        pytest.param(course(State.ENDED), ENTERS, State.ENDED, None, id="what rises is another surge"),
        pytest.param(course(State.ENDED, False, DAY_AGO + 1), GONE, State.ENDED, None, id="nearly forgotten"),
        pytest.param(course(State.ENDED, False, DAY_AGO), ENTERS, None, None, id="forgotten"),
    ],
)
def test_a_row(before: Course, evidence: Evidence, then: State | None, told: Notice | None) -> None:
    after, notice = step(before, evidence, NOW_S, POLICY)
    assert (after and after.state, notice) == (then, told)


def test_without_waiting_it_fires_at_once() -> None:
    after, notice = step(fresh(ENTERS), ENTERS, NOW_S, LifecyclePolicy())
    assert (after and after.state, notice) == (State.FIRING, Notice.FIRING)


def test_what_is_told_is_remembered() -> None:
    after, _ = step(course(State.FIRING, True), GREW, NOW_S, POLICY)
    assert after is not None
    assert (after.told_excess, after.last, after.since_s) == (40.0, GREW, NOW_S - 300)


def test_what_was_last_seen_is_what_it_ends_with() -> None:
    after, _ = step(course(State.FIRING, True), GONE, NOW_S, POLICY)
    assert after is not None
    assert (after.last, after.since_s) == (STAYS, NOW_S)


def test_an_end_is_remembered_by_when_its_evidence_was_gone() -> None:
    before = course(State.RESOLVED, True, LONG, acknowledged_until_s=NOW_S + 1)
    after, _ = step(before, GONE, NOW_S, POLICY)
    assert after == replace(before, state=State.ENDED, told=False)


def test_it_is_remembered_as_long_as_a_window_could_reach_back_to_it() -> None:
    assert LifecyclePolicy().remembered_s == max(DetectPolicy().windows_s)


def test_after_an_end_what_came_before_it_does_not_count() -> None:
    ends = [
        course(State.ENDED, clusters=("c-1", "c-2"), since_s=NOW_S - 900),
        course(State.ENDED, clusters=("c-2",), since_s=NOW_S - 600),
        course(State.ENDED, clusters=("c-2",), since_s=NOW_S - 700),
        course(State.RESOLVED, clusters=("c-3",)),
        course(State.FIRING, clusters=("c-1",)),
    ]
    assert looked_from(ends) == {"c-1": NOW_S - 900, "c-2": NOW_S - 600}


@pytest.mark.parametrize("word", [Word(NOW_S - 60, NOW_S + 9), Word(0, 0, NOW_S + 9)], ids=["ack", "silence"])
def test_nobody_speaks_of_a_surge_that_has_ended(word: Word) -> None:
    assert heed(course(State.ENDED), word, NOW_S) == (course(State.ENDED), None)


AT_S, LONG_AGO_S = NOW_S - 60, NOW_S - 86_400


@pytest.mark.parametrize(
    ("before", "word", "known", "told"),
    [
        pytest.param({}, UNSAID, (0, 0), None, id="nobody spoke"),
        pytest.param({}, Word(AT_S, NOW_S + 9), (NOW_S + 9, 0), Notice.ACKNOWLEDGED, id="somebody looks"),
        pytest.param({}, Word(NOW_S - 901, NOW_S + 9), (0, 0), None, id="at the one before"),
        pytest.param({}, Word(AT_S, NOW_S), (0, 0), None, id="no longer"),
        pytest.param(
            {"acknowledged_until_s": NOW_S + 9}, Word(AT_S, NOW_S + 9), (NOW_S + 9, 0), None, id="known"
        ),
        pytest.param({}, Word(0, 0, NOW_S + 9), (0, NOW_S + 9), Notice.SILENCED, id="silenced"),
        pytest.param({}, Word(0, 0, NOW_S), (0, 0), None, id="silenced until now"),
        pytest.param(
            {"silenced_until_s": NOW_S + 9}, Word(0, 0, AT_S), (0, AT_S), Notice.UNSILENCED, id="unsilenced"
        ),
        pytest.param(
            {"silenced_until_s": NOW_S + 9}, UNSAID, (0, NOW_S + 9), None, id="silenced under another cluster"
        ),
        pytest.param({"told": False}, Word(0, 0, NOW_S + 9), (0, NOW_S + 9), None, id="before it was told"),
    ],
)
def test_the_word_of_people(
    before: dict[str, Any], word: Word, known: tuple[int, int], told: Notice | None
) -> None:
    after, notice = heed(course(State.FIRING, **({"told": True} | before)), word, NOW_S)
    assert (after.acknowledged_until_s, after.silenced_until_s) == known
    assert notice is told


@pytest.mark.parametrize(
    ("said", "looks_s", "silent_s"),
    [
        pytest.param({}, 0, None, id="nobody spoke"),
        pytest.param({"c-9": Word(AT_S, NOW_S + 9, NOW_S + 9, AT_S)}, 0, None, id="of another"),
        pytest.param({"c-2": Word(AT_S, NOW_S + 9)}, NOW_S + 9, None, id="somebody looks at a member"),
        pytest.param(
            {"c-1": Word(AT_S, NOW_S + 9), "c-2": Word(AT_S + 1, NOW_S + 7)},
            NOW_S + 7,
            None,
            id="the last said",
        ),
        pytest.param({"c-2": Word(0, 0, NOW_S + 9, AT_S)}, 0, NOW_S + 9, id="a member silenced since"),
        pytest.param(
            {"c-1": Word(0, 0, NOW_S + 9, AT_S), "c-2": Word(0, 0, AT_S + 1, AT_S + 1)},
            0,
            AT_S + 1,
            id="and taken back by the other",
        ),
        pytest.param(
            {"c-2": Word(0, 0, NOW_S + 9, LONG_AGO_S)}, 0, 0, id="a member silenced ahead, the lead not"
        ),
        pytest.param({"c-1": Word(0, 0, NOW_S + 9, LONG_AGO_S)}, 0, 0, id="the lead ahead, the member not"),
        pytest.param(
            {"c-1": Word(0, 0, NOW_S + 9, LONG_AGO_S), "c-2": Word(0, 0, NOW_S + 7, LONG_AGO_S)},
            0,
            NOW_S + 7,
            id="all ahead, until the first ends",
        ),
        pytest.param(
            {"c-1": Word(0, 0, NOW_S + 9, LONG_AGO_S), "c-2": Word(0, 0, NOW_S + 7, AT_S)},
            0,
            NOW_S + 7,
            id="what was said since counts",
        ),
    ],
)
def test_what_is_said_of_any_cluster_of_a_surge(
    said: dict[str, Word], looks_s: int, silent_s: int | None
) -> None:
    word = word_of(course(State.FIRING, clusters=("c-1", "c-2")), said)
    assert (word.acknowledged_until_s, word.silenced_until_s) == (looks_s, silent_s)


def test_those_that_join_stand_behind_the_lead_once() -> None:
    assert join(course(State.FIRING), ["c-3", "c-1", "c-3", "c-2"]).clusters == ("c-1", "c-3", "c-2")


def test_the_evidence_of_several_is_that_of_those_that_stay() -> None:
    other = Evidence(True, True, 10, 1.5, 1e-7, 900, NOW_S - 1_200)
    assert together([STAYS, GONE, other]) == Evidence(True, True, 34, 5.5, 1e-7, 3_600, NOW_S - 1_200)


def test_the_evidence_of_several_that_are_gone_is_that_of_all() -> None:
    assert together([GONE, GONE]) == replace(GONE, observed=10, expected=8.0)


@pytest.mark.parametrize(("lead", "started_s"), [("c-2", NOW_S), ("c-1", NOW_S + 1)], ids=["lead", "start"])
def test_the_id_follows_from_lead_and_start_alone(lead: str, started_s: int) -> None:
    assert (
        surge_id_of("c-1", NOW_S) == begin(["c-1", "c-9"], replace(ENTERS, started_s=NOW_S), 0, "g").surge_id
    )
    assert surge_id_of(lead, started_s) != surge_id_of("c-1", NOW_S)
