"""`sluice surges`: which surge and which cluster a name leads to, and what a person reads."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import cast

import pytest
from rich.console import Console
from rich.table import Table

from app.cli.surges import days_of, lines_of, row_of, state_of
from app.cli.surges_word import seconds_of
from app.surges import cluster_for, newest_first, surge_named
from models.errors import Fatal
from schemas.examples import EXAMPLES
from schemas.surge import (
    Chart,
    EmergingVerdict,
    ResolvedReason,
    Surge,
    SurgeCluster,
    SurgeKind,
    SurgeNotice,
    SurgeStatus,
)

_EXAMPLE = cast(Surge, EXAMPLES[Surge])
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def surge(name: str = "s-1", cluster: str = "c-1", **more: object) -> Surge:
    fields = {"surge_id": name, "cluster": SurgeCluster(id=cluster, name="camera crash"), "members": []}
    return _EXAMPLE.model_copy(update=fields | more)


FIRING = surge()
MANY = surge("s-2", "c-2", members=[SurgeCluster(id="c-2", name="two"), SurgeCluster(id="c-3", name="three")])
OVER = surge("s-3", "c-4", status=SurgeStatus.RESOLVED, resolved_at=NOW)
NEW = surge("s-4", "c-new", kind=SurgeKind.EMERGING)
GONE = surge("s-7", "c-gone", status=SurgeStatus.RESOLVED, resolved_at=NOW)
WENT = surge("s-8", "c-went", status=SurgeStatus.RESOLVED, resolved_at=NOW)
FOLLOWED = surge("s-9", "c-moved")
ALL = [FIRING, MANY, NEW, FOLLOWED, OVER, GONE, WENT]
THERE = {"c-1", "c-2", "c-3", "c-4", "c-5", "c-6"}
WHERE = {"c-went": "c-5", "c-moved": "c-6"}


def test_what_fires_stands_first_and_of_those_the_latest_news() -> None:
    later = surge("s-5", updated_at=NOW)
    over = surge("s-6", updated_at=NOW, status=SurgeStatus.RESOLVED)
    assert newest_first([OVER, FIRING, over, later]) == [later, FIRING, over, OVER]


@pytest.mark.parametrize(
    ("name", "found"),
    [("s-1", FIRING), ("s-3", OVER), ("c-1", FIRING), ("c-3", MANY), ("c-4", OVER), ("c-5", None)],
)
def test_the_surge_that_is_meant(name: str, found: Surge | None) -> None:
    assert surge_named(name, ALL) == found


@pytest.mark.parametrize(
    ("name", "is_open", "cluster"),
    [
        pytest.param("s-1", True, "c-1", id="a surge"),
        pytest.param("c-3", True, "c-2", id="a member's is its lead's"),
        pytest.param("s-3", False, "c-4", id="the cluster of one that is over"),
        pytest.param("c-4", False, "c-4", id="a cluster whose surge is over"),
        pytest.param("c-5", False, "c-5", id="a cluster without a surge"),
        pytest.param("s-9", False, "c-6", id="a surge whose lead was merged"),
        pytest.param("c-moved", True, "c-6", id="that cluster"),
        pytest.param("c-6", True, "c-6", id="the one that it was merged into"),
    ],
)
def test_the_cluster_that_is_spoken_of(name: str, is_open: bool, cluster: str) -> None:
    assert cluster_for(name, ALL, THERE, WHERE, is_open=is_open) == cluster


@pytest.mark.parametrize(
    ("name", "is_open", "why"),
    [
        pytest.param("s-3", True, "s-3 is resolved", id="over"),
        pytest.param("c-4", True, "no surge of c-4 fires", id="the cluster of one that is over"),
        pytest.param("c-5", True, "no surge of c-5 fires", id="a cluster without a surge"),
        pytest.param("s-4", False, "s-4 is a new problem", id="emerging"),
        pytest.param("c-new", False, "s-4 is a new problem", id="its provisional cluster"),
        pytest.param("c-none", False, "no surge and no cluster c-none", id="unknown"),
        pytest.param("s-7", True, "s-7 is resolved", id="over, its cluster too"),
        pytest.param(
            "s-7",
            False,
            "s-7 is resolved, and its cluster c-gone is no more: name one",
            id="its cluster is no more",
        ),
        pytest.param("s-8", False, "c-went is no more: it went into c-5", id="its cluster was merged"),
        pytest.param("c-gone", False, "no surge and no cluster c-gone", id="a cluster that is no more"),
    ],
)
def test_of_what_nothing_can_be_said(name: str, is_open: bool, why: str) -> None:
    with pytest.raises(Fatal, match=why):
        cluster_for(name, ALL, THERE, WHERE, is_open=is_open)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5_400), ("2h", 7_200), (" 1d ", 86_400), ("30d", 2_592_000)]
)
def test_how_long(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "0h", "2w", "-1h", "1.5h", "31d", "9999999m", "2 h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Fatal, match="90m, 2h or 1d"):
        seconds_of(text)


SOON, PAST = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        pytest.param(FIRING, "growing", id="growing"),
        pytest.param(NEW, "emerging", id="emerging"),
        pytest.param(surge(acknowledged_until=SOON), "acknowledged until 2026-03-02 11:00 UTC", id="seen to"),
        pytest.param(
            surge(acknowledged_until=SOON, silenced_until=SOON),
            "silenced until 2026-03-02 11:00 UTC",
            id="silenced",
        ),
        pytest.param(surge(silenced_until=PAST), "growing", id="silenced no more"),
        pytest.param(OVER, "resolved", id="resolved"),
        pytest.param(
            surge(status=SurgeStatus.RESOLVED, resolved_reason=ResolvedReason.MERGED, merged_into="s-2"),
            "part of s-2",
            id="merged",
        ),
        pytest.param(
            surge(status=SurgeStatus.RESOLVED, verdict=EmergingVerdict.DROPPED), "dropped", id="dropped"
        ),
    ],
)
def test_what_it_is_by_now(given: Surge, state: str) -> None:
    assert state_of(given, NOW) == state


def test_a_name_in_the_list_is_read_as_it_is_written() -> None:
    """Names are people's words, and brackets in them no markup."""
    odd = surge(owner="[b]team").model_copy(
        update={"cluster": SurgeCluster(id="c-1", name="[/kiosk] stays [red]")}
    )
    console = Console(width=200, file=StringIO())
    table = Table(*"abcdefgh")
    table.add_row(*row_of(odd, NOW))
    console.print(table)
    shown = cast(StringIO, console.file).getvalue()
    assert "[/kiosk] stays [red]" in shown
    assert "[b]team" in shown


def test_a_surge_of_which_little_is_known() -> None:
    bare = surge(
        owner=None,
        sla_minutes=None,
        product=None,
        runbook=None,
        notice=None,
        chart=None,
        expected=0.0,
        q_value=1.0,
        descriptions=[],
    )
    assert list(lines_of(bare, NOW)) == [
        "s-1  camera crash  (growing)",
        "owner       nobody",
        "since       2026-03-02 09:00 UTC",
        "last told   2026-03-02 09:45 UTC",
        "how many    42 tickets in an hour where next to none are usual",
        "customers   39",
        "clusters",
        "  c-1  camera crash",
    ]


def test_all_that_is_known_of_a_surge() -> None:
    whole = surge(
        members=[SurgeCluster(id="c-1", name="camera crash"), SurgeCluster(id="c-9", name="app ends")],
        status=SurgeStatus.RESOLVED,
        notice=SurgeNotice.RESOLVED,
        resolved_at=NOW,
        descriptions=["It crashes.\nAlways."],
        chart=Chart(start=datetime(2026, 3, 1, 22, tzinfo=UTC), hours=[8, 0, 2]),
    )
    assert list(lines_of(whole, NOW)) == [
        "s-1  camera crash  (resolved)",
        "owner       mobile-camera, within 240 minutes",
        "since       2026-03-02 09:00 UTC",
        "until       2026-03-02 10:00 UTC",
        "last told   2026-03-02 09:45 UTC, resolved",
        "how many    42 tickets in an hour where 6.5 are usual",
        "by chance   1 in 10,000",
        "customers   39",
        "product     mobile",
        "runbook     https://runbooks.example.com/camera-crash",
        "clusters",
        "  c-1  camera crash",
        "  c-9  app ends",
        "they write",
        "  It crashes. Always.",
        "tickets an hour, by day (UTC)",
        f"  2026-03-01  {' ' * 22}█·  8",
        f"  2026-03-02  ▂{' ' * 23}  2",
    ]


def test_charts_of_nothing() -> None:
    assert list(days_of(Chart(start=NOW, hours=[]))) == []
    assert list(days_of(Chart(start=NOW, hours=[0]))) == [f"2026-03-02  {' ' * 10}·{' ' * 13}  0"]
