"""What a reclustering reads of emerging problems, and how it settles them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest

from agents.follower import Lookup
from agents.wire import Record
from app.emerging import provisional_of, read_emerging, settled
from schemas.codec import encode
from schemas.contract import time_of
from schemas.examples import EXAMPLES
from schemas.surge import EmergingVerdict, Surge, SurgeCluster, SurgeKind, SurgeStatus
from tests.fakes.generations import generation, unit_rows
from tests.fakes.records import record

AT_MS = 1_790_000_000_000
_EXAMPLE = cast(Surge, EXAMPLES[Surge])


def surge(name: str, **more: object) -> Surge:
    fields = {
        "surge_id": f"s-{name}",
        "kind": SurgeKind.EMERGING,
        "cluster": SurgeCluster(id=f"c-{name}", name=name),
        "ticket_ids": [f"{name}-1", f"{name}-2"],
        "updated_at": time_of(AT_MS),
    }
    return _EXAMPLE.model_copy(update=fields | more)


@dataclass
class Topic:
    """A topic of records, as a lookup reads it."""

    records: Sequence[Record]

    def count(self, _: str) -> int:
        return 1

    def read(self, _: str, numbers: Sequence[int], handle: Callable[[Record], None]) -> int:
        for one in self.records:
            handle(one)
        return len(self.records)


def read(*stood: tuple[str, bytes | None]) -> list[str]:
    topic = Topic([record(value, key=key.encode(), topic="tickets.surges") for key, value in stood])
    return [found.surge_id for found in read_emerging(cast(Lookup, topic), "tickets.surges")]


@pytest.mark.parametrize(
    ("stood", "found"),
    [
        pytest.param([("s-b", encode(surge("b"))), ("s-a", encode(surge("a")))], ["s-a", "s-b"], id="by id"),
        pytest.param(
            [("s-a", encode(surge("a"))), ("s-a", encode(surge("a", status=SurgeStatus.RESOLVED)))],
            [],
            id="settled",
        ),
        pytest.param([("s-a", encode(surge("a", kind=SurgeKind.GROWING)))], [], id="of a known problem"),
        pytest.param([("s-a", encode(surge("a"))), ("s-a", None)], [], id="taken back"),
        pytest.param([("s-a", b"{"), ("s-b", encode(surge("b")))], ["s-b"], id="unreadable"),
    ],
)
def test_those_that_stand_announced(stood: list[tuple[str, bytes | None]], found: list[str]) -> None:
    assert read(*stood) == found


def test_every_ticket_knows_its_provisional_cluster() -> None:
    assert provisional_of([surge("a"), surge("b")]) == {
        "a-1": "c-a",
        "a-2": "c-a",
        "b-1": "c-b",
        "b-2": "c-b",
    }


@pytest.mark.parametrize(
    ("there", "verdict"), [(True, EmergingVerdict.CONFIRMED), (False, EmergingVerdict.DROPPED)]
)
def test_a_generation_settles_it(there: bool, verdict: EmergingVerdict) -> None:
    made = generation(["team"], unit_rows(1, 4, 0), [])
    made = replace(made, created_at_ms=AT_MS + 1_000)
    if there:
        made = replace(made, clusters=(replace(made.clusters[0], id="c-a"),))
    end = settled(surge("a"), made, "g-next")
    assert (end.status, end.verdict, end.generation_id) == (SurgeStatus.RESOLVED, verdict, "g-next")
    assert end.resolved_at == end.updated_at == time_of(AT_MS + 1_000)
    later = settled(surge("a", updated_at=time_of(AT_MS + 5_000)), made, "g-next")
    assert later.resolved_at == time_of(AT_MS + 5_000)  # never before what was told last
