"""Admin: makes the topics that `topics.py` describes, and says where a cluster's own differ from them."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from agents.topics import TopicSpec
from models.errors import Fatal, Transient

_POLL_S = 0.05

# librdkafka's own codes are negative, and all that it gives here mean that no broker answered; of the broker's, these
# heal with time.
_HEALING = frozenset(
    {
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a topic is not as its spec wants it. `found` is None where the topic, or the setting, is missing."""

    topic: str
    setting: str
    wanted: str
    found: str | None


def create(admin: AdminClient, specs: Sequence[TopicSpec], timeout_s: float = 30.0) -> tuple[str, ...]:
    """Make the topics that are missing and wait until all can be written to; returns the names of those made.

    A topic that exists is left as it is (`check` says what differs), also one that somebody makes meanwhile.

    Raises:
        Transient: Kafka cannot be reached, or did not answer in time.
        Fatal: it refuses: no permission, more copies than brokers.
    """
    deadline = time.monotonic() + timeout_s
    present = _topics(admin, timeout_s)
    missing = [spec for spec in specs if spec.name not in present]
    made = []
    if missing:
        asked = admin.create_topics(
            [_new_topic(spec, present) for spec in missing],
            operation_timeout=timeout_s,
            request_timeout=timeout_s,
        )
        for name, answer in asked.items():
            if _answer(answer, timeout_s, f"topic {name}", allow=KafkaError.TOPIC_ALREADY_EXISTS):
                made.append(name)
    while not all(_has_leaders(_topics(admin, timeout_s).get(spec.name)) for spec in specs):
        if time.monotonic() > deadline:
            raise Transient(f"Kafka made the topics, but they had no leaders within {timeout_s:g} s")
        time.sleep(_POLL_S)
    return tuple(made)


def delete(admin: AdminClient, specs: Sequence[TopicSpec], timeout_s: float = 30.0) -> None:
    """Remove the topics with all that they hold; those that do not exist are passed over.

    Raises:
        Transient: Kafka cannot be reached, or did not answer in time.
        Fatal: it refuses.
    """
    asked = admin.delete_topics(
        [spec.name for spec in specs], operation_timeout=timeout_s, request_timeout=timeout_s
    )
    for name, answer in asked.items():
        _answer(answer, timeout_s, f"topic {name}", allow=KafkaError.UNKNOWN_TOPIC_OR_PART)


def check(admin: AdminClient, specs: Sequence[TopicSpec], timeout_s: float = 30.0) -> list[Difference]:
    """What differs from the specs, in their order; empty where all is well.

    Raises:
        Transient: Kafka cannot be reached, or did not answer in time.
        Fatal: it refuses to say.
    """
    present = _topics(admin, timeout_s)
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs if spec.name in present]
    asked = admin.describe_configs(resources, request_timeout=timeout_s) if resources else {}
    found = {
        resource.name: {
            name: str(entry.value) for name, entry in _answer(answer, timeout_s, resource.name).items()
        }
        for resource, answer in asked.items()
    }
    return [difference for spec in specs for difference in _compare(spec, present, found.get(spec.name, {}))]


def _new_topic(spec: TopicSpec, present: dict[str, Any]) -> NewTopic:
    followed = present.get(spec.follows or "")
    partitions = len(followed.partitions) if followed else spec.partitions
    config = {setting.name: str(setting.wanted) for setting in spec.settings}
    return NewTopic(spec.name, partitions, spec.replication, config=config)


def _compare(spec: TopicSpec, present: dict[str, Any], found: dict[str, str]) -> list[Difference]:
    topic, followed = present.get(spec.name), present.get(spec.follows or "")
    if topic is None:
        return [Difference(spec.name, "topic", f"{spec.partitions} partitions", None)]
    wanted = len(followed.partitions) if followed else spec.partitions
    count = len(topic.partitions)
    copies = min(len(partition.replicas) for partition in topic.partitions.values())
    differences = []
    if count != wanted if spec.exact_partitions else count < wanted:
        differences.append(Difference(spec.name, "partitions", str(wanted), str(count)))
    if copies < spec.replication:
        differences.append(Difference(spec.name, "replication", str(spec.replication), str(copies)))
    for setting in spec.settings:
        value = found.get(setting.name)
        if value is None or not setting.holds(value):
            differences.append(Difference(spec.name, setting.name, str(setting.wanted), value))
    return differences


def _topics(admin: AdminClient, timeout_s: float) -> dict[str, Any]:
    try:
        topics: dict[str, Any] = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        raise _translate(error, "the list of topics") from error
    return topics


def _has_leaders(topic: Any) -> bool:
    return bool(topic and topic.partitions) and all(p.leader >= 0 for p in topic.partitions.values())


def _answer(asked: "Future[Any]", timeout_s: float, about: str, allow: int | None = None) -> Any:
    """What the broker answered: True where it says no more than "done", None where it says what is allowed."""
    try:
        result = asked.result(timeout_s)
    except TimeoutError as error:
        raise Transient(f"Kafka did not answer within {timeout_s:g} s: {about}") from error
    except KafkaException as error:
        if error.args[0].code() == allow:
            return None
        raise _translate(error, about) from error
    return True if result is None else result


def _translate(error: KafkaException, about: str) -> Transient | Fatal:
    reason: KafkaError = error.args[0]
    if reason.code() in {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN}:
        return Transient("Kafka cannot be reached: does it run, and is the bootstrap address right?")
    if reason.code() < 0 or reason.code() in _HEALING:
        return Transient(f"Kafka could not answer about {about}: {reason.str()}")
    return Fatal(f"Kafka refuses ({about}): {reason.str()}")
