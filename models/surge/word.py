"""Word: what people said of a surge, and what its course makes of that. Beside lifecycle, whose rules it follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.surge.lifecycle import Course, Notice


@dataclass(frozen=True, slots=True)
class Word:
    """What people said last of the surges of a cluster, in epoch seconds.

    Attributes:
        acknowledged_at_s: when somebody said that they look at what surges; 0 where nobody did.
        acknowledged_until_s: until when that holds.
        silenced_until_s: until when nothing is told of it; the time at which a silence was taken back where one was;
            None where nobody ever silenced it.
        silenced_at_s: when that was said.
    """

    acknowledged_at_s: int = 0
    acknowledged_until_s: int = 0
    silenced_until_s: int | None = None
    silenced_at_s: int = 0


UNSAID = Word()


def word_of(course: Course, said: Mapping[str, Word]) -> Word:
    """What people said of a surge, by whichever of its clusters they named it.

    Args:
        said: what was said of the surges of each cluster; those of whom nobody spoke need not be in it.
    """
    words = [said.get(cluster_id, UNSAID) for cluster_id in course.clusters]
    looks = max(words, key=lambda one: one.acknowledged_at_s)
    silent = _silence(words, course.started_s)
    return replace(
        silent, acknowledged_at_s=looks.acknowledged_at_s, acknowledged_until_s=looks.acknowledged_until_s
    )


def _silence(words: Sequence[Word], started_s: int) -> Word:
    """The silence of a surge of these clusters.

    One said since it began is of all of it. One of before is of its cluster alone, and the surge is silent while all
    of them are: what is expected of one must not hide what rises in another.
    """
    last = max(words, key=lambda one: one.silenced_at_s)
    if last.silenced_at_s >= started_s or all(one.silenced_until_s is None for one in words):
        return last
    return Word(silenced_until_s=min(one.silenced_until_s or 0 for one in words))


def heed(course: Course, word: Word, now_s: int) -> tuple[Course, Notice | None]:
    """The course after what people said of it (`word_of`), and what is to be told of that (rule 8).

    An acknowledgement of before the surge was of another one; a silence is of the cluster, whatever rises. Of a surge
    that has ended nobody speaks any more.
    """
    if not course.is_open:
        return course, None
    notice: Notice | None = None
    until_s = word.acknowledged_until_s
    if word.acknowledged_at_s >= course.started_s and _news(until_s, course.acknowledged_until_s, now_s):
        course, notice = replace(course, acknowledged_until_s=until_s), Notice.ACKNOWLEDGED
    silent_s = word.silenced_until_s
    if silent_s is not None and _news(silent_s, course.silenced_until_s, now_s):
        notice = Notice.SILENCED if silent_s > now_s else Notice.UNSILENCED
        course = replace(course, silenced_until_s=silent_s)
    return course, notice if course.told else None


def _news(until_s: int, known_s: int, now_s: int) -> bool:
    """Whether it changes anything from now on."""
    return until_s != known_s and max(until_s, known_s) > now_s
