"""Word: what people said of a surge, and what its course makes of that. Beside lifecycle, whose rules it follows."""

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
    """

    acknowledged_at_s: int = 0
    acknowledged_until_s: int = 0
    silenced_until_s: int | None = None


UNSAID = Word()


def heed(course: Course, word: Word, now_s: int) -> tuple[Course, Notice | None]:
    """The course after what people said of its lead, and what is to be told of that (rule 8).

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
