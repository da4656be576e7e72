"""Back-pressure: a worker that is far too slow for its topic keeps its place in the group and its memory."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from agents.exits import Exit
from agents.topics import TopicNames
from app.bench.tickets import NoOpEncoder
from app.child import WorkerProcess, resident_mib
from app.settings import Settings
from app.wires import consumer_options
from schemas.codec import encode
from tests import kafka
from tests.conftest import PARTITIONS
from tests.eventually import eventually
from tests.integration.conftest import learn
from tests.integration.ledger import decisions_of
from tests.integration.test_worker import ticket

pytestmark = pytest.mark.integration

# The path takes 0.1 ms a ticket with this encoder (`sluice bench worker`): 50 times slower is 5 ms.
SLOW_S = 0.005
WARM_UP, TICKETS, SLOWLY = 300, 8_000, 1_800
# What makes a record large stands in a field that nobody reads: fetched and decoded, but no work for the fast worker.
UNREAD = b',"html":"' + b"x" * 16_000 + b'"}'
MIB = 1 << 20
LIBRDKAFKA_FETCH_MAX_BYTES = 52_428_800  # `fetch.max.bytes`, as it is where nobody sets it


class Start(Protocol):
    def __call__(self, seconds_a_text: float) -> WorkerProcess: ...


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As few records a batch as make a batch of 1.3 s, which is longer than the wire waits before it pauses."""
    few = {"batch_records": 256, "session_timeout_s": 3.0}
    return settings.model_copy(update=few)


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker that takes so long over a text."""
    with ExitStack() as stack:

        def begin(seconds_a_text: float) -> WorkerProcess:
            variables = {
                "SLUICE_BOOTSTRAP": str(settings.bootstrap),
                "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
                "SLUICE_DATA_DIR": str(settings.data_dir),
                "SLUICE_BATCH_RECORDS": str(settings.batch_records),
                "SLUICE_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
            }
            module = ("tests.integration.slow_worker", str(seconds_a_text))
            return stack.enter_context(WorkerProcess(variables, tmp_path / "worker.log", module))

        yield begin


def values(numbers: range) -> list[tuple[bytes, bytes]]:
    events = [ticket(number, f"the app crashes on page {number}") for number in numbers]
    return [(event.ticket_id.encode(), encode(event).removesuffix(b"}") + UNREAD) for event in events]


def sum_of(metric: str, page: str) -> float:
    """Of all its labels' values."""
    return sum(map(float, re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", page, re.MULTILINE)))


def decided(worker: WorkerProcess) -> float:
    return sum_of("sluice_decisions_total", worker.page("/metrics")[1])


def members(settings: Settings) -> list[str]:
    group = f"{settings.topic_prefix}{settings.group}"
    client = kafka.admin(str(settings.bootstrap))
    return [m.member_id for m in client.describe_consumer_groups([group])[group].result(30).members]


def resident(pid: int) -> float:
    """MiB of a process that must be there."""
    mib = resident_mib(pid)
    assert mib is not None
    return mib


def allowed_bytes(settings: Settings, record_bytes: int) -> int:
    """How much a backlog may add to a worker's memory: what docs/architecture.md says under "The wire".

    The client's queue, one answer of the broker beyond it (it is asked for while there is room in the queue), and
    the batches in flight: each record as it came, as it is read, and as what is written of it.
    """
    options = consumer_options(settings, {})
    queue = options["queued.max.messages.kbytes"] * 1024
    answer = min(PARTITIONS * options["fetch.message.max.bytes"], LIBRDKAFKA_FETCH_MAX_BYTES)
    return int(queue + answer + settings.batches_in_flight * settings.batch_records * record_bytes * 3)


def test_a_worker_that_is_50_times_too_slow_stays_in_the_group_and_in_its_memory(
    broker: str, topics: TopicNames, settings: Settings, start: Start
) -> None:
    learn(settings, NoOpEncoder())
    slow = start(SLOW_S).await_ready()
    kafka.produce(broker, topics.tickets, values(range(WARM_UP)))
    assert eventually(lambda: decided(slow) == WARM_UP)
    baseline, joined = resident(slow.pid), members(settings)
    backlog = values(range(WARM_UP, WARM_UP + TICKETS))
    allowed = allowed_bytes(settings, len(backlog[0][1]))
    assert sum(len(value) for _, value in backlog) > 1.5 * allowed  # else the bound could not be broken
    kafka.produce(broker, topics.tickets, backlog)

    ages, held = list[float](), list[float]()

    def worked_slowly() -> bool:
        page = slow.page("/metrics")[1]
        ages.append(sum_of("sluice_oldest_ticket_seconds", page))
        held.append(resident(slow.pid))
        return sum_of("sluice_decisions_total", page) >= WARM_UP + SLOWLY

    assert eventually(worked_slowly, 60)
    assert len(joined) == 1
    assert members(settings) == joined
    said = slow.log.read_text()
    assert [said.count(event) for event in ("partitions_gained", "partitions_lost", "rewound")] == [1, 0, 0]
    at_work = [age for age in ages if age > 0]  # 0 while the next batch is fetched
    assert len(at_work) > len(ages) / 2
    assert at_work[0] < at_work[len(at_work) // 2] < at_work[-1]
    grown = (max(held) - baseline) * MIB
    assert grown < allowed, f"{grown / MIB:.0f} MiB beyond {baseline:.0f}, {allowed / MIB:.0f} allowed"

    assert slow.stop() == Exit.OK
    done = len(kafka.read_all(broker, topics.routed))
    fast = start(0.0)
    assert eventually(lambda: decided(fast) >= WARM_UP + TICKETS - done, 60)
    decisions = decisions_of(kafka.read_all(broker, topics.routed))  # none twice
    assert decisions.keys() == {f"new-{number}" for number in range(WARM_UP + TICKETS)}
    assert kafka.read_all(broker, topics.dead) == []
