"""The surge path's law: what it counts and tells is the same whether it is never interrupted or ended, fenced, thrown
back and started again anywhere."""

from confluent_kafka import KafkaException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import Transient
from models.surge.detect import DetectPolicy
from models.surge.window import WindowPolicy
from schemas.surge import SurgeDay
from tests.fakes.faulty import FAULTS, Crash, Fault, FaultyProducer
from tests.fakes.surges import Life, Town
from tests.unit.agents.test_surge import ByTheHour

BUCKET_S = 300

# One step: minutes that pass, a cluster, how many tickets, and whether one of them was counted before.
STEPS = st.lists(
    st.tuples(st.integers(0, 45), st.integers(0, 2), st.integers(0, 14), st.booleans()),
    min_size=1,
    max_size=25,
)
# What happens before a step: nothing, another life, or a fault of the producer's.
TROUBLES = st.lists(st.one_of(st.none(), st.just("again"), st.sampled_from(FAULTS)), min_size=25, max_size=25)


class Faulted(Life):
    """A life whose producer fails where it is told to; over it begins another."""

    def arm(self, fault: Fault) -> None:
        producer = FaultyProducer(self.town.kafka, "sluice-surge.a")
        producer.init_transactions(1.0)
        producer.faults.append(fault)
        self.wire._producer = producer


def run(steps: list[tuple[int, int, int, bool]], troubles: list[str | Fault | None]) -> Town:
    town = Town(detector=lambda: ByTheHour(DetectPolicy(), WindowPolicy()))
    life, last = Faulted(town), town.count("c-9")

    def onwards() -> None:
        """To the end of what there is, and ticks until one came through."""
        nonlocal life
        for _ in range(4):
            try:
                life.tick()
                life.tick()
                return
            except (Crash, Transient, KafkaException):
                life = Faulted(town)
        raise AssertionError("it never came to rest")

    onwards()
    for (minutes, cluster, count, repeated), trouble in zip(steps, troubles, strict=False):
        town.now_s += 60 * minutes
        for _ in range(count):
            last = town.count(f"c-{cluster}")
        if repeated:
            town.count("c-9", ticket_id=last)
            town.count("c-9", ticket_id=last)
        if trouble == "again":
            life = Faulted(town)
        elif isinstance(trouble, Fault):
            life.arm(trouble)
        onwards()
    return town


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(STEPS, TROUBLES)
def test_an_interrupted_worker_counts_and_tells_what_one_that_never_was_does(
    steps: list[tuple[int, int, int, bool]], troubles: list[str | Fault | None]
) -> None:
    calm, shaken = run(steps, [None] * len(steps)), run(steps, troubles)
    assert told(shaken) == told(calm)
    assert days(shaken) == days(calm)
    assert shaken.courses() == calm.courses()


def told(town: Town) -> list[tuple[str, str, int]]:
    return [(one.surge_id, str(one.notice), one.observed) for one in town.surges()]


def days(town: Town) -> dict[str, dict[str, int]]:
    return {
        key: SurgeDay.model_validate_json(value).buckets
        for key, value in town.last_of_state().items()
        if "/" in key
    }
