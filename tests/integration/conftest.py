"""A small generation on fresh topics, and workers that are real processes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.topics import TopicNames
from app.bootstrap import PastTicket, Prepared, fit, prepare, publish
from app.child import WorkerProcess
from app.policies import clean_policy, encoder_spec, pack_policy
from app.settings import Settings, kafka_options
from models.engines.encoders import load_encoder
from models.generation import Owner
from models.recluster.first_generation import FirstGeneration
from models.routing.encode import Encoder
from schemas.contract import time_of
from schemas.ticket import TicketEvent, TicketEventKind
from tests.fakes.history import HISTORY, NOW_MS

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The embedded encoder, loaded once."""
    return load_encoder(encoder_spec(Settings()))


@pytest.fixture
def settings(broker: str, topics: TopicNames, tmp_path: Path) -> Settings:
    """Settings of a worker on the test's own topics."""
    return Settings(bootstrap=broker, topic_prefix=topics.prefix, data_dir=tmp_path / "data")


@pytest.fixture
def learned(settings: Settings, encoder: Encoder) -> str:
    """The id of a generation of three teams, published with its history of solved tickets."""
    return learn(settings, encoder)


def fitted(
    settings: Settings, encoder: Encoder, now_ms: int = NOW_MS, renamed: Mapping[str, str] | None = None
) -> tuple[Prepared, FirstGeneration]:
    """That generation as if made at `now_ms`, of a history whose teams may have other names."""
    names = renamed or {}
    past = [
        PastTicket(
            TicketEvent(
                ticket_id=f"past-{number}",
                event=TicketEventKind.RESOLVED,
                title=text[:20],
                description=text,
                assigned_team=names.get(team, team),
                resolution=f"solved by {team}",
                created_at=time_of(NOW_MS),
            )
        )
        for number, (team, text) in enumerate(HISTORY)
    ]
    prepared = prepare(past, encoder, clean_policy(settings), pack_policy(settings), lambda *_: None)
    teams = [Owner(name, minutes) for name, minutes in (("mobile", 120), ("payments", 30), ("locks", 60))]
    return prepared, fit(prepared, encoder, teams, now_ms)


def learn(settings: Settings, encoder: Encoder, now_ms: int = NOW_MS) -> str:
    """Make it and publish it; its id."""
    prepared, first = fitted(settings, encoder, now_ms)
    assert settings.bootstrap is not None
    return publish(prepared, first, settings, kafka_options(settings, settings.bootstrap), lambda *_: None)


@pytest.fixture
def start_worker(settings: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on the test's topics; settings by name beside the usual ones. All are gone after the test."""
    with ExitStack() as stack:

        def start(**more: object) -> WorkerProcess:
            variables = {
                "SLUICE_BOOTSTRAP": str(settings.bootstrap),
                "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
                "SLUICE_DATA_DIR": str(settings.data_dir),
                **{f"SLUICE_{name.upper()}": str(value) for name, value in more.items()},
            }
            return stack.enter_context(WorkerProcess(variables, tmp_path / "worker.log"))

        yield start
