"""Sources: what the demo learns from and replays: the sample that ships, or the user's own labelled file."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.bootstrap import PastTicket
from app.demo.history import generate
from app.demo.replay import Sent
from app.demo.report import Truth
from app.files.labelled import LabelledText, read_labelled
from app.files.lines import BadRow
from models.errors import Fatal
from models.generation import Owner
from schemas.codec import encode
from schemas.contract import time_of
from schemas.ticket import TicketEvent, TicketEventKind
from schemas.unreadable import explain_fields

_ANY_TIME_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A history to learn from and records to replay.

    Attributes:
        truths: ticket id -> who should get it, of the replayed tickets whose truth is known.
        secrets: personal data planted in the texts; none may come out anywhere.
        bad_rows: rows of the user's file that could not be used.
    """

    past: list[PastTicket]
    sent: list[Sent]
    truths: dict[str, Truth]
    teams: list[Owner]
    secrets: Sequence[str] = ()
    bad_rows: Sequence[BadRow] = ()


def from_file(path: Path, text: str, label: str, seed: int, now_ms: int) -> Source:
    """Half of a labelled file as history, half as replay, drawn label by label with `seed`.

    The label stands for the owner. Texts without label are not used; a label with one text is history.

    Raises:
        Fatal: the file cannot be read, lacks a column, or holds fewer than 10 labelled texts.
    """
    bad: list[BadRow] = []
    rows = [row for row in read_labelled(path, text, label, bad.append) if _is_ticket(row, bad)]
    if len(rows) < 10:
        raise Fatal(f"{path.name}: {len(rows)} labelled texts; a demo needs at least 10")
    history, fresh = _halves(rows, random.Random(seed))
    return Source(
        past=[PastTicket(_event(row, TicketEventKind.CLOSED, now_ms, "history")) for row in history],
        sent=[
            Sent(_id(row, "replay"), encode(_event(row, TicketEventKind.CREATED, now_ms, "replay")))
            for row in fresh
        ],
        truths={_id(row, "replay"): Truth(row.label) for row in fresh},
        teams=[],
        bad_rows=bad,
    )


def from_sample(seed: int, now_ms: int) -> Source:
    """The sample history that ships, and its replay with malformed records among the tickets."""
    sample = generate(seed, now_ms)
    sent = [Sent(ticket.event.ticket_id, encode(ticket.event)) for ticket in sample.replay]
    gap = len(sent) // (len(sample.malformed) + 1)
    for number, value in enumerate(sample.malformed, 1):
        sent.insert(number * gap + number - 1, Sent(None, value))
    return Source(
        past=[PastTicket(ticket.event) for ticket in sample.past],
        sent=sent,
        truths={ticket.event.ticket_id: Truth(ticket.team, ticket.problem) for ticket in sample.replay},
        teams=list(sample.teams),
        secrets=[secret for ticket in (*sample.past, *sample.replay) for secret in ticket.secrets],
    )


def _is_ticket(row: LabelledText, bad: list[BadRow]) -> bool:
    """Whether the row has a label and the contract takes it; `bad` is told of what it does not take."""
    if row.label is None:
        return False
    try:
        _event(row, TicketEventKind.CLOSED, _ANY_TIME_MS, "history")
    except ValidationError as error:
        blame = explain_fields(TicketEvent, error)
        bad.append(BadRow(row.line, f"{blame.field}: {blame.detail}"))
        return False
    return True


def _halves(
    rows: Sequence[LabelledText], chance: random.Random
) -> tuple[list[LabelledText], list[LabelledText]]:
    by_label: dict[str, list[LabelledText]] = defaultdict(list)
    for row in rows:
        by_label[row.label or ""].append(row)
    history: list[LabelledText] = []
    fresh: list[LabelledText] = []
    for label in sorted(by_label):
        members = by_label[label]
        chance.shuffle(members)
        half = (len(members) + 1) // 2
        history += members[:half]
        fresh += members[half:]
    chance.shuffle(fresh)
    return history, fresh


def _id(row: LabelledText, part: str) -> str:
    """Unique even where the file's own ids are not; and never that of a past ticket."""
    return f"{part}-{row.line}"


def _event(row: LabelledText, kind: TicketEventKind, now_ms: int, part: str) -> TicketEvent:
    return TicketEvent(
        ticket_id=_id(row, part),
        event=kind,
        description=row.text,
        language=row.lang,
        assigned_team=row.label if kind is TicketEventKind.CLOSED else None,
        created_at=time_of(now_ms),
    )
