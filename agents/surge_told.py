"""Surges told: the courses that `tickets.surges` speaks of and `tickets.surge-state` does not. Under surge_state.

Both are written in one transaction, so there are such only where a record of the state was lost or cannot be read. A
surge that fires there would fire for ever, since nobody knows that its end is owed, and what rises in its clusters
would page again.
"""

from collections.abc import Collection

from confluent_kafka import OFFSET_BEGINNING

from agents.courses import course_told
from agents.follower import Lookup
from agents.metrics import Metrics
from agents.state import end_if_newer, pass_over
from agents.wire import Record
from models.surge.lifecycle import Course
from schemas.codec import decode
from schemas.surge import Surge
from schemas.unreadable import Unreadable


def courses_told(
    lookup: Lookup, topic: str, known: Collection[str], since_s: int, metrics: Metrics
) -> list[Course]:
    """The courses of surges that fire, or whose end was told after `since_s`, epoch seconds, but of those in `known`.

    Raises:
        Transient: the topic is missing or no broker answers.
        Fatal: another version of Sluice wrote it.
    """
    found: dict[bytes, tuple[int, Course]] = {}

    def take(record: Record) -> None:
        key, value = record.key() or b"", record.value()
        found.pop(key, None)
        if value is None:
            return
        try:
            course = course_told(decode(Surge, value))
        except Unreadable as error:
            end_if_newer(record, error)
            pass_over(record, error.reason.value, "surges", metrics)
            return
        if (
            course is not None
            and course.surge_id not in known
            and (course.is_open or course.since_s > since_s)
        ):
            found[key] = record.partition(), course

    lookup.read(topic, range(lookup.count(topic)), take)
    # Its last record may be committed and not readable yet: that it is over, as the state that was awaited says.
    for number in sorted({number for number, _ in found.values()}):
        lookup.read_until(topic, number, OFFSET_BEGINNING, lookup.end(topic, number), take)
    return [course for _, course in found.values()]
