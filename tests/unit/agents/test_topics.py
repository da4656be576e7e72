"""The table of topics: names, which topics share a partition count, what may stay for how long."""

from dataclasses import replace

import pytest

from agents.topics import Rule, Setting, TopicNames, TopicSpec, Wanted, topic_specs

NAMES = TopicNames()
DAY_MS = 86_400_000
MIB = 1024 * 1024


def spec(name: str, partitions: int = 6, replication: int = 1) -> TopicSpec:
    return next(spec for spec in topic_specs(NAMES, partitions, replication) if spec.name == name)


def setting(spec: TopicSpec, name: str) -> Wanted:
    return next(setting.wanted for setting in spec.settings if setting.name == name)


def test_the_usual_names() -> None:
    assert NAMES.all() == (
        "tickets",
        "tickets.routed",
        "tickets.surges",
        "tickets.feedback",
        "tickets.insights",
        "tickets.shadow",
        "tickets.state",
        "tickets.generations",
        "tickets.corrections",
        "tickets.knowledge",
        "tickets.counts",
        "tickets.surge-state",
        "tickets.dead",
    )


def test_a_prefix_stands_before_every_name() -> None:
    assert TopicNames(prefix="acme.").all() == tuple(f"acme.{name}" for name in NAMES.all())


def test_a_name_that_is_given_stands_without_the_prefix() -> None:
    names = TopicNames(prefix="acme.", tickets="crm-tickets")
    assert (names.tickets, names.routed) == ("crm-tickets", "acme.tickets.routed")
    assert replace(names, dead="graveyard").tickets == "crm-tickets"


def test_every_name_has_one_spec() -> None:
    assert tuple(spec.name for spec in topic_specs(NAMES, 6, 1)) == NAMES.all()


@pytest.mark.parametrize("partitions", [1, 6, 12])
@pytest.mark.parametrize(
    ("table", "source"),
    [
        ("tickets.state", "tickets"),
        ("tickets.feedback", "tickets"),
    ],
    ids=["state", "feedback"],
)
def test_a_topic_that_follows_another_has_its_partitions(table: str, source: str, partitions: int) -> None:
    assert spec(table, partitions).partitions == spec(source, partitions).partitions == partitions
    assert spec(table).follows == source
    assert spec(table).exact_partitions


@pytest.mark.parametrize(
    "name", ["tickets.generations", "tickets.corrections", "tickets.counts", "tickets.surge-state"]
)
def test_what_is_read_in_order_or_by_one_worker_has_one_partition(name: str) -> None:
    assert spec(name, partitions=12).partitions == 1
    assert spec(name).exact_partitions


@pytest.mark.parametrize(
    ("name", "cleanup", "retention_days", "mib"),
    [
        ("tickets", "delete", 7, 6),
        ("tickets.routed", "delete", 7, 2),
        ("tickets.surges", "compact,delete", 90, 2),
        ("tickets.feedback", "delete", 30, 2),
        ("tickets.insights", "delete", 90, 2),
        ("tickets.state", "compact", None, 2),
        ("tickets.generations", "compact", None, 2),
        ("tickets.corrections", "compact", None, 2),
        ("tickets.counts", "delete", 35, 2),
        ("tickets.surge-state", "compact", None, 2),
        ("tickets.dead", "delete", 7, 12),
    ],
)
def test_what_is_kept_how_long_and_how_large(
    name: str, cleanup: str, retention_days: int | None, mib: int
) -> None:
    found = spec(name)
    assert (found.cleanup, setting(found, "cleanup.policy")) == (cleanup, cleanup)
    assert found.retention_ms == (None if retention_days is None else retention_days * DAY_MS)
    assert (found.max_message_bytes, setting(found, "max.message.bytes")) == (mib * MIB, mib * MIB)


@pytest.mark.parametrize("name", [name for name in NAMES.all() if "compact" in spec(name).cleanup])
def test_a_tombstone_outlives_a_worker_s_absence_and_a_deleted_text_a_day_at_most(name: str) -> None:
    found = spec(name)
    assert setting(found, "delete.retention.ms") == 7 * DAY_MS
    assert setting(found, "max.compaction.lag.ms") == DAY_MS


@pytest.mark.parametrize(("replication", "in_sync"), [(1, 1), (2, 1), (3, 2), (5, 2)])
def test_writes_need_two_copies_where_there_are_three(replication: int, in_sync: int) -> None:
    found = topic_specs(NAMES, 6, replication)
    assert {spec.replication for spec in found} == {replication}
    assert {setting(spec, "min.insync.replicas") for spec in found} == {in_sync}


def test_dead_letters_hold_personal_data_and_may_not_be_kept_longer() -> None:
    (kept,) = (setting for setting in spec("tickets.dead").settings if setting.name == "retention.ms")
    assert not kept.holds(str(8 * DAY_MS))
    assert not kept.holds("-1")
    assert kept.holds(str(7 * DAY_MS))


@pytest.mark.parametrize(
    ("wanted", "rule", "found", "holds"),
    [
        (5, "at_least", "5", True),
        (5, "at_least", "4", False),
        (5, "at_least", "-1", True),
        (-1, "at_least", "5", False),
        (0.2, "at_most", "0.2", True),
        (0.2, "at_most", "0.5", False),
        (5, "at_most", "-1", False),
        (5, "equal", "6", False),
        ("compact,delete", "equal", "delete,compact", True),
        ("compact", "equal", "compact,delete", False),
    ],
    ids=[
        "as much",
        "less",
        "without end is enough",
        "an end where none is wanted",
        "as little",
        "more than allowed",
        "without end is too much",
        "not the same",
        "the order of policies is no matter",
        "one policy more is",
    ],
)
def test_when_a_setting_is_good_enough(wanted: Wanted, rule: Rule, found: str, holds: bool) -> None:
    assert Setting("any", wanted, rule).holds(found) is holds
