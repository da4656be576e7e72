"""One worker, ended in every way: by itself at each point around the transaction, from outside, politely."""

import signal

import pytest

from agents.exits import Exit
from app.supervise import RestartPolicy
from tests.eventually import eventually
from tests.fault.conftest import Enter, Stage, times
from tests.fault.diary import Order
from tests.fault.points import Point

# A worker that ends sooner after its start is kept waiting before the next one, the longer the more often.
CALM_S = RestartPolicy().calm_s

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def test_kill_at_every_point_of_a_batch(stage: Stage, enter: Enter) -> None:
    scene = stage(seed=11)
    member = scene.member().start()
    scene.run()
    points = list(Point)
    for number in range(times(30, 8)):
        assert eventually(lambda: member.age_s() > CALM_S, 60)
        scene.idle()
        order = Order(
            points[number % len(points)],
            signal.SIGKILL,
            nth=scene.chance.choice((1, 2)) if points[number % len(points)] is Point.PRODUCED else 1,
            delay_s=scene.chance.uniform(0, 0.004),
        )
        scene.recovered(member.order(order).at)
    enter(scene.close("kill -9 of the worker, at each point of a batch"), member.phases())


def test_sigterm_under_load(stage: Stage, enter: Enter) -> None:
    """Recovery is from the end of the old worker to the first decisions of the new one."""
    scene = stage(seed=12)
    member = scene.member().start()
    scene.run()
    for _ in range(times(5, 2)):
        scene.idle()
        assert member.stop() == Exit.OK
        ended = scene.now()
        member.start()
        scene.recovered(ended)
    enter(scene.close("SIGTERM under load, started again"))


def test_a_frozen_worker_is_fenced_when_it_thaws(stage: Stage, enter: Enter) -> None:
    """SIGSTOP for longer than the session: the other worker takes over; the zombie commits nothing, and comes back
    into the group."""
    scene = stage(seed=13)
    sleepy, other = scene.crew(2, session_timeout_s=2)
    scene.run()
    points = [Point.BEFORE_COMMIT, Point.WORKING, Point.OFFSETS_SENT, Point.PRODUCED, Point.TAKEN]
    for number in range(times(5, 2)):
        scene.idle(2, 3)
        frozen = sleepy.order(Order(points[number], signal.SIGSTOP)).at
        scene.recovered(frozen)
        thawed = frozen + scene.recovery_s[-1]
        sleepy.send(signal.SIGCONT)
        assert eventually(lambda: sleepy.works_since(thawed), 60)  # noqa: B023 (called within this turn)
    assert other.exit_code is None
    enter(scene.close("SIGSTOP beyond the session, SIGCONT, 2 workers"))
