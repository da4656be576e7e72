"""Sources: what the demo learns from and replays: the sample that ships, or the user's own labelled file."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.bootstrap import PastTicket
from app.demo.history import generate
from app.demo.replay import Sent
from app.demo.report import Truth
from app.files.events import is_ticket, new_ticket, past_ticket
from app.files.labelled import LabelledText, read_labelled
from app.files.lines import BadRow
from models.errors import Fatal
from models.generation import Owner
from schemas.codec import encode


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
    rows = [row for row in read_labelled(path, text, label, bad.append) if is_ticket(row, bad.append)]
    if len(rows) < 10:
        raise Fatal(f"{path.name}: {len(rows)} labelled texts; a demo needs at least 10")
    history, fresh = _halves(rows, random.Random(seed))
    return Source(
        past=[PastTicket(past_ticket(row, _id(row, "history"), now_ms)) for row in history],
        sent=[Sent(_id(row, "replay"), encode(new_ticket(row, _id(row, "replay"), now_ms))) for row in fresh],
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
