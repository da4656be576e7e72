"""Alertmanager: follows `tickets.surges` in a group of its own and sends every surge to its v2 API. Beside the paths.

A thread of its own, with a client and an HTTP session of its own, so that an Alertmanager that hangs costs no ticket
anything. Offsets are committed once it has taken what stands before them: what it could not be told comes again, from
the topic, to whoever has the partition then. At a record of another version of Sluice it leaves the group for good, so
that a worker which can read it begins there: no ticket waits for that.
"""

import asyncio
import base64
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from agents.alerts import Alert, AlertPolicy, Desk
from agents.metrics import Metrics
from agents.state import end_if_newer
from agents.wire import Record, raise_unless_passing
from models.errors import Fatal, Transient
from schemas.codec import decode
from schemas.surge import Surge
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

_READ_AT_ONCE = 200
_ASK_S = 15.0
# A worker's stop must be over within 10 s; a request that hangs then is given up, and is sent again by the next one.
_STOP_S = 3.0


class Answer(StrEnum):
    """What became of alerts that were sent."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # they can never be taken as they stand
    FAILED = "failed"  # to be sent again


class Post(Protocol):
    """Sends alerts; never raises."""

    def __call__(self, alerts: Sequence[Alert]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class BridgePolicy:
    """Bounds of the bridge; all times in seconds.

    Attributes:
        alerts: when one is sent.
        most: alerts of one request.
        timeout_s: for one request.
        backoff_s: wait before a failed one is sent again, doubled up to `most_backoff_s`.
        poll_s: longest wait for records; bounds how late a stop is noticed.
        turn_s: how long alerts are sent, with a request more at most, before the client is polled again: five minutes
            without that, and the group gives the partitions to another. Enough to find the one at fault among
            `most`, each request as slow as may be.
    """

    alerts: AlertPolicy = AlertPolicy()  # noqa: RUF009 - frozen
    most: int = 64
    timeout_s: float = 10.0
    backoff_s: float = 1.0
    most_backoff_s: float = 60.0
    poll_s: float = 0.2
    turn_s: float = 120.0


class Alertmanager:
    """`POST /api/v2/alerts` of one Alertmanager, over a session in a loop of its own. One thread's; a context.

    Args:
        url: of Alertmanager; a name and a password in it become basic authentication and are told nobody.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url, self._headers = target_of(url)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._runner = asyncio.Runner()
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> "Alertmanager":
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.close()

    def __call__(self, alerts: Sequence[Alert]) -> Answer:
        return self._runner.run(self._post(alerts))

    async def _post(self, alerts: Sequence[Alert]) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        try:
            async with self._session.post(self._url, json=list(alerts), allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("alertmanager_unreachable", error=type(error).__name__, alerts=len(alerts))
            return Answer.FAILED
        if 200 <= status < 300:
            return Answer.DELIVERED
        _log.warning("alertmanager_refuses", status=status, alerts=len(alerts))
        # Of what is wrong with the alerts themselves; a wrong path, or no right to be here, is for people to mend.
        return Answer.REFUSED if status in {400, 413, 422} else Answer.FAILED


def target_of(url: str) -> tuple[str, dict[str, str]]:
    """Where alerts are posted, and the headers that go with them: a name and a password leave the address."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    name, _, password = login.partition(":")
    plain = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    path = f"{parts.path.rstrip('/')}/api/v2/alerts"
    return urlunsplit((parts.scheme, host, path, "", "")), {"Authorization": f"Basic {plain}"} if at else {}


class Bridge:
    """The thread between `tickets.surges` and Alertmanager.

    Args:
        build: makes a consumer that is a member of the bridge's group, is told where partitions end, and commits
            nothing by itself.
        open_post: makes what sends; a context.
        now_ms: the clock of the records.
    """

    def __init__(
        self,
        build: Callable[[], Any],
        open_post: Callable[[], Any],
        topic: str,
        metrics: Metrics,
        policy: BridgePolicy,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build, self._open_post, self._topic = build, open_post, topic
        self._metrics, self._policy, self._now_ms, self._clock = metrics, policy, now_ms, clock
        self._desk = Desk(policy.alerts)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alertmanager", daemon=True)
        self._retry_at, self._backoff_s = 0.0, policy.backoff_s
        self._ended_ms: int | None = None  # when the record was written that it ended at
        metrics.alert_age.set_function(self._age_s)
        for answer in Answer:  # a series that begins with its first failure has not increased, to an alert
            metrics.alerts.labels(answer.value)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live()
            except Fatal as error:
                _log.error("alertmanager_bridge_ended", why=str(error))
                return
            except Exception as error:
                # Whatever it is, tickets are routed on, and the next try begins with what is committed.
                cause = error.args[0].name() if isinstance(error, KafkaException) else type(error).__name__
                self._metrics.alerts.labels(Answer.FAILED.value).inc()
                _log.error("alertmanager_bridge_broke", error=cause)
                self._stopping.wait(self._policy.most_backoff_s)

    def _live(self) -> None:
        self._desk = Desk(self._policy.alerts)
        consumer = self._build()
        try:
            self.join(consumer)
            with self._open_post() as post:
                while not self._stopping.is_set():
                    self.turn(consumer, post)
        finally:
            consumer.close()

    def join(self, consumer: Any) -> None:
        """Join the group, in the background."""
        consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def turn(self, consumer: Any, post: Post) -> None:
        """Read what is there, send what is due, commit what is taken."""
        for record in consumer.consume(_READ_AT_ONCE, self._policy.poll_s):
            self._take(record)
        if self._clock() >= self._retry_at:
            self._deliver(post)
        commits = self._desk.commits()
        if commits:
            places = [TopicPartition(self._topic, number, offset) for number, offset in commits.items()]
            try:
                consumer.commit(offsets=places, asynchronous=False)
            except KafkaException as error:  # who has the partition now sends it once more
                _log.warning("alertmanager_not_committed", error=error.args[0].name())

    def _take(self, record: Record) -> None:
        if record.error() is not None:
            if record.error().code() == KafkaError._PARTITION_EOF:
                self._desk.reached_end(record.partition(), record.offset())
            else:
                raise_unless_passing(record.error())
            return
        surge_id, value = (record.key() or b"").decode(errors="replace"), record.value()
        try:
            surge = None if value is None else decode(Surge, value)
        except Unreadable as error:
            self._end_if_newer(record, error)
            self._metrics.alerts.labels(Answer.REFUSED.value).inc()
            _log.error("surge_unreadable", why=error.reason.value, offset=record.offset())
            return
        self._desk.take(record.partition(), record.offset(), surge_id, surge, self._written_ms(record))

    def _end_if_newer(self, record: Record, error: Unreadable) -> None:
        try:
            end_if_newer(record, error)
        except Fatal:
            self._ended_ms = self._written_ms(record)  # it has yet to be told, and people are to hear of that
            raise

    def _written_ms(self, record: Record) -> int:
        kind, written_ms = record.timestamp()
        return written_ms if kind else self._now_ms()

    def _deliver(self, post: Post) -> None:
        """Send what is due, in requests of a bounded size, until one fails; what there is no time for is due again."""
        now, most = self._clock(), self._policy.most
        due = self._desk.due(now)
        waiting = deque(due[start : start + most] for start in range(0, len(due), most))
        while waiting and self._clock() < now + self._policy.turn_s and not self._stopping.is_set():
            some = waiting.popleft()
            answer = self._send(post, some)
            if answer is Answer.REFUSED and len(some) > 1:  # one of them is at fault, the others need not be
                half = len(some) // 2
                waiting.extendleft((some[half:], some[:half]))
            if answer is Answer.FAILED:
                self._retry_at = self._clock() + self._backoff_s
                self._backoff_s = min(2 * self._backoff_s, self._policy.most_backoff_s)
                return
            self._backoff_s = self._policy.backoff_s

    def _send(self, post: Post, places: Sequence[tuple[int, str]]) -> Answer:
        answer = post(self._desk.alerts(places, self._now_ms()))
        if answer is not Answer.REFUSED or len(places) == 1:
            self._metrics.alerts.labels(answer.value).inc(len(places))
        if answer is Answer.DELIVERED or (answer is Answer.REFUSED and len(places) == 1):
            self._desk.taken(places, self._clock())
        return answer

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        """Begin at the beginning: what fires is to be sent again, whoever sent it before."""
        for place in consumer.committed(partitions, _ASK_S):
            if place.error is not None:
                raise Transient(f"committed offset of {place.topic} {place.partition}: {place.error.name()}")
            self._desk.gain(place.partition, place.offset)
        consumer.assign([TopicPartition(one.topic, one.partition, OFFSET_BEGINNING) for one in partitions])
        _log.info("surges_gained", partitions=sorted(place.partition for place in partitions))

    def _revoked(self, _: Any, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            self._desk.lose(place.partition)

    def _age_s(self) -> float:
        written_ms = [one for one in (self._desk.oldest_ms(), self._ended_ms) if one is not None]
        return max(0, self._now_ms() - min(written_ms)) / 1000 if written_ms else 0.0
