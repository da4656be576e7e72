"""Alerts: a surge as Alertmanager takes it, and which surges it has yet to take. Pure; under the bridge.

Labels name an alert: the same labels are the same alert, and another label is another one, of which the end is never
told. So they are of what never changes in the life of a surge, whoever reads its last record alone: its id, its kind,
and the cluster and owner that it was first told with. What changes stands in annotations. A firing alert says itself
when it ends, a few minutes from now, as Prometheus' do, and is sent again before; so whatever nobody sends again ends
by itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agents.surge_wording import chance_of, counted, minute
from schemas.contract import epoch_ms_of, time_of, write_time
from schemas.surge import Surge, SurgeKind, SurgeStatus

Alert = Mapping[str, object]
"""One element of the body of `POST /api/v2/alerts`."""

_NAMES = {SurgeKind.GROWING: "SluiceSurge", SurgeKind.EMERGING: "SluiceEmergingProblem"}
# What is known to be growing against its own past pages; what may be a new problem is for a person to look at.
_SEVERITIES = {SurgeKind.GROWING: "critical", SurgeKind.EMERGING: "warning"}
_MOST_CHARS = 300


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """When alerts are sent.

    Attributes:
        resend_s: how often a firing one is sent again: so that an Alertmanager that was restarted knows it soon.
        hold_s: how long a firing one holds if it is not sent again. Alertmanager's own `resolve_timeout` is as long.
        resolved_s: how long a resolved one is sent again, as Prometheus does, for the same reason.
    """

    resend_s: float = 60.0
    hold_s: float = 300.0
    resolved_s: float = 900.0


def labels_of(surge: Surge) -> dict[str, str]:
    """What an alert is known by, and routed by."""
    cluster, owner = surge.first_told
    return {
        "alertname": _NAMES[surge.kind],
        "surge_id": surge.surge_id,
        "cluster": cluster,
        "owner": owner or "none",
        "severity": _SEVERITIES[surge.kind],
        "kind": surge.kind.value,
    }


def alert_of(surge: Surge, labels: Mapping[str, str], now_ms: int, policy: AlertPolicy) -> Alert:
    """The alert as it is sent now."""
    starts_ms = epoch_ms_of(surge.started_at)
    if surge.status is SurgeStatus.RESOLVED:
        ended_ms = epoch_ms_of(surge.resolved_at or surge.updated_at)
    else:
        ended_ms = now_ms + round(policy.hold_s * 1000)
    return {
        "labels": dict(labels),
        "annotations": annotations_of(surge),
        "startsAt": write_time(surge.started_at),
        "endsAt": write_time(
            time_of(max(ended_ms, starts_ms + 1))
        ),  # Alertmanager refuses one that ends before
    }


def annotations_of(surge: Surge) -> dict[str, str]:
    """What people read of it; those without a word are left out."""
    found = {
        "summary": f"{surge.cluster.name}: {counted(surge)}",
        "description": "\n".join(_lines(surge)),
        "runbook_url": surge.runbook or "",
        "cluster_now": surge.cluster.id,
        "cluster_name": surge.cluster.name,
        "owner_now": surge.owner or "none",
        "generation_id": surge.generation_id,
        "customers_affected": str(surge.customers_affected),
        "acknowledged_until": ""
        if surge.acknowledged_until is None
        else write_time(surge.acknowledged_until),
        "silenced_until": "" if surge.silenced_until is None else write_time(surge.silenced_until),
    }
    return {name: text for name, text in found.items() if text}


def _lines(surge: Surge) -> Iterator[str]:
    customers = f"{surge.customers_affected:,} {'customer' if surge.customers_affected == 1 else 'customers'}"
    chance = chance_of(surge.q_value)
    yield f"Since {minute(surge.started_at)}, of {customers}." + (
        f" So many by chance: {chance}." if chance else ""
    )
    if len(surge.members) > 1:
        yield f"With it rise: {', '.join(member.name for member in surge.members[1:])}."
    if surge.product is not None:
        yield f"Product: {surge.product}."
    for text in surge.descriptions:
        yield f"- {text[:_MOST_CHARS]}"


@dataclass(frozen=True, slots=True)
class _Held:
    """A surge as it was last read.

    Attributes:
        written_ms: when the oldest record of it was written that Alertmanager has yet to take; None where it took all.
        sent_at: when it took it last, by the desk's clock.
        ended_at: when it first took that it is resolved.
    """

    surge: Surge
    labels: Mapping[str, str]
    written_ms: int | None
    sent_at: float = float("-inf")
    ended_at: float | None = None


@dataclass(slots=True)
class _Partition:
    """A partition of `tickets.surges`: what is committed of it, how far it is read, and whether that is all."""

    committed: int
    read: int
    whole: bool = False


class Desk:
    """What Alertmanager has to be told, of the partitions that this worker has. One thread's.

    A partition is read from its beginning; what stands before the committed offset was taken once. Nothing is told of
    one that is not read to its end: of a surge the last record counts.
    """

    def __init__(self, policy: AlertPolicy) -> None:
        self._policy = policy
        self._partitions: dict[int, _Partition] = {}
        self._held: dict[tuple[int, str], _Held] = {}

    def gain(self, partition: int, committed: int) -> None:
        self._partitions[partition] = _Partition(max(committed, 0), 0)

    def lose(self, partition: int) -> None:
        self._partitions.pop(partition, None)
        self._held = {place: held for place, held in self._held.items() if place[0] != partition}

    def take(self, partition: int, offset: int, surge_id: str, surge: Surge | None, written_ms: int) -> None:
        """Take a record; without a surge it is the end of what was kept of one."""
        found = self._partitions.get(partition)
        if found is None:  # fetched before the partition was lost
            return
        found.read = max(found.read, offset + 1)
        place = (partition, surge_id)
        before = self._held.get(place)
        if surge is None:
            self._held.pop(place, None)
            return
        news = offset >= found.committed
        if surge.status is SurgeStatus.RESOLVED and not news:
            self._held.pop(place, None)
            return
        labels = labels_of(surge) if before is None else before.labels
        waits_ms = written_ms if before is None or before.written_ms is None else before.written_ms
        self._held[place] = _Held(surge, labels, waits_ms if news else None)

    def reached_end(self, partition: int, offset: int) -> None:
        """The partition is read up to `offset`, where it ends for now."""
        found = self._partitions.get(partition)
        if found is not None:
            found.read, found.whole = max(found.read, offset), True

    def due(self, now: float) -> list[tuple[int, str]]:
        """The places of what is to be sent now: what was not taken yet, then what is to be sent again, the longest ago
        first: where there is no time for all, each has its turn."""
        found = [
            place
            for place, held in self._held.items()
            if self._partitions[place[0]].whole
            and (held.written_ms is not None or now - held.sent_at >= self._policy.resend_s)
        ]
        return sorted(
            found, key=lambda place: (self._held[place].written_ms is None, self._held[place].sent_at)
        )

    def alerts(self, places: Iterable[tuple[int, str]], now_ms: int) -> list[Alert]:
        held = (self._held[place] for place in places)
        return [alert_of(one.surge, one.labels, now_ms, self._policy) for one in held]

    def taken(self, places: Iterable[tuple[int, str]], now: float) -> None:
        """Alertmanager has taken these, or never will."""
        for place in places:
            held = self._held[place]
            if held.surge.status is SurgeStatus.FIRING:
                self._held[place] = replace(held, written_ms=None, sent_at=now)
                continue
            ended_at = now if held.ended_at is None else held.ended_at
            if now - ended_at >= self._policy.resolved_s:
                del self._held[place]
            else:
                self._held[place] = replace(held, written_ms=None, sent_at=now, ended_at=ended_at)

    def commits(self) -> dict[int, int]:
        """Partition -> the offset up to which all is taken, where that is news; noted as committed."""
        waiting = {place[0] for place, held in self._held.items() if held.written_ms is not None}
        found = {
            number: one.read
            for number, one in self._partitions.items()
            if one.whole and number not in waiting and one.read > one.committed
        }
        for number, offset in found.items():
            self._partitions[number].committed = offset
        return found

    def oldest_ms(self) -> int | None:
        """When the oldest record was written that has yet to be taken."""
        return min(
            (one.written_ms for one in self._held.values() if one.written_ms is not None), default=None
        )
