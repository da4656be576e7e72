"""The soak: load for minutes, faults of all kinds by chance from a seed, the ledger and the memory at the end.

`python -m tests.fault.soak --minutes 10 --seed 7`. One worker of three, the steady one, is left alone once the
broker's deaths are over (in the first quarter): its memory is what is watched.
"""

import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from app.broker import LocalCluster
from app.child import resident_mib
from app.policies import encoder_spec
from app.settings import Settings
from models.engines.encoders import load_encoder
from tests import kafka
from tests.conftest import CACHE
from tests.fault.crew import Member
from tests.fault.diary import Order
from tests.fault.ledger import Row, table
from tests.fault.points import Point
from tests.fault.scene import Scene

OUT = Path(__file__).resolve().parents[2] / "out" / "fault" / "soak.json"
SESSION_S = 3
SAMPLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory of one life of the steady worker."""

    at: float
    pid: int
    mib: float


class Memory:
    """Samples a worker's resident memory until told to stop."""

    def __init__(self, member: Member) -> None:
        self._member, self._stopping = member, threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.samples: list[Sample] = []
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(SAMPLE_S):
            pid = self._member.worker_pid()
            mib = None if pid is None else resident_mib(pid)
            if pid is not None and mib is not None:
                self.samples.append(Sample(time.time(), pid, mib))


@dataclass(frozen=True, slots=True)
class Flatness:
    """Memory of the longest life, after its first minute.

    Attributes:
        minutes: mean MiB of each minute of it, the first included.
        change: of the last minute against the second, as a share.
        slope: MiB a minute, least squares over the samples after the first minute.
    """

    minutes: tuple[float, ...]
    change: float
    slope: float


def flatness(samples: list[Sample]) -> Flatness | None:
    """None where no life lasted three minutes."""
    pids = [sample.pid for sample in samples]
    life = [sample for sample in samples if sample.pid == max(set(pids), key=pids.count)] if pids else []
    if not life or life[-1].at - life[0].at < 180:
        return None
    minute = np.array([(sample.at - life[0].at) / 60 for sample in life])
    mib = np.array([sample.mib for sample in life])
    means = [float(mib[minute.astype(int) == number].mean()) for number in range(int(minute[-1]))]
    later = minute >= 1
    slope = float(np.polyfit(minute[later], mib[later], 1)[0])
    return Flatness(tuple(means), means[-1] / means[1] - 1, slope)


class Soak:
    """The faults, each a method that returns the moment from which its recovery counts."""

    def __init__(self, scene: Scene, cluster: LocalCluster) -> None:
        self.scene, self._cluster = scene, cluster
        self.steady, *self._others = scene.crew(3, session_timeout_s=SESSION_S)

    def faults(self, *, broker_too: bool) -> dict[str, Callable[[], float]]:
        every = {
            "killed at a point": self.killed_at_a_point,
            "killed from outside": self.killed,
            "told to go, started again": self.told_to_go,
            "gone for a while": self.gone_for_a_while,
            "frozen beyond its session": self.frozen,
            "broken generation": self.broken_generation,
        }
        return every | ({"broker killed and restarted": self.broker_killed} if broker_too else {})

    def killed_at_a_point(self) -> float:
        member = self._busy()
        if member is None:
            return self.killed()
        chance = self.scene.chance
        order = Order(chance.choice(list(Point)), signal.SIGKILL, 1, chance.uniform(0, 0.004))
        return member.order(order).at

    def killed(self) -> float:
        before = self.scene.now()
        self._anyone().send(signal.SIGKILL)
        return before

    def told_to_go(self) -> float:
        member = self._anyone()
        member.stop()
        member.start()
        return self.scene.now()

    def gone_for_a_while(self) -> float:
        member, before = self._anyone(), self.scene.now()
        member.kill()
        self.scene.idle(1, 8)
        member.start()
        return before

    def frozen(self) -> float:
        member, before = self._anyone(), self.scene.now()
        member.send(signal.SIGSTOP)
        self.scene.idle(SESSION_S + 1, SESSION_S + 4)
        member.send(signal.SIGCONT)
        return before

    def broken_generation(self) -> float:
        before = self.scene.now()
        kafka.produce(self.scene.bootstrap, self.scene.names.generations, [(b"g-broken", b'{"parts": 2}')])
        return before

    def broker_killed(self) -> float:
        self._cluster.kill(1)
        self.scene.idle(0, 3)
        self._cluster.restart(1)
        return self.scene.now()

    def _anyone(self) -> Member:
        return self.scene.chance.choice(self._others)

    def _busy(self) -> Member | None:
        """A worker that has partitions and so comes by every point."""
        busy = [member for member in self._others if member.worker_pid() and member.has_partitions()]
        return self.scene.chance.choice(busy) if busy else None


def run(minutes: float, seed: int, scene: Scene, cluster: LocalCluster) -> tuple[list[Row], Flatness | None]:
    """Rows of the table, one for each kind of fault and the last for all; and the steady worker's memory."""
    soak = Soak(scene, cluster)
    memory = Memory(soak.steady)
    scene.run()
    began, seconds = time.monotonic(), dict[str, list[float]]()
    while (passed := (time.monotonic() - began) / 60) < minutes:
        faults = soak.faults(broker_too=passed < minutes / 4)
        kind = scene.chance.choice(sorted(faults))
        taken = scene.recovered(faults[kind]())
        seconds.setdefault(kind, []).append(taken)
        typer.echo(f"{passed:5.1f} min  {kind}: {taken:.1f} s, {len(scene.load.accepted)} tickets")
        scene.idle(1, 6)
    whole = scene.close("all")
    memory.stop()
    rows = [
        Row(kind, len(taken), whole.tickets, whole.lost, whole.duplicated, tuple(taken))
        for kind, taken in seconds.items()
    ]
    return [*rows, whole], flatness(memory.samples)


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Of the load and the faults; else one by chance.")] = None,
) -> None:
    """Load with random faults; ends with 1 if a ticket was lost or decided twice."""
    chosen = random.randrange(1_000_000) if seed is None else seed
    typer.echo(f"soak: {minutes:g} minutes, seed {chosen}")
    with tempfile.TemporaryDirectory(prefix="sluice-soak-") as folder:
        cluster = LocalCluster(Path(folder) / "broker", cache_dir=CACHE, guarded=True)
        bootstrap = cluster.start()
        try:
            encoder = load_encoder(encoder_spec(Settings()))
            with Scene(
                bootstrap, encoder, Path(folder), seed=chosen, partitions=6, rate=100.0, population=3_000
            ) as scene:
                rows, memory = run(minutes, chosen, scene, cluster)
        finally:
            cluster.stop()
    for line in table(rows):
        typer.echo(line)
    if memory is not None:
        typer.echo(
            "memory of the steady worker, MiB by minute: " + " ".join(f"{m:.0f}" for m in memory.minutes)
        )
        typer.echo(f"after the first minute: {memory.change:+.1%}, {memory.slope:+.2f} MiB a minute")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "minutes": minutes,
        "seed": chosen,
        "rows": [asdict(row) for row in rows],
        "memory": memory and asdict(memory),
    }
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(0 if (rows[-1].lost, rows[-1].duplicated) == (0, 0) else 1)


if __name__ == "__main__":
    typer.run(main)
