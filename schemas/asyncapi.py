"""The AsyncAPI 3.0 document: everything a client needs to publish tickets and feedback and to read the rest.

Its schemas keep to what JSON Schema draft 7 and 2020-12 share, since draft 7 is what AsyncAPI's own schemas are.
"""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.channels import CHANNELS, FROM_OTHERS, NAMES, Channel, event_type, versioned
from schemas.codec import encode
from schemas.contract import Event
from schemas.examples import EXAMPLES
from schemas.headers import MAX_TRACESTATE_CHARS, TRACEPARENT_PATTERN

Json = dict[str, Any]
BINDING_VERSION = "0.5.0"


class _Plain(GenerateJsonSchema):
    """JSON Schema without a title for every field, which would only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def payload_schema(contract: type[Event]) -> Json:
    """The contract as JSON Schema, with `$defs` of its own: what is read where others write it, else what is written.

    A field that has a default is never required, so an event of an older writer stays valid.
    """
    schema = contract.model_json_schema(
        mode="validation" if contract in FROM_OTHERS else "serialization", schema_generator=_Plain
    )
    flowing: Json = _on_one_line(schema)
    return flowing


def document() -> Json:
    """The whole AsyncAPI document."""
    contracts = sorted(NAMES, key=NAMES.__getitem__)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sluice",
            "version": "1.0.0",
            "description": (
                "Routes support tickets by meaning and announces problems that start to spread. Values are UTF-8 JSON "
                "(RFC 8259) of at most 1 MiB and 16 levels of nesting, without repeated keys, lone surrogates or "
                "U+0000; an integer is written without a fraction or exponent. Readers ignore fields that they do "
                "not know. Topic names are the defaults of a deployment."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Apache Kafka 3.0 or later.",
                "variables": {
                    "bootstrap": {"default": "127.0.0.1:9092", "description": "host:port of any broker"}
                },
            }
        },
        "channels": {channel.id: _channel(channel) for channel in CHANNELS},
        "operations": dict(operation for channel in CHANNELS for operation in _operations(channel)),
        "components": {
            "messages": {
                NAMES[contract]: _message(contract, channel)
                for contract in contracts
                for channel in CHANNELS
                if contract in channel.contracts
            },
            "schemas": {**_schemas(contracts), "CloudEvent": _headers_schema()},
        },
    }


def _channel(channel: Channel) -> Json:
    return {
        "address": channel.topic,
        "description": channel.says,
        "messages": {NAMES[c]: {"$ref": f"#/components/messages/{NAMES[c]}"} for c in channel.contracts},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": list(channel.cleanup)},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _operations(channel: Channel) -> list[tuple[str, Json]]:
    """From Sluice's own point of view: a client sends what Sluice receives."""
    actions = [("receive", channel.receives), ("send", channel.sends)]
    return [
        (
            f"{action}-{channel.id}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel.id}"},
                "summary": f"Sluice {'reads' if action == 'receive' else 'writes'} {channel.topic}.",
                "messages": [
                    {"$ref": f"#/channels/{channel.id}/messages/{NAMES[c]}"} for c in channel.contracts
                ],
            },
        )
        for action, holds in actions
        if holds
    ]


def _message(contract: type[Event], channel: Channel) -> Json:
    """A message with its example; only what Sluice alone writes is sure to carry CloudEvents."""
    kind: Json = {"properties": {"ce_type": {"const": event_type(contract)}}}
    always: Json = {
        "required": ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"]
    }
    headers: list[Json] = [{"$ref": "#/components/schemas/CloudEvent"}]
    return {
        "name": versioned(contract),
        "title": contract.__name__,
        "summary": _first_sentence(contract.__doc__ or ""),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": headers if contract in FROM_OTHERS else [*headers, {**kind, **always}],
        },
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": channel.key},
                "bindingVersion": BINDING_VERSION,
            }
        },
        "examples": [
            {"name": NAMES[contract], "headers": _example_headers(contract), "payload": example(contract)}
        ],
    }


def example(contract: type[Event]) -> Json:
    """The contract's example as it stands in a record."""
    payload: Json = json.loads(encode(EXAMPLES[contract]))
    return payload


def _example_headers(contract: type[Event]) -> Json:
    return {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{NAMES[contract]}-1",
        "ce_type": event_type(contract),
        "ce_source": "/crm" if contract in FROM_OTHERS else "/sluice",
        "ce_time": "2026-03-02T09:30:01.000Z",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }


def _headers_schema() -> Json:
    """CloudEvents 1.0 attributes in Kafka's binary mode, and W3C trace context."""
    name = {"type": "string", "minLength": 1}
    return {
        "title": "CloudEvent",
        "description": "CloudEvents 1.0 in binary mode and W3C trace context; values are UTF-8.",
        "type": "object",
        "properties": {
            "content-type": {"type": "string", "pattern": "^application/json"},
            "ce_specversion": {"const": "1.0"},
            "ce_id": {**name, "description": "Unique with ce_source; a repeated event repeats it."},
            "ce_type": name,
            "ce_source": {**name, "format": "uri-reference"},
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_subject": name,
            "traceparent": {"type": "string", "pattern": TRACEPARENT_PATTERN},
            "tracestate": {"type": "string", "maxLength": MAX_TRACESTATE_CHARS},
        },
    }


def _schemas(contracts: list[type[Event]]) -> Json:
    """All contracts' schemas and what they refer to, side by side under their class names, sorted.

    Raises:
        ValueError: two different classes share a name.
    """
    found: Json = {}
    for contract in contracts:
        schema = payload_schema(contract)
        named = {**schema.pop("$defs", {}), contract.__name__: schema}
        for name, body in named.items():
            lifted = json.loads(json.dumps(body).replace('"#/$defs/', '"#/components/schemas/'))
            if found.setdefault(name, lifted) != lifted:
                raise ValueError(f"two schemas are called {name}")
    return dict(sorted(found.items()))


def _on_one_line(node: Any) -> Any:
    """The schema with docstrings' line breaks taken out of its descriptions."""
    if isinstance(node, dict):
        return {
            key: " ".join(value.split())
            if key == "description" and isinstance(value, str)
            else _on_one_line(value)
            for key, value in node.items()
        }
    return [_on_one_line(child) for child in node] if isinstance(node, list) else node


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].rstrip(".") + "."
