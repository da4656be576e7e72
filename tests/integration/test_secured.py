"""A Kafka that asks for a password: every client of a worker logs in, and a wrong password is said at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from pydantic import SecretStr

from agents import admin
from agents.exits import Exit
from agents.follower import partitions_of, read_to_end, reader_options
from agents.topics import TopicNames, topic_specs
from agents.wire import Record
from app.child import WorkerProcess
from app.settings import Settings
from models.routing.encode import Encoder
from schemas.codec import decode, encode
from schemas.decision import Decision
from tests.conftest import CACHE
from tests.eventually import eventually
from tests.fakes.history import FRESH
from tests.integration.conftest import learn
from tests.integration.test_worker import ticket
from tests.secured import PASSWORD, USER, Secured, secured_kafka

pytestmark = pytest.mark.integration

NAMES = TopicNames("locked.")
WRONG = "incorrect-horse-battery-9"
REFUSED = "sluice: Kafka refuses the login: check SLUICE_SASL_USERNAME, SLUICE_SASL_PASSWORD and SLUICE_SASL_MECHANISM"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("secured"), CACHE) as kafka:
        admin.create(kafka.admin(), topic_specs(NAMES, partitions=2, replication=1))
        yield kafka


def variables(secured: Secured, folder: Path, password: str) -> dict[str, str]:
    return {
        "SLUICE_BOOTSTRAP": secured.bootstrap,
        "SLUICE_TOPIC_PREFIX": NAMES.prefix,
        "SLUICE_DATA_DIR": str(folder / "data"),
        "SLUICE_LOG_LEVEL": "debug",
        "SLUICE_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SLUICE_SASL_MECHANISM": "SCRAM-SHA-512",
        "SLUICE_SASL_USERNAME": USER,
        "SLUICE_SASL_PASSWORD": password,
    }


def decisions(secured: Secured) -> list[Decision]:
    found: list[Decision] = []

    def keep(record: Record) -> None:
        found.append(decode(Decision, record.value()))

    consumer = Consumer(reader_options(secured.options()))
    read_to_end(consumer, partitions_of(consumer, [NAMES.routed]), keep)
    consumer.close()
    return found


def members(secured: Secured, group: str) -> int:
    """How many clients are in a group; Faust's own client has one for itself."""
    client = secured.admin()  # held: the answer dies with its client
    described = client.describe_consumer_groups([group], request_timeout=10)[group].result(10)
    return len(described.members)


def test_with_the_right_password_every_client_of_a_worker_logs_in(
    secured: Secured, encoder: Encoder, tmp_path: Path
) -> None:
    learn(
        Settings(
            bootstrap=secured.bootstrap,
            topic_prefix=NAMES.prefix,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=USER,
            sasl_password=SecretStr(PASSWORD),
        ),
        encoder,
    )
    with WorkerProcess(variables(secured, tmp_path, PASSWORD), tmp_path / "worker.log") as worker:
        worker.await_ready()
        assert eventually(lambda: members(secured, f"{NAMES.prefix}sluice") == 1)
        assert eventually(lambda: members(secured, f"{NAMES.prefix}sluice-control") == 1)
        producer = Producer(secured.options())
        producer.produce(NAMES.tickets, encode(ticket(1, FRESH[0][1])), b"new-1")
        assert producer.flush(30) == 0
        assert eventually(lambda: [found.owner for found in decisions(secured)] == [FRESH[0][0]])
        pages = worker.page("/metrics")[1] + worker.page("/readyz")[1]
        assert worker.stop() == Exit.OK
    assert PASSWORD not in worker.log.read_text() + pages
    assert PASSWORD not in secured.log.read_text()


def test_with_a_wrong_password_a_worker_ends_with_one_line(secured: Secured, tmp_path: Path) -> None:
    """Code 2: the settings are wrong, and a restart does not change them."""
    with WorkerProcess(variables(secured, tmp_path, WRONG), tmp_path / "worker.log") as worker:
        assert worker.await_end(60) == Exit.USAGE
    said = worker.log.read_text()
    assert said.splitlines() == [REFUSED]
    assert WRONG not in said


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["bootstrap", "{file}"], id="bootstrap"),
        pytest.param(["topics", "create"], id="topics create"),
        pytest.param(["topics", "check"], id="topics check"),
        pytest.param(["import", "{file}", "--now"], id="import"),
    ],
)
def test_with_a_wrong_password_a_command_ends_with_one_line(
    secured: Secured, tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "history.csv"
    file.write_text("id,description\n1,the app crashes\n")
    done = subprocess.run(
        [sys.executable, "-m", "app", *(word.format(file=file) for word in words)],
        env={**os.environ, **variables(secured, tmp_path, WRONG)},
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", [REFUSED])
