"""Topics on a real Kafka: made once, checked exactly, large enough for what they must hold."""

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import NewPartitions
from typer.testing import CliRunner

from agents import admin
from agents.admin import Difference
from agents.topics import Setting, TopicNames, TopicSpec, topic_specs
from app.cli.topics import app
from models.errors import Fatal, Transient
from tests import kafka
from tests.conftest import PARTITIONS
from tests.eventually import eventually

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


@pytest.fixture
def names(broker: str) -> Iterator[TopicNames]:
    """A prefix under which nothing was made yet."""
    names = TopicNames(prefix=f"n{uuid.uuid4().hex[:12]}.")
    yield names
    client = kafka.admin(broker)
    made = [name for name in client.list_topics(timeout=30).topics if name.startswith(names.prefix)]
    for removed in client.delete_topics(made, operation_timeout=30).values() if made else ():
        removed.result(30)


def with_setting(spec: TopicSpec, name: str, value: str | int) -> TopicSpec:
    """The spec, wanting `value` of one setting."""
    return replace(
        spec, settings=tuple(Setting(s.name, value, s.rule) if s.name == name else s for s in spec.settings)
    )


def test_create_makes_what_is_missing_and_nothing_twice(broker: str, names: TopicNames) -> None:
    client, specs = kafka.admin(broker), topic_specs(names, PARTITIONS, 1)
    assert admin.create(client, specs[:4]) == names.all()[:4]
    assert admin.create(client, specs) == names.all()[4:]
    assert admin.create(client, specs) == ()
    assert admin.check(client, specs) == []


def test_check_says_exactly_what_differs(broker: str, names: TopicNames) -> None:
    client, specs = kafka.admin(broker), topic_specs(names, PARTITIONS, 1)
    tickets, routed, surges, feedback, insights, shadow, state, generations, *others = specs
    corrections, knowledge, counts, surge_state, dead = others
    admin.create(
        client,
        [
            with_setting(tickets, "max.message.bytes", MIB),
            replace(routed, partitions=2),
            with_setting(surges, "cleanup.policy", "delete"),
            with_setting(feedback, "retention.ms", -1),  # longer than wanted: no difference
            insights,
            shadow,
            replace(state, partitions=3, follows=None),
            replace(generations, partitions=2),
            knowledge,
            with_setting(counts, "compression.type", "zstd"),
            with_setting(surge_state, "delete.retention.ms", 1000),
            with_setting(dead, "retention.ms", -1),  # personal data kept for ever: a difference
        ],
    )
    assert admin.check(client, specs) == [
        Difference(names.tickets, "max.message.bytes", str(6 * MIB), str(MIB)),
        Difference(names.routed, "partitions", "4", "2"),
        Difference(names.surges, "cleanup.policy", "compact,delete", "delete"),
        Difference(names.state, "partitions", "4", "3"),
        Difference(names.generations, "partitions", "1", "2"),
        Difference(corrections.name, "topic", "1 partitions", None),
        Difference(names.counts, "compression.type", "producer", "zstd"),
        Difference(names.surge_state, "delete.retention.ms", "604800000", "1000"),
        Difference(names.dead, "retention.ms", "604800000", "-1"),
    ]


def test_check_sees_too_few_copies(broker: str, topics: TopicNames) -> None:
    wanted = [spec for spec in topic_specs(topics, PARTITIONS, 3) if spec.name == topics.tickets]
    assert admin.check(kafka.admin(broker), wanted) == [
        Difference(topics.tickets, "replication", "3", "1"),
        Difference(topics.tickets, "min.insync.replicas", "2", "1"),
    ]


def test_a_table_follows_the_partitions_that_its_source_really_has(broker: str, topics: TopicNames) -> None:
    client, specs = kafka.admin(broker), topic_specs(topics, PARTITIONS, 1)
    client.create_partitions([NewPartitions(topics.tickets, 6)], operation_timeout=30)[topics.tickets].result(
        30
    )
    assert eventually(
        lambda: (
            admin.check(client, specs)
            == [
                Difference(topics.feedback, "partitions", "6", str(PARTITIONS)),
                Difference(topics.state, "partitions", "6", str(PARTITIONS)),
            ]
        )
    )


def test_create_gives_a_table_the_partitions_of_a_source_that_exists(broker: str, names: TopicNames) -> None:
    client, specs = kafka.admin(broker), topic_specs(names, PARTITIONS, 1)
    admin.create(client, [replace(specs[0], partitions=7)])
    admin.create(client, specs)
    assert len(client.list_topics(timeout=30).topics[names.state].partitions) == 7
    assert admin.check(client, specs) == []


def test_a_ticket_of_5_mb_fits_and_so_does_its_dead_letter(broker: str, topics: TopicNames) -> None:
    record = b"x" * 5_000_000
    kafka.produce(broker, topics.tickets, [(b"T-1", record)])
    (ticket,) = kafka.read_all(broker, topics.tickets)
    assert ticket.value() == record
    letter = b'{"original_value":"%s"}' % base64.b64encode(record)
    kafka.produce(broker, topics.dead, [(b"T-1", letter)])
    (dead,) = kafka.read_all(broker, topics.dead)
    assert dead.value() == letter


def test_a_ticket_beyond_the_limit_is_refused(broker: str, topics: TopicNames) -> None:
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE"):
        kafka.produce(broker, topics.tickets, [(b"T-1", b"x" * 7_000_000)])


def test_a_broker_that_is_away_is_transient_and_said_in_one_line() -> None:
    client = kafka.admin("127.0.0.1:1")
    with pytest.raises(Transient, match=r"^Kafka cannot be reached: [^\n]*$"):
        admin.check(client, topic_specs(TopicNames(), 1, 1), timeout_s=0.5)
    with pytest.raises(Transient, match=r"^Kafka cannot be reached: [^\n]*$"):
        admin.create(client, topic_specs(TopicNames(), 1, 1), timeout_s=0.5)


def test_more_copies_than_brokers_is_fatal(broker: str, names: TopicNames) -> None:
    with pytest.raises(Fatal, match=rf"^Kafka refuses \(topic {names.prefix}tickets\): "):
        admin.create(kafka.admin(broker), topic_specs(names, 1, replication=9)[:1])


def test_the_command_line_makes_and_checks(
    broker: str, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_BOOTSTRAP", broker)
    command = CliRunner()
    place = ["--prefix", names.prefix, "--partitions", "3"]
    assert command.invoke(app, ["check", *place]).exit_code == 1
    assert command.invoke(app, ["create", *place]).exit_code == 0
    found = command.invoke(app, ["check", *place])
    assert (found.exit_code, found.stdout) == (0, "All topics are as they should be.\n")


def test_the_command_line_speaks_json(broker: str, names: TopicNames) -> None:
    command = CliRunner()
    place = ["--bootstrap", broker, "--prefix", names.prefix, "--json"]
    first = command.invoke(app, ["create", *place])
    assert json.loads(first.stdout_bytes) == {"created": list(names.all()), "present": []}
    second = command.invoke(app, ["create", *place])
    assert json.loads(second.stdout_bytes) == {"created": [], "present": list(names.all())}
    differs = command.invoke(app, ["check", *place, "--partitions", "9"])
    assert differs.exit_code == 1
    first_one = json.loads(differs.stdout_bytes)["differences"][0]
    assert first_one == {"topic": names.tickets, "setting": "partitions", "wanted": "9", "found": "6"}
