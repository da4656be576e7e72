"""Several workers on one topic: they come and go, and there are more of them than partitions."""

import signal

import pytest

from tests.fault.conftest import Enter, Stage, times

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def test_a_storm_of_workers_that_join_and_leave(stage: Stage, enter: Enter) -> None:
    """Whoever is up is told to go, killed, or killed with its supervisor; whoever is down is started. The next blow
    does not wait until the last one is over; at the end all are up and everything is decided."""
    scene = stage(seed=21, partitions=6, rate=100.0)
    crew = scene.crew(4, session_timeout_s=3)
    scene.run()
    for _ in range(times(10, 4)):
        member = scene.chance.choice(crew)
        if not member.is_up:
            member.start()
        elif sum(other.is_up for other in crew) == 1:
            member.send(signal.SIGKILL)
        else:
            scene.chance.choice((member.stop, member.kill, lambda m=member: m.send(signal.SIGKILL)))()
        scene.injected += 1
        scene.idle(1.0, 4.0)
    calm = scene.now()
    for member in crew:
        if not member.is_up:
            member.start()
    scene.recovered(calm, counts=False)
    enter(scene.close("join and leave storm, 4 workers, 6 partitions"))


def test_more_workers_than_partitions(stage: Stage, enter: Enter) -> None:
    """Those without a partition wait, and take over from one that is gone for good."""
    scene = stage(seed=22, partitions=2)
    crew = scene.crew(4, session_timeout_s=3)
    scene.run()
    for _ in range(times(2, 1)):
        busy = next(member for member in crew if member.is_up and member.has_partitions())
        scene.idle()
        before = scene.now()
        busy.kill()
        scene.recovered(before)
    enter(scene.close("4 workers on 2 partitions, a busy one gone"))
