"""Tickets of one size for benchmarks, and an encoder that costs next to nothing."""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from app.bootstrap import PastTicket
from models.routing.encode import Tokens, Vectors
from schemas.codec import encode
from schemas.contract import time_of
from schemas.ticket import TicketEvent, TicketEventKind

TICKET_BYTES = 588
_CREATED_MS = 1_790_000_000_000

_WORDS = [
    "app",
    "crashes",
    "after",
    "the",
    "update",
    "and",
    "I",
    "cannot",
    "open",
    "it",
    "anymore",
    "please",
    "help",
    "payment",
    "failed",
    "with",
    "an",
    "error",
    "code",
    "at",
    "checkout",
    "my",
    "order",
    "is",
    "still",
    "unpaid",
    "the",
    "lock",
    "does",
    "not",
    "answer",
    "its",
    "fingerprint",
    "reader",
    "refund",
    "has",
    "not",
    "arrived",
    "yet",
    "invoice",
    "title",
    "wrong",
    "parcel",
    "not",
    "moving",
    "since",
    "friday",
    "earbuds",
    "will",
    "not",
    "pair",
    "with",
    "my",
    "phone",
    "camera",
    "offline",
    "again",
]


def ticket_values(count: int, start: int = 0, size: int = TICKET_BYTES) -> list[tuple[bytes, bytes]]:
    """(key, value) of `count` created tickets whose JSON is `size` bytes long, numbered from `start`."""
    found = []
    for number, text in enumerate(texts(count, start), start):
        ticket_id = f"bench-{number:09}"
        empty = _value(ticket_id, "")
        found.append((ticket_id.encode(), _value(ticket_id, text[: size - len(empty)])))
    return found


def texts(count: int, seed: int, words: int = 120) -> Iterator[str]:
    """So many texts of so many words."""
    for row in np.random.default_rng(seed).integers(0, len(_WORDS), (count, words)):
        yield " ".join(_WORDS[pick] for pick in row)


def _value(ticket_id: str, text: str) -> bytes:
    return encode(
        TicketEvent(
            ticket_id=ticket_id,
            event=TicketEventKind.CREATED,
            description=text,
            created_at=time_of(_CREATED_MS),
            customer_id="C-00042",
            product="Nimbo App",
            channel="app",
        )
    )


def past_tickets(count: int, owners: int) -> list[PastTicket]:
    """A history for a generation that decides on such tickets."""
    chance = np.random.default_rng(7)
    return [
        PastTicket(
            TicketEvent(
                ticket_id=f"past-{number}",
                event=TicketEventKind.RESOLVED,
                description=" ".join(_WORDS[pick] for pick in chance.integers(0, len(_WORDS), 60)),
                assigned_team=f"team {number % owners}",
                resolution="closed",
                created_at=time_of(_CREATED_MS),
            )
        )
        for number in range(count)
    ]


class NoOpEncoder:
    """Satisfies `models.routing.encode.Encoder` at almost no cost: a text's vector is one of 256, by its CRC-32."""

    fingerprint = "no-op:0000000000000000"
    dim = 512

    def __init__(self) -> None:
        table = np.random.default_rng(3).normal(size=(256, self.dim)).astype(np.float32)
        self._table = table / np.linalg.norm(table, axis=1, keepdims=True)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        return [(zlib.crc32(text.encode()) & 0xFF,) for text in texts]

    def forward(self, tokens: Sequence[Tokens]) -> Vectors:
        rows: Vectors = self._table[[ids[0] for ids in tokens]]
        return rows
