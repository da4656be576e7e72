"""The laws of a surge's life under any evidence, at any time, whatever people say of it, and with a restart between any
two evaluations.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.courses import course_of, event_of
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
)
from models.surge.word import UNSAID, Word, heed
from schemas.codec import decode, encode
from schemas.surge import SurgeCourse

BEGIN_S = 1_772_443_800
OF_PEOPLE = {Notice.ACKNOWLEDGED, Notice.SILENCED, Notice.UNSILENCED}
POLICIES = [
    LifecyclePolicy(),
    LifecyclePolicy(flap_s=0),
    LifecyclePolicy(pending_s=900, flap_s=600, remembered_s=1_800),
]


@dataclass
class Told:
    """What a reader of one surge's records was told."""

    notices: list[tuple[int, Notice]] = field(default_factory=list)
    firing: bool = False


class OneCluster(RuleBasedStateMachine):
    """Surges of one cluster, one after the other, by a worker that keeps its course and by one that reads it back each
    time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = BEGIN_S
        self.course: Course | None = None
        self.again: Course | None = None
        self.ended: dict[str, Course] = {}
        self.word = UNSAID
        self.told: dict[str, Told] = {}
        self.last: tuple[Course, Evidence] | None = None
        self.seen_s = BEGIN_S

    @initialize(policy=st.sampled_from(POLICIES))
    def with_policy(self, policy: LifecyclePolicy) -> None:
        self.policy = policy

    @rule(
        level=st.sampled_from(["gone", "stays", "enters"]),
        observed=st.integers(0, 400),
        expected=st.floats(0, 300),
        later_s=st.sampled_from([300, 300, 300, 600, 3_600, 90_000]),
    )
    def look(self, level: str, observed: int, expected: float, later_s: int) -> None:
        self.now_s += later_s
        enters = level == "enters"
        evidence = Evidence(enters, level != "gone", observed, expected, 1e-4, 3_600, self.now_s - 600)
        self.forget(evidence)
        if self.course is None:
            if not enters:
                return
            self.course = self.again = begin(["c-1"], evidence, self.now_s, "g-1")
        assert self.again is not None
        gone_s, self.seen_s = self.now_s - self.seen_s, self.now_s if evidence.stays else self.seen_s
        self.course, notices = self.evaluated(self.course, evidence)
        self.again, notices_again = self.evaluated(self.again, evidence)
        assert (self.course, notices) == (self.again, notices_again)
        for notice in notices:
            self.hear(notice)
        assert Notice.RESOLVED not in notices or gone_s >= self.policy.flap_s
        if self.course is not None and not self.course.is_open:
            assert self.course.since_s > self.course.last.started_s
            self.ended[self.course.surge_id] = self.course
            self.course = self.again = None

    def forget(self, evidence: Evidence) -> None:
        """What has ended goes on unchanged, whatever the evidence and the word, until no window reaches back to it."""
        for surge_id, ended in list(self.ended.items()):
            assert heed(ended, self.word, self.now_s) == (ended, None)
            after, notice = step(ended, evidence, self.now_s, self.policy)
            assert notice is None
            assert after == (ended if self.now_s - ended.since_s < self.policy.remembered_s else None)
            if after is None:
                del self.ended[surge_id]
            else:
                assert course_of(decode(SurgeCourse, encode(event_of(after, self.now_s)))) == after

    def evaluated(self, course: Course, evidence: Evidence) -> tuple[Course | None, list[Notice]]:
        course, of_people = heed(course, self.word, self.now_s)
        self.last = course, evidence
        after, notice = step(course, evidence, self.now_s, self.policy)
        return after, [one for one in (of_people, notice) if one is not None]

    def hear(self, notice: Notice) -> None:
        """A reader gets one record; the laws that hold for each."""
        assert self.last is not None
        course, _ = self.last
        told = self.told.setdefault(course.surge_id, Told())
        if notice is Notice.FIRING:
            assert not told.firing
            assert not any(other.firing for other in self.told.values())
            told.firing = True
        else:
            assert told.firing  # of what nobody was told, nothing more is told
        if notice is Notice.RESOLVED:
            told.firing = False
        if notice not in OF_PEOPLE:
            assert not course.silenced(self.now_s)
        told.notices.append((self.now_s, notice))

    @rule(data=st.data(), for_s=st.sampled_from([0, 300, 7_200, 200_000]))
    def say(self, data: st.DataObject, for_s: int) -> None:
        kind = data.draw(st.sampled_from(["acknowledged", "silenced"]))
        until_s = self.now_s + for_s
        if kind == "acknowledged":
            self.word = Word(self.now_s, until_s, self.word.silenced_until_s)
        else:
            self.word = Word(self.word.acknowledged_at_s, self.word.acknowledged_until_s, until_s)

    @precondition(lambda self: self.course is not None)
    @rule(other=st.sampled_from(["c-2", "c-3"]))
    def another_joins(self, other: str) -> None:
        assert self.course is not None
        assert self.again is not None
        self.course, self.again = join(self.course, [other]), join(self.again, [other])

    @precondition(lambda self: self.again is not None)
    @rule()
    def restart(self) -> None:
        assert self.again is not None
        self.again = course_of(decode(SurgeCourse, encode(event_of(self.again, self.now_s))))

    @invariant()
    def a_surge_that_was_told_is_open_or_resolved(self) -> None:
        for surge_id, told in self.told.items():
            assert told.firing is (
                self.course is not None and self.course.surge_id == surge_id and self.course.told
            )

    @invariant()
    def of_what_has_ended_nothing_is_owed(self) -> None:
        assert not any(ended.told for ended in self.ended.values())
        last = max((ended.since_s for ended in self.ended.values()), default=None)
        assert looked_from(self.ended.values()).get("c-1") == last

    @invariant()
    def nobody_is_told_of_what_is_pending(self) -> None:
        assert self.course is None or self.course.state is not State.PENDING or not self.course.told

    def teardown(self) -> None:
        """When all is quiet and nobody says anything any more, whatever was told comes to its one end."""
        for _ in range(3):
            self.look("gone", 0, 1.0, 300_000)
        assert self.course is None
        assert not self.ended
        for told in self.told.values():
            kinds = [notice for _, notice in told.notices]
            assert kinds.count(Notice.FIRING) == kinds.count(Notice.RESOLVED) == 1
            assert (kinds[0], kinds[-1]) == (Notice.FIRING, Notice.RESOLVED)


TestOneCluster: Any = OneCluster.TestCase
TestOneCluster.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
