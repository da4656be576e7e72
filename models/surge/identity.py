"""Identity: where counts and open surges go when a generation has other clusters. Between window and detect.

| what became of a cluster | its counts                   | the open surge that it is in                           |
| ------------------------ | ---------------------------- | ------------------------------------------------------ |
| merged into another      | all go there                 | goes on in the other's place; of two surges that meet  |
|                          |                              | there one goes on, and the other is folded into it     |
| others split off it      | each takes its tickets' part | goes on; the parts are members, so that what rises in  |
|                          |                              | one of them is no new surge                            |
| split, and is no more    | the parts take all           | goes on in the place of the largest part               |
| died                     | stay, and fall off with time | ends as its counts do                                  |

It can be asked again, by whoever comes after a crash, and then says nothing new: a cluster that was merged holds no
counts any more, and a part that took its share has a history that is older than itself.

A surge that has ended goes where its clusters' counts go, as long as it is remembered: nothing before its end counts
again there either. It is folded into none, and none into it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from models.generation import Generation, LineageEvent
from models.surge.lifecycle import Course, State

_DAY_S = 86_400

# A part that was counted for so long without its share has learnt what is usual for it. By its counts, not by the age
# of the split: a candidate is put in force weeks after it was made, and its parts are counted from then on.
_LEARNT_S = 3 * _DAY_S
# Of before a split that is older than this no counts are kept that could be shared.
_KEPT_S = 28 * _DAY_S


@dataclass(frozen=True, slots=True)
class Move:
    """So large a share of the counts that `source` still has, in all buckets, leaves it for `into`. In their order."""

    source: str
    into: str
    share: float


@dataclass(frozen=True, slots=True)
class Folded:
    """A surge that is no more, since it is the same as another."""

    course: Course
    into: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What follows from another generation.

    Attributes:
        moves: of counts, one after the other.
        emptied: clusters that have no counts after them.
        courses: the surges that are open, and those that have ended, under the new generation.
        folded: those that went into one of them; to be told as resolved where they had been told.
    """

    moves: tuple[Move, ...]
    emptied: tuple[str, ...]
    courses: tuple[Course, ...]
    folded: tuple[Folded, ...]


def follow(
    first_seen_s: Mapping[str, int],
    courses: Sequence[Course],
    generation: Generation,
    generation_id: str,
    now_s: int,
) -> Followed:
    """Where the counts of clusters and the open surges go under a generation.

    Args:
        first_seen_s: the clusters that have counts, and since when.
        courses: the open surges, each cluster in one of them, and those that have ended.
        now_s: epoch seconds.
    """
    there = {cluster.id: cluster.size for cluster in generation.clusters}
    done = _Following(dict(first_seen_s), {one.surge_id: list(one.clusters) for one in courses})
    events: dict[int, list[LineageEvent]] = defaultdict(list)
    for event in generation.lineage:
        events[event.at_ms].append(event)
        if event.change in {"died", "merged"}:
            done.ended_ms[event.cluster] = event.at_ms
    for at_ms in sorted(events):
        _split(done, events[at_ms], there, now_s)
        _merge(done, events[at_ms], there)
    renamed = [
        replace(one, clusters=tuple(dict.fromkeys(done.members[one.surge_id])), generation_id=generation_id)
        for one in courses
    ]
    kept, folded = _fold([one for one in renamed if one.is_open])
    ended = tuple(one for one in renamed if not one.is_open)
    emptied = {move.source for move in done.moves} - done.seen_s.keys()
    return Followed(tuple(done.moves), tuple(sorted(emptied)), (*kept, *ended), folded)


@dataclass(slots=True)
class _Following:
    """What holds after the events that were followed.

    Attributes:
        seen_s: the clusters that have counts, and since when.
        members: the clusters of each surge.
        ended_ms: when clusters went into others, or died, last.
    """

    seen_s: dict[str, int]
    members: dict[str, list[str]]
    moves: list[Move] = field(default_factory=list)
    ended_ms: dict[str, int] = field(default_factory=dict)

    def move(self, source: str, into: str, share: float) -> None:
        if source in self.seen_s:
            self.moves.append(Move(source, into, share))
            since_s = self.seen_s[source]
            self.seen_s[into] = min(since_s, self.seen_s.get(into, since_s))

    def put(self, cluster: str, places: Sequence[str]) -> None:
        """Let others stand in the place of a cluster, in every surge."""
        for clusters in self.members.values():
            if cluster in clusters:
                at = clusters.index(cluster)
                clusters[at : at + 1] = places
                clusters[:] = dict.fromkeys(clusters)  # two that went into one are one for what comes after


def _split(done: _Following, events: Sequence[LineageEvent], there: Mapping[str, int], now_s: int) -> None:
    """What was split off at one time takes its share, the largest part first."""
    parts: dict[str, list[LineageEvent]] = defaultdict(list)
    for event in events:
        if event.change == "split" and event.other is not None and _is_due(event, there, done.seen_s, now_s):
            parts[event.other].append(event)
    went = {event.cluster: event.share for event in events if event.change == "merged"}
    for source, came in parts.items():
        came.sort(key=lambda event: (-there[event.cluster], event.cluster))
        # A part that people named the tickets of may have none that stood in the source before: it is part of it still.
        sizes = [there[event.cluster] * (event.share or 1.0) for event in came]
        # Of several reclusterings that are followed at once a later one may have ended it.
        stays = source in there or source in went or done.ended_ms.get(source, 0) > came[0].at_ms
        left = sum(sizes) + there.get(source, 0)
        if source in went and source not in there:  # the rest of it is in what it was merged into
            left = sum(sizes) / max(1 - went[source], 1e-9)
        for event, size in zip(came, sizes, strict=True):
            is_last = not stays and event is came[-1]
            done.move(source, event.cluster, 1.0 if is_last else min(1.0, size / left) if left > 0 else 0.0)
            left -= size
        names = [event.cluster for event in came]
        done.put(source, [source, *names] if stays else names)
        if not stays:
            done.seen_s.pop(source, None)


def _is_due(event: LineageEvent, there: Mapping[str, int], seen_s: Mapping[str, int], now_s: int) -> bool:
    """Whether a part has yet to take its share: it is in force, and has no history, neither of before the split nor of
    its own."""
    at_s = event.at_ms // 1000
    known_s = seen_s.get(event.cluster, now_s)
    has_none = known_s > max(at_s - _DAY_S, now_s - _LEARNT_S)
    return event.cluster in there and at_s > now_s - _KEPT_S and has_none


def _merge(done: _Following, events: Sequence[LineageEvent], there: Mapping[str, int]) -> None:
    for event in events:
        if event.change == "merged" and event.other is not None and event.cluster not in there:
            done.move(event.cluster, event.other, 1.0)
            done.seen_s.pop(event.cluster, None)
            done.put(event.cluster, [event.other])


def _fold(courses: Sequence[Course]) -> tuple[tuple[Course, ...], tuple[Folded, ...]]:
    """Courses of which no two have a cluster in common. Of those that have, one goes on with the clusters of all: one
    of which readers were told, if there is one, else one that fires, else the one that began first."""
    groups: list[list[Course]] = []
    for course in courses:
        met = [group for group in groups if any(set(one.clusters) & set(course.clusters) for one in group)]
        groups = [group for group in groups if group not in met]
        groups.append([*(one for group in met for one in group), course])
    kept, folded = list[Course](), list[Folded]()
    for group in groups:
        first, *others = sorted(group, key=_precedence)
        members = dict.fromkeys(name for one in (first, *others) for name in one.clusters)
        kept.append(replace(first, clusters=tuple(members)))
        folded += [Folded(other, first.surge_id) for other in others]
    return tuple(kept), tuple(folded)


def _precedence(course: Course) -> tuple[bool, bool, int, str]:
    return (not course.told, course.state is not State.FIRING, course.started_s, course.surge_id)
