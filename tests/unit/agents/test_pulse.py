"""Pulse: how old it is, and what the watchdog does about it."""

import threading
from collections.abc import Iterator

import pytest

from agents.pulse import Pulse, watch
from models.errors import Transient


class Clock:
    """Stands where the test puts it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def watchdogs() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "watchdog"]


def test_it_ages_from_its_making_and_from_each_beat(clock: Clock) -> None:
    pulse = Pulse(clock)
    clock.now = 103.0
    assert pulse.age_s() == 3.0
    pulse.beat()
    assert pulse.age_s() == 0.0
    clock.now = 104.5
    assert pulse.age_s() == 1.5


def test_a_pulse_that_stands_still_ends_the_process_once(clock: Clock, stopping: threading.Event) -> None:
    pulse, deaths, dead = Pulse(clock), list[BaseException](), threading.Event()

    def die(error: BaseException) -> None:
        deaths.append(error)
        dead.set()

    before = watchdogs()
    clock.now += 0.2
    watch(pulse, 0.1, stopping, die)
    assert dead.wait(10)
    for thread in set(watchdogs()) - set(before):
        thread.join(10)
    (death,) = deaths
    assert isinstance(death, Transient)
    assert "stood still" in str(death)


def test_a_pulse_can_bind_itself_to_less_until_its_next_beat(clock: Clock, stopping: threading.Event) -> None:
    pulse, deaths, dead = Pulse(clock), list[BaseException](), threading.Event()

    def die(error: BaseException) -> None:
        deaths.append(error)
        dead.set()

    pulse.beat(5.0)
    pulse.beat()
    clock.now += 6.0
    watch(pulse, 60.0, stopping, die)
    assert not dead.wait(1.2)  # the watchdog has looked twice
    pulse.beat(5.0)
    clock.now += 6.0
    assert dead.wait(10)
    assert "stood still for 6 s (limit 5 s)" in str(deaths[0])


@pytest.mark.parametrize("age", [0.0, 0.1], ids=["fresh", "just at the limit"])
def test_a_pulse_within_the_limit_is_left_alone_until_the_stop(
    clock: Clock, stopping: threading.Event, age: float
) -> None:
    class Asked(Pulse):
        times = threading.Semaphore(0)

        def age_s(self) -> float:
            self.times.release()
            return age

    pulse, deaths = Asked(clock), list[BaseException]()
    before = watchdogs()
    watch(pulse, 0.1, stopping, deaths.append)
    for _ in range(3):
        assert pulse.times.acquire(timeout=10)
    stopping.set()
    for thread in set(watchdogs()) - set(before):
        thread.join(10)
        assert not thread.is_alive()
    assert deaths == []
