"""Emerging problems: the worker that leads groups the tickets of all workers that no cluster explains. Beside live.

Fed by the follower's thread with the state of tickets and with what was announced; the leader's timer looks. What is
announced stands in `tickets.surges` and nowhere else, so that the next leader goes on where this one ended.
"""

import asyncio
import hashlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import faust
import structlog

from agents.live import InForce, Live
from agents.metrics import Metrics
from agents.wire import Output, Record
from agents.young import Young
from models.emerging.group import Group, Newcomer, chance
from models.emerging.pool import EmergingPolicy, TriagePool
from models.errors import Transient
from models.recluster.name import name_clusters
from schemas.channels import event_type
from schemas.codec import decode, encode
from schemas.contract import time_of, write_time
from schemas.headers import event_headers
from schemas.surge import Surge, SurgeCluster, SurgeKind, SurgeStatus, Window
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

_SURGE = event_type(Surge)
_SOURCE = "/sluice/emerging"

# Texts of a name's other side, and what is kept of a long description.
_OTHER_TEXTS = 400
_MOST_CHARS = 2_000
_MOST_IDS = 100
_DESCRIPTIONS = 5

# How often the leader looks.
_LOOK_S = 2.0


Send = Callable[[Sequence[Output]], None]
"""Writes records and waits until they are there; raises Transient where they are not."""


class EmergingWatch:
    """What the leader looks at. Fed by one thread, looked at by another.

    Args:
        now_ms: the clock of the decisions.
    """

    def __init__(self, policy: EmergingPolicy, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._policy, self._now_ms = policy, now_ms
        self._changing = threading.Lock()  # held for every touch of the six below
        self._recent: dict[str, Newcomer] = {}  # in the order of their coming
        # Who does not lead only fills these: the next pool begins with what is recent.
        self._fresh: deque[Newcomer] = deque(maxlen=2 * policy.most)
        self._gone: deque[str] = deque(maxlen=2 * policy.most)
        self._open: dict[str, Surge] = {}
        self._settled: dict[str, Surge] = {}
        # Settled, and announced again by a leader who had not read that yet.
        self._undone: set[str] = set()
        self._pool: TriagePool | None = None
        self._generation = ""
        self.metrics = metrics
        metrics.triage_pool.set_function(lambda: len(self._pool) if self._pool is not None else 0)

    # -- the follower's side

    def take(self, young: Young) -> None:
        """Take a ticket decided on within the window; the first time that it comes counts."""
        state = young.state
        with self._changing:
            if state.ticket_id in self._recent:
                return
            newcomer = Newcomer(
                ticket_id=state.ticket_id,
                customer_id=state.customer_id,
                at_ms=young.at_ms,
                text=state.text,
                vector=young.vector,
                confidence=state.confidence or 0.0,
                owner=state.owner,
            )
            self._recent[newcomer.ticket_id] = newcomer
            self._fresh.append(newcomer)
            while len(self._recent) > 2 * self._policy.most:
                del self._recent[next(iter(self._recent))]

    def forget(self, ticket_id: str) -> None:
        with self._changing:
            if self._recent.pop(ticket_id, None) is not None:
                self._gone.append(ticket_id)

    def on_surge(self, record: Record) -> None:
        """Take one record of `tickets.surges`: who leads next knows what was announced."""
        surge_id, value = (record.key() or b"").decode(errors="replace"), record.value()
        try:
            surge = None if value is None else decode(Surge, value)
        except Unreadable:
            return
        with self._changing:
            if surge is None:
                self._open.pop(surge_id, None)
            elif surge.kind is SurgeKind.EMERGING and surge.status is SurgeStatus.RESOLVED:
                self._open.pop(surge_id, None)
                self._undone.discard(surge_id)
                self._settled[surge_id] = surge
            elif surge.kind is SurgeKind.EMERGING and surge_id in self._settled:
                self._undone.add(surge_id)
            elif surge.kind is SurgeKind.EMERGING:
                self._open[surge_id] = surge

    # -- the leader's side

    def look(self, in_force: InForce) -> list[Surge]:
        """What is to be announced now, by a generation: what is new, what has doubled, what lost a ticket, what nobody
        has reported for a whole window, and what a reclustering settled while it was announced once more. Said again
        until `on_surge` has read it."""
        now_ms = self._now_ms()
        oldest_ms = now_ms - self._policy.window_ms
        with self._changing:
            fresh, gone = list(self._fresh), list(self._gone)
            self._fresh.clear()
            self._gone.clear()
            for ticket_id in [one for one, ticket in self._recent.items() if ticket.at_ms < oldest_ms]:
                del self._recent[ticket_id]
            recent, announced, settled = dict(self._recent), dict(self._open), dict(self._settled)
            undone = sorted(self._undone)
        if self._pool is None or self._generation != in_force.id:
            self._pool, fresh = self._pool_under(in_force, recent, announced)
        pool = self._pool
        for ticket_id in gone:
            pool.forget(ticket_id)
        pool.take([ticket for ticket in fresh if ticket.ticket_id in recent])
        found = [settled[surge_id] for surge_id in undone]
        held = dict[str, Group]()
        for group in list(pool.groups):
            surge_id = group.key = group.key or _id_of(group)
            if surge_id in settled or not group.members or group.members[-1].at_ms < oldest_ms:
                pool.close(group)
                continue
            held[surge_id] = group
            surge = self._surge(surge_id, group, announced.get(surge_id), in_force.id, now_ms)
            if surge is not None:
                found.append(surge)
        found += [_ended(surge, now_ms) for one, surge in announced.items() if one not in held]
        return found

    def _pool_under(
        self, in_force: InForce, recent: dict[str, Newcomer], announced: dict[str, Surge]
    ) -> tuple[TriagePool, list[Newcomer]]:
        """A pool under this generation with the groups that were announced, and the tickets that it has not judged."""
        pool, self._generation = TriagePool(in_force.ready, self._policy), in_force.id
        members = {
            surge_id: [recent[one] for one in surge.ticket_ids if one in recent]
            for surge_id, surge in announced.items()
        }
        pool.restore(members)
        return pool, sorted(recent.values(), key=lambda ticket: (ticket.at_ms, ticket.ticket_id))

    def _surge(
        self,
        surge_id: str,
        group: Group,
        before: Surge | None,
        generation_id: str,
        now_ms: int,
    ) -> Surge | None:
        """The group as it is to be announced; None where it stands so already."""
        ids = [ticket.ticket_id for ticket in group.members]
        observed = len(ids)
        if before is not None:
            told = set(before.ticket_ids)
            last = max((number for number, one in enumerate(ids) if one in told), default=-1)
            observed = before.observed + len(ids) - 1 - last  # only the latest ids stand in what was told
            if told <= set(ids) and observed < 2 * before.observed:
                return None
        assert self._pool is not None
        expected = self._pool.expected(group)
        owners = Counter(ticket.owner for ticket in group.members if ticket.owner is not None)
        owner = min(owners, key=lambda name: (-owners[name], name)) if owners else None
        owner = owner if owner is not None and 2 * owners[owner] > len(ids) else None
        cluster_id = cluster_id_of(surge_id)
        started = time_of(group.members[0].at_ms) if before is None else before.started_at
        return Surge(
            surge_id=surge_id,
            kind=SurgeKind.EMERGING,
            status=SurgeStatus.FIRING,
            cluster=SurgeCluster(id=cluster_id, name=self._name(group)),
            owner=owner,
            started_at=started,
            updated_at=time_of(now_ms),
            observed=observed,
            expected=round(expected, 4),
            ratio=round(observed / expected, 2),
            q_value=chance(observed, expected),
            window=Window(start=started, end=time_of(group.members[-1].at_ms)),
            customers_affected=len({ticket.customer_id or (ticket.ticket_id,) for ticket in group.members}),
            descriptions=[ticket.text[:_MOST_CHARS] for ticket in group.examples(_DESCRIPTIONS)],
            generation_id=generation_id,
            ticket_ids=ids[-_MOST_IDS:],
            first_cluster=cluster_id,
            first_owner=owner if before is None else before.first_told[1],
        )

    def _name(self, group: Group) -> str:
        """What sets the group's texts apart from those of other tickets."""
        inside = {ticket.ticket_id for ticket in group.members}
        with self._changing:
            others = [ticket.text for one, ticket in self._recent.items() if one not in inside]
        return name_clusters({0: [ticket.text for ticket in group.members], 1: others[-_OTHER_TEXTS:]}, {})[
            0
        ].name


def cluster_id_of(surge_id: str) -> str:
    """The id that the cluster of an emerging problem gets, if the next reclustering finds it too."""
    return "c-" + surge_id.removeprefix("s-")


def surge_record(surge: Surge, topic: str, source: str = _SOURCE) -> Output:
    """A surge for its topic; the last one of its id counts."""
    event_id = f"{surge.surge_id}/{write_time(surge.updated_at)}"
    headers = event_headers(_SURGE, event_id, source, surge.cluster.id, surge.updated_at, None)
    return Output(topic, surge.surge_id.encode(), encode(surge), headers)


def _id_of(group: Group) -> str:
    basis = "\0".join(sorted(ticket.ticket_id for ticket in group.members))
    return "s-" + hashlib.sha256(basis.encode()).hexdigest()[:12]


def _ended(surge: Surge, now_ms: int) -> Surge:
    """No ticket of it has come for a whole window."""
    now = time_of(now_ms)
    return surge.model_copy(update={"status": SurgeStatus.RESOLVED, "updated_at": now, "resolved_at": now})


def add_emerging(app: faust.App, watch: EmergingWatch, live: Live, send: Send, topic: str) -> None:
    """Let the leader of a Faust app look, off the event loop, and announce what it finds."""
    off_loop = ThreadPoolExecutor(max_workers=1, thread_name_prefix="emerging")

    def look() -> None:
        in_force = live.in_force
        if in_force is None:
            return
        surges = watch.look(in_force)
        if not surges:
            return
        try:
            send([surge_record(surge, topic) for surge in surges])
        except Transient as error:  # the next look says it again
            _log.warning("emerging_not_announced", why=str(error))
            return
        for surge in surges:
            watch.metrics.emerging.labels(surge.status.value).inc()
            _log.info("emerging", surge=surge.surge_id, status=surge.status.value, tickets=surge.observed)

    @app.timer(interval=_LOOK_S, on_leader=True, name="emerging")
    async def emerging() -> None:
        await asyncio.get_running_loop().run_in_executor(off_loop, look)
