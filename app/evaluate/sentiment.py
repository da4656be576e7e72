"""Sentiment, scored on labelled texts: whether the shipped head calls upset what people called so.

A text takes the steps that a ticket takes before it is decided on: cleaned and masked by the operator's own policy,
encoded, settled. It is called upset from the head's own limit on, which was fitted to none of the texts scored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.bootstrap import PastTicket, prepare
from app.evaluate.scores import Flags, Numbers, auroc, share
from app.files.events import is_ticket, new_ticket
from app.files.labelled import SPLIT, LabelledText, read_labelled
from app.files.lines import BadRow
from app.files.rows import read_columns
from app.policies import clean_policy, encoder_spec, pack_policy
from app.sentiment.load import load_head
from app.sentiment.samples import is_upset
from app.settings import Settings
from models.engines.encoders import load_encoder
from models.errors import Fatal
from models.routing.sentiment import Band, SentimentHead, scores
from models.vote import settle

# All tickets are of one instant: nothing here is decided by age.
_NOW_MS = 1_790_000_000_000

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows that were not refused, with how upset each sounds [n] and which ones people called upset [n]."""

    rows: list[LabelledText]
    score: Numbers
    upset: Flags


def rows_to_score(
    path: Path, text: str, label: str, split_column: str | None, split: str, bad: Callable[[BadRow], None]
) -> list[LabelledText]:
    """The labelled rows of one split of a file, or all of a file without a split column.

    Raises:
        Fatal: the file cannot be read, lacks a column, or has no such row.
    """
    rows = [row for row in read_labelled(path, text, label, bad, split_column) if is_ticket(row, bad)]
    if (split_column or SPLIT) in read_columns(path):
        there = sorted({row.split for row in rows if row.split is not None})
        rows = [row for row in rows if row.split == split]
        if not rows:
            raise Fatal(
                f"{path.name}: no labelled row of split {split}; its splits are: {', '.join(there) or 'none'}"
            )
    if not rows:
        raise Fatal(f"{path.name}: no labelled row")
    return rows


def evaluate_sentiment(
    rows: Sequence[LabelledText],
    negative: frozenset[str],
    settings: Settings,
    step: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """The figures, for machines: `auroc` and `f1`, and beside them what they hang on.

    Args:
        negative: labels that mean upset; of a label of several parts joined by `+` one is enough.

    Raises:
        Fatal: the encoder cannot be loaded or is not the one that the head was made for, every row is refused, or no
            row is negative.
    """
    if not any(is_upset(row.label or "", negative) for row in rows):
        there = ", ".join(sorted({row.label or "" for row in rows})[:_SHOWN])
        raise Fatal(f"no row is labelled {' or '.join(sorted(negative))}; labels are, among others: {there}")
    step("loading the encoder")
    encoder, head = load_encoder(encoder_spec(settings)), load_head()
    if encoder.fingerprint != head.encoder:
        raise Fatal(f"no sentiment with encoder {encoder.fingerprint}: the head was made for {head.encoder}")
    step(f"encoding {len(rows)} texts")
    past = [PastTicket(new_ticket(row, f"{place}", _NOW_MS)) for place, row in enumerate(rows)]
    done = prepare(past, encoder, clean_policy(settings), pack_policy(settings), progress)
    if not done.tickets:
        raise Fatal(f"no text to score: {', '.join(sorted(done.refused))}")
    kept = [rows[int(ticket.ticket_id)] for ticket in done.tickets]
    upset = np.array([is_upset(row.label or "", negative) for row in kept], dtype=np.bool_)
    return report(Scored(kept, scores(head, settle(done.vectors)), upset), head) | {"refused": done.refused}


def report(scored: Scored, head: SentimentHead) -> dict[str, Any]:
    """What `evaluate_sentiment` gives, but for the rows that were refused."""
    found: dict[str, Any] = {
        **_figures(scored.score, scored.upset, head.upset_at),
        "threshold": head.upset_at,
        "bands": {Band.UPSET.value: head.upset_at, Band.VERY_UPSET.value: head.very_upset_at},
        "encoder": head.encoder,
    }
    langs = np.array([row.lang or "" for row in scored.rows])
    if langs.any():
        found["by_language"] = {
            lang: _figures(scored.score[langs == lang], scored.upset[langs == lang], head.upset_at)
            for lang in sorted(set(langs.tolist()) - {""})
        }
    return found


def _figures(score: Numbers, upset: Flags, limit: float) -> dict[str, Any]:
    """`called_upset` is the share of the rows that are not upset and yet called so; None where no row can tell."""
    said = score >= limit
    hits, named = int((said & upset).sum()), int(said.sum()) + int(upset.sum())
    return {
        "n": len(score),
        "upset": int(upset.sum()),
        "auroc": auroc(score, upset),
        "f1": round(2 * hits / named, 4) if named else None,
        "precision": share(upset[said]),
        "recall": share(said[upset]),
        "called_upset": share(said[~upset]),
    }
