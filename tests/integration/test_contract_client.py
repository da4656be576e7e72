"""A client that knows `asyncapi.yaml` and nothing else publishes tickets and reads decisions."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agents.topics import TopicNames
from schemas import asyncapi
from tests import kafka
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers

pytestmark = pytest.mark.integration

DOCUMENT = Path(asyncapi.__file__).with_name("asyncapi.yaml")
TEXTS = (
    "the app crashes right after I open it",
    "微信支付失败，提示签名错误",
    "fingerprint is not recognised by the lock",
    "I was charged twice for the same order",
    "更新之后打不开应用",
)


class Client:
    """Addresses, payload schemas and examples, read from the document as a stranger would."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))

    def channel(self, address: str) -> dict[str, Any]:
        (found,) = [c for c in self.document["channels"].values() if c["address"] == address]
        return found  # type: ignore[no-any-return]

    def message(self, address: str) -> dict[str, Any]:
        (reference,) = self.channel(address)["messages"].values()
        return self.resolve(reference)

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def validator(self, schema: dict[str, Any]) -> jsonschema.Draft7Validator:
        inner = self.resolve(schema)
        inner = inner.get("schema", inner)  # a multi-format schema wraps its own
        return jsonschema.Draft7Validator({**inner, "components": self.document["components"]})


def test_500_tickets_become_500_valid_decisions(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    client = Client()
    ticket, decision = client.message("tickets"), client.message("tickets.routed")
    good_ticket = client.validator(ticket["payload"])
    example = client.resolve(ticket["examples"][0])["payload"]
    start_worker().await_ready()

    records = []
    for number in range(500):
        value = {**example, "ticket_id": f"x-{number}", "event": "created", "description": TEXTS[number % 5]}
        value.pop("version", None)
        good_ticket.validate(value)
        records.append((value["ticket_id"].encode(), json.dumps(value).encode()))
    kafka.produce(broker, topics.tickets, records)

    found = await_answers(broker, topics, 500)
    payload, headers = client.validator(decision["payload"]), client.validator(decision["headers"])
    for record in found:
        value = json.loads(record.value())
        payload.validate(value)
        headers.validate({name: content.decode() for name, content in record.headers()})
        assert record.key().decode() == value["ticket_id"]
    assert sorted(json.loads(r.value())["ticket_id"] for r in found) == sorted(f"x-{n}" for n in range(500))
