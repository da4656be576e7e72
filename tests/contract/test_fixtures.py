"""Events as the oldest writer of this schema version wrote them: they must decode for ever, and lose nothing.

A fixture is never edited; a change of a contract adds another one.
"""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

import schemas
from schemas.channels import CHANNELS, NAMES
from schemas.codec import Limits, decode, decode_ticket, encode
from schemas.contract import Event, Time
from schemas.examples import EXAMPLES
from schemas.ticket import TicketEvent

FOLDER = Path(__file__).parents[1] / "fixtures" / "v1"
FILES = sorted(FOLDER.glob("*.json"))
TIMES = {"created_at", "updated_at"}  # written in any spelling by others
_TIME: TypeAdapter[Any] = TypeAdapter(Time)
CONTRACTS = {name: contract for contract, name in NAMES.items()}


def contract_of(path: Path) -> type[Event]:
    return CONTRACTS[path.name.partition(".")[0]]


def file_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=file_name)
def test_an_old_event_decodes_and_loses_nothing(path: Path) -> None:
    old: dict[str, Any] = json.loads(path.read_bytes())
    new = json.loads(encode(decode(contract_of(path), path.read_bytes())))
    assert {name: new[name] for name in old} == {
        name: _TIME.dump_python(_TIME.validate_python(value), mode="json")
        if name in TIMES and value
        else value
        for name, value in old.items()
    }


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [("ticket.minimal", 1_772_443_800_000), ("ticket.steps-text", 1_772_443_800_250)],
)
def test_both_spellings_of_a_time_are_one_instant(name: str, milliseconds: int) -> None:
    event = decode_ticket((FOLDER / f"{name}.json").read_bytes(), Limits())
    assert event.created_at.timestamp() * 1000 == milliseconds


def test_every_event_is_listed_with_a_fixture_an_example_and_a_channel() -> None:
    for module in pkgutil.iter_modules(schemas.__path__, "schemas."):
        importlib.import_module(module.name)
    events = set(Event.__subclasses__())
    assert not any(event.__subclasses__() for event in events)
    assert events == set(NAMES) == set(EXAMPLES) == {contract_of(path) for path in FILES}
    assert sorted(NAMES[c] for channel in CHANNELS for c in channel.contracts) == sorted(NAMES.values())


def test_the_full_ticket_fixture_fills_every_field() -> None:
    event = decode_ticket((FOLDER / "ticket.full.json").read_bytes(), Limits())
    assert event.model_fields_set >= set(TicketEvent.model_fields)
    assert all(getattr(event, name) for name in TicketEvent.model_fields)
