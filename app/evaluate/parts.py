"""Parts: labelled rows to learn from and rows to be scored, in one round or in folds. First step of an evaluation."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.files.events import is_ticket
from app.files.labelled import SPLIT, LabelledText, read_labelled
from app.files.lines import BadRow
from app.files.rows import read_columns
from models.errors import Fatal

Rows = NDArray[np.int64]

# Of a file that does not say what to learn from: enough is learnt from each time, and the run stays short.
DEFAULT_FOLDS = 5

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file's text (several columns joined by `+`), its label and its split stand; see `read_labelled`."""

    text: str = "text"
    label: str = "label"
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One time of learning and scoring.

    Attributes:
        history: rows of `Parts.train` with an owner, which are learnt from.
        outside: the other rows of `Parts.train`: known to be nobody's.
        scored: rows of `Parts.test`.
    """

    history: Rows
    outside: Rows
    scored: Rows


@dataclass(frozen=True, slots=True)
class Parts:
    """Labelled rows; those that are nobody's have the label None.

    Attributes:
        train, test: one and the same list where it is folded.
        how: `split`, `files` or `folds`.
        bad_rows: rows that could not be used.
    """

    train: list[LabelledText]
    test: list[LabelledText]
    rounds: list[Round]
    how: str
    bad_rows: list[BadRow]

    @property
    def labels(self) -> list[str]:
        """Every owner of either part, by name."""
        return sorted({row.label for row in (*self.train, *self.test) if row.label is not None})


def split_file(
    path: Path, columns: Columns, oos_label: str, wanted: tuple[str, str], folds: int | None, seed: int
) -> Parts:
    """A file's rows, parted by its split column, or in folds where it has none or `folds` are asked for.

    Args:
        oos_label: marks a row that is nobody's.
        wanted: values of the split column of the rows to learn from and of those to be scored.

    Raises:
        Fatal: a column or a part is missing, or too few rows for the folds.
    """
    if folds is None and (columns.split or SPLIT) in read_columns(path):
        return two_files(path, path, columns, oos_label, wanted)
    bad: list[BadRow] = []
    rows = _read(path, columns, oos_label, bad)
    count = folds or DEFAULT_FOLDS
    if len(rows) < count:
        raise Fatal(f"{path.name}: {len(rows)} labelled texts; {count} folds need as many")
    rounds = [
        _round(rows, np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for fold in [_folds(rows, count, random.Random(seed))]
        for number in range(count)
    ]
    if not all(len(part.history) for part in rounds):
        raise Fatal(f"{path.name}: every fold must leave labelled texts to learn from")
    return Parts(rows, rows, rounds, "folds", bad)


def two_files(train: Path, test: Path, columns: Columns, oos_label: str, wanted: tuple[str, str]) -> Parts:
    """Rows to learn from out of one file and rows to be scored out of another, or of the same one by its split.

    Of a file with a split column only the wanted rows are taken; one without is taken whole.

    Raises:
        Fatal: a column or a part is missing, or the parts have no label in common.
    """
    bad: list[BadRow] = []
    if train == test and (columns.split or SPLIT) not in read_columns(train):
        raise Fatal(f"{train.name}: no column {columns.split or SPLIT}; say what to learn from, or --folds")
    rows = _read(train, columns, oos_label, bad)
    learnt = _of_split(train, rows, wanted[0])
    scored = _of_split(test, rows if train == test else _read(test, columns, oos_label, bad), wanted[1])
    owners, asked = ({row.label for row in rows} - {None} for rows in (learnt, scored))
    if not owners & asked:
        raise Fatal(f"{test.name}: no label in common with the rows to learn from")
    everything = _round(learnt, np.arange(len(learnt)), np.arange(len(scored)))
    return Parts(learnt, scored, [everything], "split" if train == test else "files", bad)


def few(part: Round, train: Sequence[LabelledText], shots: int, seed: int) -> Round:
    """The round with `shots` texts of each label to learn from, or all of a label that has fewer.

    The same seed draws them in the same order, so that more shots hold those of fewer.
    """
    members = [chosen[:shots] for chosen in _shuffled(part.history.tolist(), train, random.Random(seed))]
    return replace(part, history=np.array(sorted(row for rows in members for row in rows), dtype=np.int64))


def _read(path: Path, columns: Columns, oos_label: str, bad: list[BadRow]) -> list[LabelledText]:
    rows = read_labelled(path, columns.text, columns.label, bad.append, columns.split)
    return [
        replace(row, label=None) if row.label == oos_label else row
        for row in rows
        if is_ticket(row, bad.append)
    ]


def _of_split(path: Path, rows: list[LabelledText], wanted: str) -> list[LabelledText]:
    if not rows:
        raise Fatal(f"{path.name}: no labelled text")
    there = sorted({row.split for row in rows if row.split is not None})
    if not there:
        return rows
    found = [row for row in rows if row.split == wanted]
    if not found:
        named = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
        raise Fatal(f"{path.name}: no row of split {wanted}; its splits are: {named}")
    return found


def _round(train: Sequence[LabelledText], learnt: Rows, scored: Rows) -> Round:
    owned = np.array([train[row].label is not None for row in learnt.tolist()], dtype=bool)
    return Round(learnt[owned], learnt[~owned], scored)


def _folds(rows: Sequence[LabelledText], count: int, chance: random.Random) -> Rows:
    """The fold of each row: labels are dealt out one after the other, so that each is spread evenly and the folds
    differ by one row at most."""
    dealt = [row for members in _shuffled(range(len(rows)), rows, chance) for row in members]
    fold = np.empty(len(rows), dtype=np.int64)
    fold[dealt] = np.arange(len(rows)) % count
    return fold


def _shuffled(
    numbers: Sequence[int], rows: Sequence[LabelledText], chance: random.Random
) -> Iterator[list[int]]:
    """The numbers of each label's rows, label by label, shuffled."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        by_label[rows[number].label or ""].append(number)
    for label in sorted(by_label):
        chance.shuffle(by_label[label])
        yield by_label[label]
