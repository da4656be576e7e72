"""Train the weights and the threshold of duplicates, and say how good they are on what was held out.

python -m app.train.duplicates DATA     DATA: the folder of gitbugs_seamonkey and banking77

Two sources, since duplicates come in two kinds: bug reports that their maintainers closed as duplicates (long, with a
title, written differently), and short questions that ask the same (of one intent). Groups of duplicates are parted in
two halves by a seed; one is learnt from, the other is scored. Takes two minutes; prints what belongs into
models/routing/duplicates.py.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.evaluate.compared import Compared, compare
from app.evaluate.duplicates import pair_scores, peers
from app.evaluate.pairs import Flags, PairColumns, Report, Rows, TicketColumns, read_pairs
from app.files.labelled import read_labelled
from models.engines.encoders import EncoderSpec, load_encoder
from models.errors import Fatal
from models.exact import Floats
from models.learn.duplicates import Pairs, fit_weights, shares_at, threshold
from models.routing.clean import CleanPolicy
from models.routing.duplicates import COMMITTED, Weights, scores, vector_of
from models.routing.encode import Encoder
from models.routing.pack import PackPolicy

FALSE_SHARE = 0.01
"""Of pairs that are no duplicates, half of them nearest neighbours and half random, so many may be called ones."""

# No source tells whose tickets are: a second ticket of one customer nearly triples the odds, another product undoes
# that, and that another customer reports it, which an outage is made of, says little.
_START = Weights(
    bias=0,
    meaning=0,
    wording=0,
    beyond=0,
    recent=0,
    same_customer=1.0,
    other_customer=0.25,
    other_product=1.0,
)

_NEAREST = 10
_RANDOM_PAIRS = 20_000
_QUESTIONS = 2_500
_SEED = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Reports of one kind with a group for each.

    Attributes:
        whole_groups: whether all of a group are duplicates, or only those of them that are near to each other.
    """

    name: str
    compared: Compared
    groups: Rows
    whole_groups: bool


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a source's groups: its pairs, and what peers give each kind of them."""

    name: str
    pairs: Pairs
    peers: dict[str, list[Floats]]


def seamonkey(folder: Path, encoder: Encoder) -> Source:
    """SeaMonkey's bug reports, grouped by what their maintainers closed as duplicates."""
    known = read_pairs(
        folder / "dup_pairs.jsonl.gz",
        PairColumns(),
        folder / "tickets.jsonl.gz",
        TicketColumns("id", "title+body", at="ts"),
    )
    compared = _compare(known.reports, encoder)
    return Source("gitbugs_seamonkey", compared, known.groups[compared.place >= 0], whole_groups=True)


def questions(folder: Path, encoder: Encoder) -> Source:
    """Some of Banking77's train part, grouped by intent; an intent is wide, so that only neighbours ask the same."""
    rows = [row for row in read_labelled(folder / "data.jsonl.gz", "text", "label") if row.split == "train"]
    drawn = np.random.default_rng(_SEED).permutation(len(rows))[:_QUESTIONS]
    groups = np.unique([rows[row].label or "" for row in drawn], return_inverse=True)[1].astype(np.int64)
    compared = _compare([Report(rows[row].text) for row in drawn], encoder)
    return Source("banking77", compared, groups[compared.place >= 0], whole_groups=False)


def _compare(reports: list[Report], encoder: Encoder) -> Compared:
    return compare(reports, encoder, CleanPolicy(), PackPolicy(), lambda *_: None)


def halves(source: Source) -> tuple[Half, Half]:
    """Both halves of the source's groups, those of a group in one: to learn from, and held out."""
    numbers = np.unique(source.groups)
    first = np.random.default_rng(_SEED).permutation(numbers)[: len(numbers) // 2]
    side = np.isin(source.groups, first)
    return _half(source, side), _half(source, ~side)


def _half(source: Source, side: Flags) -> Half:
    rows, groups = np.flatnonzero(side), source.groups
    near = source.compared.nearest(_NEAREST)
    near = near[side[near].all(axis=1)]
    alike = groups[near[:, 0]] == groups[near[:, 1]]
    repeats = _within(rows, groups) if source.whole_groups else near[alike]
    drawn = rows[np.random.default_rng(_SEED).integers(0, len(rows), (_RANDOM_PAIRS, 2))]
    drawn = drawn[groups[drawn[:, 0]] != groups[drawn[:, 1]]]
    kinds = (repeats, near[~alike], drawn)
    theirs = [peers(source.compared, pairs) for pairs in kinds]
    return Half(
        source.name,
        Pairs(*(source.compared.evidence(pairs, COMMITTED) for pairs in kinds)),
        {name: [found[name] for found in theirs] for name in theirs[0]},
    )


def _within(rows: Rows, groups: Rows) -> Rows:
    """All pairs [n, 2] of rows of one group."""
    first, second = np.triu_indices(len(rows), 1)
    alike = groups[rows[first]] == groups[rows[second]]
    return np.column_stack([rows[first[alike]], rows[second[alike]]])


def figures(half: Half, weights: Weights, at: float) -> dict[str, Any]:
    """How good the scores are on one half, duplicates against near and against random pairs, and those of peers."""
    kinds = [scores(rows, weights) for rows in (half.pairs.repeats, half.pairs.near, half.pairs.random)]
    shares = shares_at(half.pairs, vector_of(weights), at)
    return {
        "n": [len(kind) for kind in kinds],
        **_against(*kinds),
        **{name: round(value, 5) for name, value in shares._asdict().items()},
        "peers": {name: _against(*found) for name, found in half.peers.items()},
    }


def _against(repeats: Floats, near: Floats, random: Floats) -> dict[str, Any]:
    return {
        name: pair_scores(np.append(repeats, others), np.arange(len(repeats) + len(others)) < len(repeats))
        for name, others in (("near", near), ("random", random))
    }


def untimed(weights: Weights) -> Floats:
    """The weights where it is not known when tickets were created."""
    return vector_of(replace(weights, recent=0.0))


def train(data: Path) -> dict[str, Any]:
    """Weights, threshold, and their figures on both halves.

    Raises:
        Fatal: the data is not there.
    """
    if not (data / "gitbugs_seamonkey").is_dir() or not (data / "banking77").is_dir():
        raise Fatal(f"{data}: gitbugs_seamonkey and banking77 are needed")
    threads = len(os.sched_getaffinity(0))
    encoder = load_encoder(EncoderSpec("embedded", None, "cpu", threads, None, ""))
    sources = [seamonkey(data / "gitbugs_seamonkey", encoder), questions(data / "banking77", encoder)]
    learnt, held = zip(*(halves(source) for source in sources), strict=True)
    pairs = [half.pairs for half in learnt]
    weights = Weights(*(round(value, 2) for value in fit_weights(pairs, vector_of(_START)).tolist()))
    at = round(threshold(pairs, untimed(weights), FALSE_SHARE), 3)
    without_times = replace(weights, recent=0.0)
    return {
        "encoder": encoder.fingerprint,
        "weights": dict(zip(weights.__slots__, vector_of(weights).tolist(), strict=True)),
        "at": at,
        "learnt_from": {half.name: figures(half, without_times, at) for half in learnt},
        "held_out": {half.name: figures(half, without_times, at) for half in held},
        "held_out_with_times": {half.name: figures(half, weights, at) for half in held[:1]},
    }


def main() -> None:
    """Print what was trained as JSON."""
    parser = argparse.ArgumentParser(description="Train the weights and the threshold of duplicates.")
    parser.add_argument("data", type=Path)
    print(json.dumps(train(parser.parse_args().data), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
