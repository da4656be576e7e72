"""Surge look: all clusters judged once, and what follows for the open surges. Between the surge agent and the core.

follow the generation -> detect -> group -> step -> tell
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agents.live import InForce
from agents.surge_content import Told, owner_of, surge_of
from agents.surge_state import SurgeState
from agents.surge_texts import ClusterTexts
from agents.surge_word import SurgeWord
from agents.wire import Output
from models.generation import Generation
from models.surge.detect import Detection, Detector
from models.surge.examples import Described
from models.surge.grouping import GroupingPolicy, Recent, Rising, families
from models.surge.identity import follow
from models.surge.lifecycle import (
    Course,
    Evidence,
    LifecyclePolicy,
    Notice,
    begin,
    join,
    looked_from,
    step,
    together,
)
from models.surge.word import Word, heed, word_of
from schemas.surge import Surge


@dataclass(frozen=True, slots=True)
class Looked:
    """What is to be written: of `tickets.surge-state`, and of `tickets.surges`."""

    outputs: list[Output]
    surges: list[Surge]


@dataclass(slots=True)
class Seer:
    """Judges what the surge path has counted. One thread's, the agent's.

    Attributes:
        runbook: where runbooks are (see `surge_content.link_of`).
    """

    detector: Detector
    texts: ClusterTexts
    word: SurgeWord
    lifecycle: LifecyclePolicy = field(default_factory=LifecyclePolicy)
    grouping: GroupingPolicy = field(default_factory=GroupingPolicy)
    runbook: str | None = None
    _said: Mapping[str, Word] = field(default_factory=dict)
    _called: tuple[str, dict[str, str]] = ("", {})

    def now_called(self, cluster_id: str, in_force: InForce) -> str:
        """The cluster that a cluster went into by now: a count may name one that was merged."""
        return self._merged(in_force).get(cluster_id, cluster_id)

    def _merged(self, in_force: InForce) -> dict[str, str]:
        if self._called[0] != in_force.id:
            self._called = (in_force.id, merged_into(in_force.generation))
        return self._called[1]

    def hear(self, state: SurgeState, in_force: InForce) -> Looked | None:
        """What people said since it was last asked, of the open surges; None where that is nothing."""
        said = self.word.of()
        if said == self._said or state.generation != in_force.id:
            return None
        self._said = said
        courses, told = list[Course](), list[Told]()
        for course in state.courses.values():
            heard, notice = heed(course, word_of(course, said), state.now_s)
            courses.append(heard)
            told += [Told(heard, notice)] if notice is not None else []
        return self._tell(state, in_force, courses, told, [])

    def look(self, state: SurgeState, in_force: InForce) -> Looked:
        """Judge all clusters by the buckets that have ended, and see what becomes of every surge."""
        bucket_s = state.policy.bucket_s
        at_s = state.now_s - state.now_s % bucket_s
        courses, told, outputs = self._follow(state, in_force, at_s)
        detection = self.detector.detect(state.windows, state.now_s, looked_from(courses))
        evidence = _evidence(detection, state.windows.clusters, courses, bucket_s)
        self._said = self.word.of()
        going, said = list[Course](), self._said
        for course in self._group(state, in_force, courses, evidence, at_s):
            heard, notice = heed(course, word_of(course, said), state.now_s)
            members = together([evidence[cluster_id] for cluster_id in course.clusters])
            after, news = step(heard, members, at_s, self.lifecycle)
            if after is not None:
                going.append(after)
            due = news or notice
            told += [Told(after or heard, due)] if due is not None else []
        return self._tell(state, in_force, going, told, outputs)

    def _follow(
        self, state: SurgeState, in_force: InForce, at_s: int
    ) -> tuple[list[Course], list[Told], list[Output]]:
        """Carry counts and courses on to the generation in force."""
        courses = list(state.courses.values())
        if state.generation == in_force.id:
            return courses, [], []
        followed = follow(state.first_seen_s(), courses, in_force.generation, in_force.id, at_s)
        outputs = state.move(followed.moves, followed.emptied)
        _know(state, in_force)
        state.generation = in_force.id
        told = [Told(one.course, Notice.RESOLVED, one.into) for one in followed.folded if one.course.told]
        return list(followed.courses), told, outputs

    def _group(
        self,
        state: SurgeState,
        in_force: InForce,
        courses: list[Course],
        evidence: Mapping[str, Evidence],
        at_s: int,
    ) -> list[Course]:
        """The surges with the clusters that join them, and those that begin. None joins one that has ended."""
        going = [course for course in courses if course.is_open]
        taken = {cluster_id for course in going for cluster_id in course.clusters}
        fresh = [
            Rising(cluster_id, one.started_s, one.excess)
            for cluster_id, one in evidence.items()
            if one.enters and cluster_id not in taken
        ]
        if not fresh:
            return courses
        leads = [Rising(one.clusters[0], one.started_s, one.last.excess, one.surge_id) for one in going]
        known = {course.surge_id: course for course in courses}
        for family in families([*leads, *fresh], self._recent(state, in_force), self.grouping):
            if family.surge_id is None:
                shared = together([evidence[cluster_id] for cluster_id in family.clusters])
                course = begin(family.clusters, shared, at_s, in_force.id, family.product)
            else:
                before = known[family.surge_id]
                course = replace(join(before, family.clusters[1:]), product=before.product or family.product)
            known[course.surge_id] = course
        return list(known.values())

    def _recent(self, state: SurgeState, in_force: InForce) -> list[Recent]:
        """The counts of the last day, under what their clusters are called now."""
        called = ((one, self.now_called(one.cluster_id, in_force)) for one in state.recent)
        return [one if one.cluster_id == name else replace(one, cluster_id=name) for one, name in called]

    def _tell(
        self,
        state: SurgeState,
        in_force: InForce,
        courses: list[Course],
        told: list[Told],
        outputs: list[Output],
    ) -> Looked:
        named = {
            one.course.surge_id: _first_told(one.course, in_force)
            for one in told
            if one.course.first_cluster is None
        }
        courses = [named.get(course.surge_id, course) for course in courses]
        told = [replace(one, course=named.get(one.course.surge_id, one.course)) for one in told]
        recent = self._recent(state, in_force) if told else []
        surges = [
            surge_of(one, state, recent, self._described(one.course, in_force), in_force, self.runbook)
            for one in told
        ]
        return Looked([*outputs, *state.put_courses(courses)], surges)

    def _described(self, course: Course, in_force: InForce) -> list[Described]:
        """Tickets of its clusters, also those that were decided on under a cluster which has been merged since."""
        went = [name for name, into in self._merged(in_force).items() if into in course.clusters]
        return self.texts.of(dict.fromkeys((*course.clusters, *went)), course.started_s)


def _first_told(course: Course, in_force: InForce) -> Course:
    """The course of a surge that is told now and was not before: an alert is known by what it was then."""
    lead = course.clusters[0]
    return replace(course, first_cluster=lead, first_owner=owner_of(lead, in_force))


def merged_into(generation: Generation) -> dict[str, str]:
    """Where the clusters are that were merged into others and are not there any more."""
    there = {cluster.id for cluster in generation.clusters}
    went = {
        event.cluster: event.other
        for event in generation.lineage
        if event.change == "merged" and event.other is not None and event.cluster not in there
    }
    found = {}
    for cluster_id, into in went.items():
        seen = {cluster_id}
        while into in went and into not in seen:
            seen.add(into)
            into = went[into]
        found[cluster_id] = into
    return found


def _know(state: SurgeState, in_force: InForce) -> None:
    """Say of every cluster since when it is watched: from when it came, or from where the counts begin."""
    began_s = min(state.first_seen_s().values(), default=state.now_s)
    came_s = {
        event.cluster: event.at_ms // 1000
        for event in in_force.generation.lineage
        if event.change in {"born", "split"}
    }
    for cluster in in_force.ready.clusters:
        state.windows.know(cluster.id, max(began_s, came_s.get(cluster.id, began_s)))


def _evidence(
    detection: Detection, clusters: list[str], courses: list[Course], bucket_s: int
) -> dict[str, Evidence]:
    """What a detection says of the clusters that enter, and of those that are in a surge."""
    rows = {clusters[row]: int(row) for row in detection.enters.nonzero()[0]}
    members = {cluster_id for course in courses for cluster_id in course.clusters}
    going = {cluster_id for course in courses if course.is_open for cluster_id in course.clusters}
    if members:
        rows |= {cluster_id: row for row, cluster_id in enumerate(clusters) if cluster_id in members}
    found = {
        cluster_id: Evidence(
            enters=bool(detection.enters[row]),
            # What is over goes on no more, but is told where nobody has been told of it.
            stays=bool(detection.stays[row] if cluster_id in going else detection.enters[row]),
            observed=int(detection.observed[row]),
            expected=float(detection.expected[row]),
            q=float(detection.q[row]),
            window_s=int(detection.window_s[row]),
            started_s=int(detection.started_s[row]),
        )
        for cluster_id, row in rows.items()
    }
    gone = Evidence(False, False, 0, 0.0, 1.0, bucket_s, detection.at_s)  # a cluster without any count left
    return dict.fromkeys(members, gone) | found
