"""The surge path over an in-memory Kafka: what is counted, what is told, and that neither depends on how often the
worker ends."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from confluent_kafka import KafkaError

from agents.surge_content import link_of
from models.errors import Fatal, Transient
from models.generation import Generation, LineageEvent
from models.surge.detect import Detection, Detector, DetectPolicy
from models.surge.window import DAY_S, WindowPolicy, Windows
from schemas.codec import encode
from schemas.contract import epoch_ms_of, time_of
from schemas.dead_letter import DeadReason
from schemas.feedback import Correction, CorrectionKind
from schemas.surge import CourseState, Surge, SurgeDay, SurgeNotice, SurgeStatus
from tests.fakes.generations import generation, unit_rows
from tests.fakes.kafka import FakeProducer, error
from tests.fakes.records import record
from tests.fakes.surges import CLUSTERS, DIM, NAMES, START_S, Life, Standing, Town, in_force

BUCKET_S, HOUR_S = 300, 3_600


class ByTheHour(Detector):
    """Ten tickets within an hour surge, until there are fewer than five: what a test can work out by hand."""

    def detect(self, windows: Windows, now_s: int, since_s: Mapping[str, int] | None = None) -> Detection:
        at_s = now_s - now_s % BUCKET_S
        end = (at_s - windows.settled_until_s) // BUCKET_S
        observed = windows.buckets[:, end - 12 : end].sum(axis=1).astype(np.float64)
        q = np.where(observed >= 10, 1e-9, 1.0)
        hours = np.full(len(q), HOUR_S, dtype=np.int64)
        expected, started = np.ones(len(q)), at_s - hours
        enters, stays, over = observed >= 10, observed >= 5, observed < 0
        return Detection(at_s, q, q, enters, stays, hours, observed, expected, started, over)


class Listening(ByTheHour):
    """The same, and it keeps from when on it was told to look."""

    def __init__(self, policy: DetectPolicy, window_policy: WindowPolicy) -> None:
        super().__init__(policy, window_policy)
        self.asked: list[Mapping[str, int]] = []

    def detect(self, windows: Windows, now_s: int, since_s: Mapping[str, int] | None = None) -> Detection:
        self.asked.append(since_s or {})
        return super().detect(windows, now_s, since_s)


class Broken(Detector):
    """A defect."""

    def detect(self, windows: Windows, now_s: int, since_s: Mapping[str, int] | None = None) -> Detection:
        raise ZeroDivisionError("a defect")


def by_the_hour() -> Detector:
    return ByTheHour(DetectPolicy(), WindowPolicy())


@pytest.fixture
def town() -> Town:
    return Town(detector=by_the_hour)


def notices(town: Town) -> list[tuple[str, str]]:
    return [(surge.surge_id, surge.notice.value if surge.notice else "") for surge in town.surges()]


# -- counting


def test_a_count_stands_in_the_bucket_of_its_own_time(town: Town) -> None:
    life = Life(town)
    times = [START_S, START_S - 10, START_S - BUCKET_S, START_S - DAY_S + 60, START_S + BUCKET_S]
    for at_s in times:
        town.count("c-1", at_s)
    life.turn()
    buckets = {
        int(key.partition("/")[2]) * DAY_S + int(number) * BUCKET_S: count
        for key, value in town.last_of_state().items()
        for number, count in SurgeDay.model_validate_json(value).buckets.items()
    }
    expected: dict[int, int] = {}
    for at_s in times:
        expected[at_s - at_s % BUCKET_S] = expected.get(at_s - at_s % BUCKET_S, 0) + 1
    assert buckets == expected
    assert town.told("surge_counts_total", placement="late") == 3
    assert town.told("surge_counts_total", placement="counted") == 2


@pytest.mark.parametrize("restarted", [False, True], ids=["in one life", "by the next life too"])
def test_a_ticket_counts_once_a_day_for_a_cluster(town: Town, restarted: bool) -> None:
    life = Life(town)
    ticket = town.count("c-1")
    life.turn()
    if restarted:
        life = Life(town)
    town.count("c-1", ticket_id=ticket)
    town.count("c-2", ticket_id=ticket)
    town.now_s += 23 * HOUR_S
    town.count("c-1", ticket_id=ticket)
    life.turn()
    assert town.counted() == {"c-1": 1, "c-2": 1}
    assert town.told("surge_counts_total", placement="repeated") == 2
    town.now_s += 2 * HOUR_S
    town.count("c-1", ticket_id=ticket)
    life.turn()
    assert town.counted() == {"c-1": 2, "c-2": 1}


@pytest.mark.parametrize("restarted", [False, True], ids=["in one life", "by the next life too"])
@pytest.mark.parametrize("again", ["c-1", "c-2"], ids=["under its old name", "under its new name"])
def test_a_ticket_of_a_cluster_that_was_merged_meanwhile_counts_once(
    town: Town, again: str, restarted: bool
) -> None:
    life = Life(town)
    ticket = town.count("c-1")
    life.tick()
    town.standing.in_force = in_force(after("merged", town.now_s * 1000), "g-2")
    if restarted:
        life = Life(town)
    town.now_s += BUCKET_S
    town.count(again, ticket_id=ticket)
    town.count("c-2")
    life.tick()
    assert town.counted() == {"c-2": 2}
    assert town.told("surge_counts_total", placement="repeated") == 1


def test_of_a_count_whose_clock_is_ahead_or_that_is_none_a_dead_letter_says_why(town: Town) -> None:
    life = Life(town)
    town.count("c-1", START_S + 301)
    town.write(b"no count")
    town.write(None)
    town.count("c-1")
    life.turn()
    assert [letter.reason for letter in town.dead()] == [
        DeadReason.AHEAD,
        DeadReason.NOT_JSON,
        DeadReason.NO_VALUE,
    ]
    assert {letter.source.topic for letter in town.dead()} == {NAMES.counts}
    assert town.counted() == {"c-1": 1}
    assert town.told("dead_letters_total", reason="ahead") == 1
    assert town.told("surge_counts_total", placement="unreadable") == 2


def test_one_of_days_ago_is_history(town: Town) -> None:
    """An import of last week's tickets, or a queue that stood: what surges is judged by them too."""
    life = Life(town)
    for _ in range(2):
        town.count("c-1", START_S - 5 * DAY_S)
    life.turn()
    town.count("c-1", START_S - 5 * DAY_S)
    Life(town, member="b").turn()
    assert (town.counted(), town.dead()) == ({"c-1": 3}, [])
    assert town.told("surge_counts_total", placement="history") == 3


def test_one_of_before_the_days_that_are_kept_is_passed_over(town: Town) -> None:
    life = Life(town)
    town.count("c-1", START_S - 29 * DAY_S)
    life.turn()
    assert (town.counted(), town.dead()) == ({}, [])
    assert town.told("surge_counts_total", placement="too_late") == 1


def test_lateness_is_told_by_when_a_count_was_written_not_by_when_it_is_read(town: Town) -> None:
    """A worker that stood still for three days counts all that was written meanwhile, each at its own time."""
    for day in range(3):
        town.count("c-1", START_S + day * DAY_S, written_s=START_S + day * DAY_S)
    town.now_s = START_S + 3 * DAY_S
    Life(town).turn()
    assert town.counted() == {"c-1": 3}


def test_a_history_is_read_at_its_own_pace_and_what_is_beyond_it_gets_a_null(town: Town) -> None:
    for day in range(40):
        town.count("c-1", START_S + day * DAY_S, written_s=START_S + day * DAY_S)
    town.now_s = START_S + 40 * DAY_S
    Life(town).tick()
    assert town.counted() == {"c-1": 28}
    first = (START_S + 12 * DAY_S) // DAY_S
    assert min(int(key.partition("/")[2]) for key in town.last_of_state()) == first


def test_a_clock_that_leaps_takes_no_history_with_it(town: Town) -> None:
    """What a tick of a worker's wrong clock says no ticket says too."""
    for _ in range(3):
        town.count("c-1")
    life = Life(town)
    life.tick()
    town.now_s += 40 * DAY_S
    for _ in range(3):
        life.tick()
    Life(town).tick()
    assert town.counted() == {"c-1": 3}
    assert town.told("surge_failures_total", error="clock") == 2  # once a life
    assert town.surges() == []
    town.now_s -= 40 * DAY_S - HOUR_S
    town.count("c-1")
    life = Life(town)
    life.tick()
    assert town.counted() == {"c-1": 4}
    assert life.path.looked_s == town.now_s - town.now_s % BUCKET_S


def test_a_record_of_a_clock_that_leaps_is_counted_at_its_tickets_own_time(town: Town) -> None:
    life = Life(town)
    town.count("c-1")
    life.turn()
    town.now_s += 40 * DAY_S
    town.count("c-1", START_S + HOUR_S)
    town.count("c-1", START_S + 2 * HOUR_S)
    life.turn()
    assert town.counted() == {"c-1": 3}
    assert life.state.now_s == START_S + 2 * HOUR_S
    assert town.told("surge_failures_total", error="clock") == 1
    assert town.dead() == []


@pytest.mark.parametrize("days", [6, 40])
def test_after_a_standstill_time_goes_on_by_the_word_of_a_ticket(town: Town, days: int) -> None:
    life = Life(town)
    town.count("c-1")
    life.turn()
    town.now_s += days * DAY_S
    if days == 40:
        town.count("c-2")
    life.tick()
    assert life.state.now_s == town.now_s
    assert life.path.looked_s == town.now_s
    assert town.counted() == ({"c-1": 1} if days == 6 else {"c-2": 1})
    assert town.told("surge_failures_total", error="clock") == 0


def test_of_a_time_that_this_workers_clock_has_yet_to_come_to_it_is_told_once(town: Town) -> None:
    """A worker before it, whose clock was two days ahead, read counts that were written by that clock."""
    town.now_s += 2 * DAY_S
    town.count("c-1")
    Life(town).turn()
    town.now_s -= 2 * DAY_S
    life = Life(town)
    for _ in range(2):
        life.tick()
    assert town.told("surge_failures_total", error="clock") == 1


def test_clusters_of_the_generation_are_watched_and_others_while_they_have_counts(town: Town) -> None:
    life = Life(town)
    town.count("c-of-before")
    life.tick()
    assert town.told("surge_clusters") == len(CLUSTERS) + 1
    town.now_s += 30 * DAY_S
    town.count("c-2")
    life.tick()
    assert town.counted() == {"c-2": 1}
    assert town.told("surge_clusters") == len(CLUSTERS)


def test_a_cluster_without_a_ticket_is_no_young_one(town: Town) -> None:
    """It is known that it had none since counting began, or since it came."""
    life = Life(town)
    town.count("c-1")
    life.tick()
    town.now_s += 9 * DAY_S
    town.count("c-1")
    life.tick()
    town.now_s += BUCKET_S
    life.tick()
    first_s = {name: life.state.windows.first_seen_s(name) for name in ("c-1", "c-2")}
    assert first_s["c-1"] == first_s["c-2"] == START_S - START_S % HOUR_S


# -- what is committed, and nothing else


def lose_state(town: Town) -> None:
    """Somebody deletes `tickets.surge-state` and makes it again."""
    town.kafka.logs[NAMES.surge_state, 0].clear()


def test_a_state_that_was_lost_is_counted_again_from_the_counts(town: Town) -> None:
    ticket = town.count("c-3")
    town.write(b"no count")
    for day in range(33):
        town.now_s = START_S + day * DAY_S
        for _ in range(1 + day % 3):
            town.count(f"c-{day % 2}")
    town.count("c-2", START_S + 20 * DAY_S)
    ticket = town.count("c-2")
    town.count("c-2", ticket_id=ticket)
    Life(town).tick()

    def days() -> dict[str, dict[str, int]]:
        """Of settled days a count stands in the first bucket of its hour, or in its own: the hours are what is kept."""
        found: dict[str, dict[str, int]] = {}
        for key, value in town.last_of_state().items():
            hours = found.setdefault(key, {})
            for number, n in SurgeDay.model_validate_json(value).buckets.items():
                hours[str(int(number) // 12)] = hours.get(str(int(number) // 12), 0) + n
        return found

    before, last = town.counted(), days()
    assert set(before) == {"c-0", "c-1", "c-2"}
    lose_state(town)
    life = Life(town)
    stumble(life, 2)
    for _ in range(3):
        life.tick()
    assert town.counted() == before
    assert days() == last
    town.count("c-2", ticket_id=ticket)
    town.count("c-1")
    Life(town).turn()
    assert town.counted() == before + Counter({"c-1": 1})
    assert len(town.dead()) == 1


def test_what_was_counted_in_a_cluster_that_is_merged_by_now_is_counted_again_in_the_other(
    town: Town,
) -> None:
    life = Life(town)
    for _ in range(4):
        town.count("c-1")
    town.now_s += DAY_S
    town.count("c-2")
    life.tick()
    town.standing.in_force = in_force(after("merged", town.now_s * 1000), "g-2")
    lose_state(town)
    town.count("c-2")
    Life(town).tick()
    assert town.counted() == {"c-2": 6}


class Stumbling(FakeProducer):
    """A producer whose next commits fail and are aborted."""

    failures: int

    def commit_transaction(self, timeout: float) -> None:
        if self.failures:
            self.failures -= 1
            raise self.fail(error(KafkaError.INVALID_PRODUCER_EPOCH, txn_requires_abort=True))
        super().commit_transaction(timeout)


def stumble(life: Life, failures: int) -> None:
    life.producer.__class__ = Stumbling
    life.producer.failures = failures  # type: ignore[attr-defined]


def test_what_an_aborted_batch_changed_does_not_stay(town: Town) -> None:
    life = Life(town)
    town.count("c-1")
    life.turn()
    stumble(life, 2)
    ticket = town.count("c-1")
    town.count("c-2", ticket_id=ticket)
    life.turn()
    assert len([batch for batch in life.batches if len(batch.records) == 2]) == 3
    assert town.counted() == {"c-1": 2, "c-2": 1}
    assert life.state.windows.day("c-1", START_S // DAY_S) == {START_S % DAY_S // BUCKET_S: 2}


def test_a_page_whose_transaction_was_aborted_is_told_once(town: Town) -> None:
    life = Life(town)
    life.tick()
    for _ in range(10):
        town.count("c-1")
    town.now_s += BUCKET_S
    town.count("c-2")
    stumble(life, 3)
    life.turn()
    assert [notice for _, notice in notices(town)] == ["firing"]


def test_who_has_lost_the_counts_says_nothing_more(town: Town) -> None:
    first = Life(town)
    for _ in range(10):
        town.count("c-1")
    first.turn()
    second = Life(town, member="b")
    town.now_s += BUCKET_S
    second.tick()
    second.now += 5.0
    second.turn(2)
    first.tick()
    assert [notice for _, notice in notices(town)] == ["firing"]
    assert town.counted() == {"c-1": 10}


def test_the_next_owner_reads_what_the_last_commit_still_holds_back() -> None:
    """Of a transaction that is committed the records come a moment after the answer."""
    town = Town(detector=by_the_hour)
    life = Life(town)
    town.count("c-1")
    life.turn()
    held = [stored for stored in town.kafka.logs[NAMES.surge_state, 0] if not stored.aborted]
    held[-1].producer = life.producer  # its mark has yet to be written
    looks: list[int] = []

    class Later(type(life.state._lookup._client())):  # type: ignore[misc]
        def consume(self, num_messages: int, timeout: float) -> list[object]:
            looks.append(1)
            if len(looks) == 3:
                held[-1].producer = None
            return list(super().consume(num_messages, timeout))

    second = Life(town)
    second.state._lookup._connect = lambda _: Later(town.kafka)
    town.count("c-1")
    second.turn()
    assert len(looks) >= 3
    assert town.counted() == {"c-1": 2}


# -- surges


def surge_of(town: Town, life: Callable[[], Life]) -> None:
    """A cluster rises for half an hour and is quiet for three hours and a half, seen tick by tick."""
    for step in range(12 * 4):
        town.now_s += BUCKET_S
        if step < 6:
            for _ in range(5):
                town.count("c-1", customer_id=f"customer-{step}")
        life().tick()


@pytest.mark.parametrize("often", [False, True], ids=["one life", "a life for every tick"])
def test_a_surge_has_one_life_from_firing_to_resolved(town: Town, often: bool) -> None:
    life = Life(town)
    surge_of(town, (lambda: Life(town)) if often else (lambda: life))
    found = town.surges()
    assert [(one.notice, one.status) for one in found] == [
        (SurgeNotice.FIRING, SurgeStatus.FIRING),
        (SurgeNotice.GREW, SurgeStatus.FIRING),
        (SurgeNotice.RESOLVED, SurgeStatus.RESOLVED),
    ]
    assert len({one.surge_id for one in found}) == 1
    assert [(one.surge_id, one.state) for one in town.courses()] == [(found[0].surge_id, CourseState.ENDED)]
    assert {kind: town.told("surges", state=kind) for kind in ("pending", "firing", "resolved")} == {
        "pending": 0,
        "firing": 0,
        "resolved": 0,
    }
    assert town.counted() == {"c-1": 30}
    assert [found[0].observed, found[1].observed] == [10, 20]


@pytest.mark.parametrize("often", [False, True], ids=["one life", "a life for every tick"])
def test_an_end_is_remembered_for_a_day_and_what_rises_meanwhile_is_another_surge(often: bool) -> None:
    detector = Listening(DetectPolicy(), WindowPolicy())
    town = Town(detector=lambda: detector)
    life = Life(town)
    surge_of(town, (lambda: Life(town)) if often else (lambda: life))
    (ended,) = town.courses()
    since_s = epoch_ms_of(ended.since) // 1000
    assert detector.asked[0] == {}
    surge_of(town, (lambda: Life(town)) if often else (lambda: life))
    assert detector.asked[-1]["c-1"] > since_s
    assert since_s in {asked.get("c-1") for asked in detector.asked}
    told = [surge_id for surge_id, notice in notices(town) if notice in ("firing", "resolved")]
    assert told[0] == told[1] != told[2] == told[3]
    assert {one.surge_id for one in town.courses()} == {told[0], told[2]}
    town.now_s += DAY_S
    (Life(town) if often else life).tick()
    assert town.courses() == []


@pytest.mark.parametrize("calm", [True, False], ids=["it is over", "it goes on"])
@pytest.mark.parametrize("lost", ["the state", "the course"])
def test_a_surge_whose_course_was_lost_pages_once_and_is_resolved(town: Town, lost: str, calm: bool) -> None:
    life = Life(town)
    for _ in range(10):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    (told,) = town.surges()
    made = in_force().generation
    town.standing.in_force = in_force(
        replace(made, clusters=tuple(replace(one, owner="web") for one in made.clusters)), "g-2"
    )
    if lost == "the state":
        lose_state(town)
    else:
        log, key = town.kafka.logs[NAMES.surge_state, 0], told.surge_id.encode()
        for stored in log:
            stored.aborted |= stored.key == key  # compaction keeps the last alone
        town.kafka.append(NAMES.surge_state, 0, key, b"{")
    for step in range(12 * 5):
        town.now_s += BUCKET_S
        if not calm and step < 18:
            town.count("c-1")
        Life(town).tick()
    assert {surge_id for surge_id, _ in notices(town)} == {told.surge_id}
    assert {surge.first_told for surge in town.surges()} == {("c-1", "mobile")}
    assert [notice for _, notice in notices(town) if notice != "grew"] == ["firing", "resolved"]
    assert (town.surges()[-1].resolved_at or told.updated_at) > told.updated_at
    assert [(one.surge_id, one.state) for one in town.courses()] == [(told.surge_id, CourseState.ENDED)]


def test_an_end_whose_course_was_lost_is_remembered(town: Town) -> None:
    """Else a window of a day would find the old surge again, and page for it."""
    detector = Listening(DetectPolicy(), WindowPolicy())
    town.detector = lambda: detector
    life = Life(town)
    surge_of(town, lambda: life)
    resolved_at = town.surges()[-1].resolved_at
    assert resolved_at is not None
    lose_state(town)
    town.now_s += BUCKET_S
    Life(town).tick()
    assert detector.asked[-1] == {"c-1": epoch_ms_of(resolved_at) // 1000}
    town.now_s += DAY_S
    life = Life(town)
    life.tick()
    town.now_s += BUCKET_S
    life.tick()
    assert (town.courses(), detector.asked[-1]) == ([], {})


def test_an_end_that_is_committed_and_cannot_be_read_yet_is_waited_for(town: Town) -> None:
    life = Life(town)
    for name in ("c-1", "c-2"):
        for _ in range(10):
            town.count(name)
    town.now_s += BUCKET_S
    life.tick()
    town.standing.in_force = in_force(after("merged", town.now_s * 1000), "g-2")
    town.now_s += BUCKET_S
    life.tick()
    assert [notice for _, notice in notices(town)] == ["firing", "firing", "resolved", "grew"]
    (held,) = [stored for stored in town.kafka.logs[NAMES.surges, 0] if b'"merged"' in (stored.value or b"")]
    held.producer = life.producer  # its mark has yet to be written
    looks: list[int] = []

    class Later(type(life.state._lookup._client())):  # type: ignore[misc]
        def consume(self, num_messages: int, timeout: float) -> list[object]:
            looks.append(1)
            if len(looks) == 12:
                held.producer = None
            return list(super().consume(num_messages, timeout))

    second = Life(town)
    second.state._lookup._connect = lambda _: Later(town.kafka)
    second.tick()
    assert len(looks) >= 12
    assert len(second.state.courses) == 1


def test_what_is_told_of_a_surge(town: Town) -> None:
    life = Life(town)
    life.tells("c-1", "t-1", "the camera stays black", 1)
    life.tells("c-2", "t-2", "another problem", 2)
    life.tells("c-1", "t-3", "no picture in the camera", 3)
    for number in range(11):
        town.count("c-1", customer_id="one" if number < 5 else None)
    town.now_s += BUCKET_S
    life.tick()
    (surge,) = town.surges()
    assert (surge.cluster.id, surge.cluster.name, surge.owner, surge.sla_minutes) == (
        "c-1",
        "problem 1",
        "mobile",
        60,
    )
    assert (surge.observed, surge.expected, surge.ratio, surge.q_value) == (11, 1.0, 11.0, 1e-9)
    assert (surge.window.start, surge.window.end) == (
        time_of((town.now_s - HOUR_S) * 1000),
        time_of(town.now_s * 1000),
    )
    assert surge.started_at == time_of((town.now_s - HOUR_S) * 1000)
    assert surge.customers_affected == 7
    assert set(surge.descriptions) == {"the camera stays black", "no picture in the camera"}
    assert surge.runbook == "https://runbooks.example.com/c-1"
    assert surge.generation_id == "g-1"
    assert surge.ticket_ids == [f"t-{number + 1}" for number in range(11)]
    assert surge.chart is not None
    assert (len(surge.chart.hours), sum(surge.chart.hours)) == (168, 11)
    assert [member.id for member in surge.members] == ["c-1"]


@pytest.mark.parametrize(
    ("base", "cluster_id", "link"),
    [
        (None, "c-1", None),
        ("https://wiki.example.com/", "c-1", "https://wiki.example.com/c-1"),
        ("https://wiki.example.com/{cluster}?v=2", "c-1", "https://wiki.example.com/c-1?v=2"),
        ("https://wiki.example.com", "a/b #1", "https://wiki.example.com/a%2Fb%20%231"),
        ("https://wiki.example.com/?c={cluster}", "a&b", "https://wiki.example.com/?c=a%26b"),
    ],
    ids=["none", "behind", "in place", "odd characters behind", "odd characters in place"],
)
def test_where_the_runbook_of_a_cluster_is(base: str | None, cluster_id: str, link: str | None) -> None:
    assert link_of(base, cluster_id) == link


def test_what_was_over_before_it_could_be_told_pages_nobody(town: Town) -> None:
    for _ in range(50):
        town.count("c-1")
    town.now_s += 6 * HOUR_S
    town.count("c-2")
    Life(town).tick()
    assert town.surges() == []
    assert town.counted() == {"c-1": 50, "c-2": 1}


def test_what_still_goes_on_after_a_standstill_pages_once_the_present_is_read(town: Town) -> None:
    for _ in range(60):
        town.now_s += 120
        town.count("c-1")
    town.now_s += 60
    life = Life(town)
    life.turn()
    life.tick()
    assert [notice for _, notice in notices(town)] == ["firing"]
    assert town.surges()[0].updated_at > time_of((town.now_s - 600) * 1000)


def test_counts_that_come_late_are_looked_at_without_waiting_for_the_next_bucket(town: Town) -> None:
    life = Life(town)
    town.count("c-2")
    life.turn()
    for _ in range(12):
        town.count("c-1", START_S - 600)
    life.turn()
    assert notices(town) == []  # more may be on its way
    life.tick()
    assert [notice for _, notice in notices(town)] == ["firing"]
    assert town.told("surge_evaluation_seconds_count") == 2
    life.tick()
    assert town.told("surge_evaluation_seconds_count") == 2  # and none that came since


def test_the_look_follows_the_ends_of_buckets(town: Town) -> None:
    life = Life(town)
    for _ in range(3):
        town.now_s += 100
        town.count("c-1")
        life.tick()
    assert town.told("surge_evaluation_seconds_count") == 2  # at the start, and after the first bucket


def after(way: str, at_ms: int) -> Generation:
    """The generation in which c-1 was merged into c-2, or split off it."""
    rows = unit_rows(len(CLUSTERS), DIM, 1)
    made = generation(["mobile"] * len(CLUSTERS), rows, list(enumerate(rows)))
    if way == "split":
        return replace(made, lineage=(LineageEvent("split", "c-2", "c-1", 0.5, at_ms),))
    rows = np.delete(rows, 1, 0)
    return replace(
        made,
        clusters=tuple(one for one in made.clusters if one.id != "c-1"),
        centroids=rows,
        exemplars=rows.astype(np.float16),
        exemplar_cluster=made.exemplar_cluster[:-1],
        lineage=(LineageEvent("merged", "c-1", "c-2", 1.0, at_ms),),
    )


@pytest.mark.parametrize("way", ["merged", "split"])
def test_counts_and_surge_follow_their_cluster_into_another_generation(town: Town, way: str) -> None:
    life = Life(town)
    for _ in range(40):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    town.standing.in_force = in_force(after(way, town.now_s * 1000), "g-2")
    town.now_s += BUCKET_S
    town.count("c-1", generation_id="g-1")  # decided on under the one before
    life.tick()
    (course,) = town.courses()
    assert course.surge_id == town.surges()[0].surge_id
    assert course.generation_id == "g-2"
    if way == "merged":
        assert town.counted() == {"c-2": 41}
        assert course.clusters == ["c-2"]
        assert all(surge.cluster.id == "c-2" for surge in town.surges()[1:])
    else:
        assert sum(town.counted().values()) == 41
        assert 0 < town.counted()["c-2"] < 41
        assert set(course.clusters) == {"c-1", "c-2"}
    held = {name: sum(life.state.windows.hours(name, 72)) for name in town.counted()}
    assert held == dict(town.counted())
    Life(town).tick()
    assert {surge.surge_id for surge in town.surges()} == {course.surge_id}
    assert sum(town.counted().values()) == 41


def test_what_was_said_in_a_cluster_that_was_merged_still_tells_of_the_surge(town: Town) -> None:
    life = Life(town)
    life.tells("c-1", "t-1", "the camera stays black")
    for _ in range(40):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    town.standing.in_force = in_force(after("merged", town.now_s * 1000), "g-2")
    for _ in range(120):
        town.count("c-2")
    town.now_s += BUCKET_S
    life.tick()
    assert [(one.notice, one.cluster.id, one.descriptions) for one in town.surges()] == [
        (SurgeNotice.FIRING, "c-1", ["the camera stays black"]),
        (SurgeNotice.GREW, "c-2", ["the camera stays black"]),
    ]


def test_what_a_surge_was_first_told_with_stays_through_a_merge_another_owner_and_a_restart(
    town: Town,
) -> None:
    """Else an alert that is known by them would be another one from then on, and the first never end."""
    life = Life(town)
    for _ in range(40):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    made = after("merged", town.now_s * 1000)
    owned = tuple(replace(one, owner="web") for one in made.clusters)
    town.standing.in_force = in_force(replace(made, clusters=owned), "g-2")
    life = Life(town)
    for _ in range(120):
        town.count("c-2")
    town.now_s += BUCKET_S
    life.tick()
    for _ in range(60):
        town.now_s += BUCKET_S
        life.tick()
    assert [(one.notice, one.cluster.id, one.owner, one.first_told) for one in town.surges()] == [
        (SurgeNotice.FIRING, "c-1", "mobile", ("c-1", "mobile")),
        (SurgeNotice.GREW, "c-2", "web", ("c-1", "mobile")),
        (SurgeNotice.RESOLVED, "c-2", "web", ("c-1", "mobile")),
    ]


# -- people


def says(kind: CorrectionKind, cluster_id: str, at_s: int, until_s: int | None = None) -> Correction:
    return Correction(
        feedback_id=f"f-{kind.value}-{at_s}",
        kind=kind,
        ticket_id=None,
        owner=None,
        cluster_id=cluster_id,
        decided_owner=None,
        generation_id="g-1",
        text=None,
        until=None if until_s is None else time_of(until_s * 1000),
        at=time_of(at_s * 1000),
    )


def test_people_are_heard_with_the_next_tick(town: Town) -> None:
    life = Life(town)
    for _ in range(10):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    town.now_s += 30
    act = says(CorrectionKind.ACKNOWLEDGED, "c-1", town.now_s, town.now_s + HOUR_S)
    life.word.on_correction(record(encode(act), key=b"f-1", topic=NAMES.corrections))
    life.tick()
    assert [notice for _, notice in notices(town)] == ["firing", "acknowledged"]
    assert town.surges()[-1].acknowledged_until == time_of((town.now_s + HOUR_S) * 1000)
    Life(town).tick()
    assert len(town.surges()) == 2


def test_what_is_said_of_a_member_is_said_of_its_surge(town: Town) -> None:
    life = Life(town)
    for name in ("c-1", "c-2"):
        for number in range(10):
            town.count(name, customer_id=f"both-{number}")
    for name in (
        "c-3",
        "c-4",
        "c-5",
        "c-6",
        "c-7",
    ):  # other customers: else these two have in common what all have
        for _ in range(9):
            town.count(name)
    town.now_s += BUCKET_S
    life.tick()
    (surge,) = town.surges()
    assert len(surge.members) == 2
    town.now_s += 30
    for number, kind in enumerate((CorrectionKind.ACKNOWLEDGED, CorrectionKind.SILENCED)):
        act = says(kind, surge.members[1].id, town.now_s, town.now_s + HOUR_S)
        life.word.on_correction(
            record(encode(act), number, key=f"f-{number}".encode(), topic=NAMES.corrections)
        )
        life.tick()
    until = time_of((town.now_s + HOUR_S) * 1000)
    assert [notice for _, notice in notices(town)] == ["firing", "acknowledged", "silenced"]
    assert (town.surges()[-1].acknowledged_until, town.surges()[-1].silenced_until) == (until, until)


# -- troubles


def test_a_defect_in_the_look_keeps_no_count_from_being_counted(town: Town) -> None:
    town.detector = lambda: Broken(DetectPolicy(), WindowPolicy())
    life = Life(town)
    for _ in range(3):
        town.count("c-1")
        life.tick()
    assert town.counted() == {"c-1": 3}
    assert town.told("surge_failures_total", error="ZeroDivisionError") == 1
    town.now_s += BUCKET_S
    life.tick()
    assert town.told("surge_failures_total", error="ZeroDivisionError") == 2
    assert town.told("rewinds_total", cause="ZeroDivisionError") == 0


def test_without_a_generation_the_counts_wait(town: Town) -> None:
    town.standing = Standing(None)
    life = Life(town)
    town.count("c-1")
    life.turn(3)
    assert isinstance(life.batches[0].error, Transient)
    assert town.counted() == {}
    town.standing.in_force = in_force()
    life.turn()
    assert town.counted() == {"c-1": 1}


@dataclass(frozen=True)
class Spoilt:
    """A record of the state that is not as this version writes it."""

    key: bytes
    value: bytes


DAY = b"c-1/%d" % (START_S // DAY_S)


@pytest.mark.parametrize(
    "spoilt",
    [Spoilt(DAY, b"{"), Spoilt(b"s-1", b'{"schema_version":1}')],
    ids=["a day", "a course"],
)
def test_what_cannot_be_read_of_the_state_is_passed_over_and_counted(town: Town, spoilt: Spoilt) -> None:
    town.kafka.append(NAMES.surge_state, 0, spoilt.key, spoilt.value)
    town.count("c-1")
    Life(town).turn()
    assert town.counted()["c-1"] == 1
    assert town.told("state_unreadable_total", reader="surges") == 1


@pytest.mark.parametrize("key", [DAY, b"s-1"], ids=["a day", "a course"])
def test_what_another_version_wrote_ends_the_worker(town: Town, key: bytes) -> None:
    town.kafka.append(NAMES.surge_state, 0, key, b'{"schema_version":2}')
    town.count("c-1")
    life = Life(town)
    with pytest.raises(Fatal, match="another version of Sluice"):
        life.turn()
    assert town.kafka.visible(NAMES.surges) == []


def test_a_count_of_another_version_ends_the_worker_and_is_not_lost(town: Town) -> None:
    town.count("c-1")
    town.write(b'{"schema_version":2}')
    with pytest.raises(Fatal, match=r"tickets\.counts was written by another version of Sluice"):
        Life(town).turn()
    assert (town.dead(), town.counted()) == ([], {})


def test_the_gauges_of_who_lost_the_counts_are_empty(town: Town) -> None:
    life = Life(town)
    for _ in range(10):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    assert town.told("surges", state="firing") == 1
    town.kafka.rebalance("sluice-surge", {"a": []})
    life.turn(2)
    assert (town.told("surges", state="firing"), town.told("surge_clusters")) == (0, 0)


def test_a_surge_can_be_read_as_it_is_published(town: Town) -> None:
    life = Life(town)
    for _ in range(10):
        town.count("c-1")
    town.now_s += BUCKET_S
    life.tick()
    (stored,) = town.kafka.visible(NAMES.surges)
    assert stored.key == town.surges()[0].surge_id.encode()
    assert dict(stored.headers)["ce_source"] == b"/sluice/surge"
    assert Surge.model_validate_json(stored.value or b"").status is SurgeStatus.FIRING
