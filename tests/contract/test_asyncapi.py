"""The AsyncAPI document stands on its own: references resolve, examples fit, and a client needs no other file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from schemas.channels import CHANNELS, NAMES, Channel
from schemas.codec import Limits, decode, decode_ticket
from schemas.export import FOLDER, drifted, main, write

DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
CONTRACTS = {name: contract for contract, name in NAMES.items()}
_FROM_OTHERS = {"ticket", "feedback", "article"}
VALIDATORS = [Draft7Validator, Draft202012Validator]
"""AsyncAPI's own dialect, and that of the single files."""


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        node = node[part]
    return node


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def inside(schema: Any) -> Any:
    """The schema with the document's components beside it, so that its references resolve."""
    return {"components": DOCUMENT["components"], "allOf": [schema]}


def test_every_reference_resolves_and_every_schema_is_referred_to() -> None:
    found = set(references(DOCUMENT))
    assert all(resolve(reference) for reference in found)
    parts = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "messages")
        for name in DOCUMENT["components"][kind]
    }
    assert parts <= found


@pytest.mark.parametrize("validator", VALIDATORS, ids=lambda validator: validator.__name__)
@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_fits_its_schemas(name: str, validator: Any) -> None:
    message = MESSAGES[name]
    assert message["examples"]
    for shown in message["examples"]:
        for part in ("payload", "headers"):
            validator.check_schema(message[part])
            validator(inside(message[part])).validate(shown[part])
        assert decode(CONTRACTS[name], json.dumps(shown["payload"]).encode())


@pytest.mark.parametrize("name", MESSAGES)
def test_an_empty_object_fits_no_payload(name: str) -> None:
    assert not Draft7Validator(inside(MESSAGES[name]["payload"])).is_valid({})


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - _FROM_OTHERS))
def test_what_sluice_writes_carries_cloudevents(name: str) -> None:
    headers = Draft7Validator(inside(MESSAGES[name]["headers"]))
    shown = MESSAGES[name]["examples"][0]["headers"]
    for required in ("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"):
        assert not headers.is_valid({key: value for key, value in shown.items() if key != required})
    assert not headers.is_valid({**shown, "ce_type": "other"})
    assert not headers.is_valid({**shown, "traceparent": "broken"})


@pytest.mark.parametrize("name", sorted(_FROM_OTHERS))
def test_a_client_may_write_without_headers(name: str) -> None:
    assert Draft7Validator(inside(MESSAGES[name]["headers"])).is_valid({})


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.topic)
def test_a_channel_says_its_topic_key_cleanup_and_direction(channel: Channel) -> None:
    published = DOCUMENT["channels"][channel.id]
    assert published["address"] == channel.topic
    assert published["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] == list(channel.cleanup)
    for name, reference in published["messages"].items():
        message = resolve(reference["$ref"])
        assert message["bindings"]["kafka"]["key"] == {"type": "string", "description": channel.key}
        assert name in MESSAGES
    actions = {
        o["action"]
        for o in DOCUMENT["operations"].values()
        if o["channel"]["$ref"].endswith(f"/{channel.id}")
    }
    assert actions == {
        name for name, holds in (("receive", channel.receives), ("send", channel.sends)) if holds
    }


def test_a_client_who_knows_only_this_file_writes_a_ticket_that_is_read() -> None:
    (operation,) = (
        o for o in DOCUMENT["operations"].values() if o["channel"]["$ref"] == "#/channels/tickets"
    )
    (message,) = (resolve(resolve(reference["$ref"])["$ref"]) for reference in operation["messages"])
    schema = resolve(message["payload"]["$ref"])
    example = message["examples"][0]["payload"]
    least = {name: example[name] for name in schema["required"]}
    Draft7Validator(inside(schema)).validate(least)
    assert decode_ticket(json.dumps(least).encode(), Limits()).ticket_id == example["ticket_id"]


def test_the_published_files_are_what_the_models_say() -> None:
    assert drifted(FOLDER) == [], "run `make schemas`"


def test_check_names_what_drifted_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "json" / "ticket.v1.schema.json").write_text("{}")
    (tmp_path / "json" / "decision.v1.schema.json").unlink()
    (tmp_path / "json" / "left-over.v1.schema.json").write_text("{}")
    assert main(["--check"], tmp_path) == 1
    names = ["json/decision.v1.schema.json", "json/left-over.v1.schema.json", "json/ticket.v1.schema.json"]
    assert capsys.readouterr().out.splitlines() == [f"drifted: {name}" for name in names]
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    assert drifted(tmp_path) == []


def test_an_unknown_argument_is_bad_usage(tmp_path: Path) -> None:
    assert main(["--force"], tmp_path) == 2
    assert list(tmp_path.iterdir()) == []
