"""No personal data that the sample plants is left in a ticket once it is clean, whatever stands around it."""

import re

import pytest

from agents.intake import ticket_of
from app.demo.history import SampleTicket, generate
from models.routing.clean import CleanPolicy, clean

POLICY = CleanPolicy()
LEAST_TELLING = 5  # digits; the last ones of a number are as bad as all of it
_NO_DIGIT = re.compile(r"[^0-9]")
_GAPS = re.compile(r"[ -]")


def survivors(ticket: SampleTicket) -> list[str]:
    """The planted secrets of a ticket that stand in its title, text or resolution, as a whole or by their last
    digits."""
    cleaned = clean(ticket_of(ticket.event, "v1"), POLICY)
    told = "\n".join((cleaned.title, cleaned.text, cleaned.resolution or ""))
    bare = _GAPS.sub("", told)
    return [secret for secret in ticket.secrets if secret in told or any(end in bare for end in tail(secret))]


def tail(secret: str) -> list[str]:
    digits = _NO_DIGIT.sub("", secret)[-LEAST_TELLING:]
    return [digits] if len(digits) == LEAST_TELLING else []


@pytest.fixture(scope="module")
def tickets() -> list[SampleTicket]:
    sample = generate(7, 1_790_000_000_000)
    return [*sample.past, *sample.replay]


def test_no_planted_secret_survives(tickets: list[SampleTicket]) -> None:
    assert sum(len(ticket.secrets) for ticket in tickets) > 500
    assert [(ticket.event.ticket_id, left) for ticket in tickets if (left := survivors(ticket))] == []
