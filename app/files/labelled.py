"""Labelled texts out of the user's own file: for the demo, the bootstrap and evaluation. After rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.files.lines import BadRow
from app.files.rows import Row, read_columns, read_rows
from models.errors import Fatal

_ID = ("id", "ticket_id")
SPLIT = "split"
_LANGUAGE = ("lang", "language")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with what a person called it.

    Attributes:
        line: where its row begins, counted from 1.
        id: of the column id or ticket_id, else `<file name>:<line>`.
        label: None where no label was asked for, or the row has none.
        split: of the column split or the one named instead, e.g. train or test; None without one.
        lang: of the column lang or language; None without one.
    """

    line: int
    id: str
    text: str
    label: str | None
    split: str | None
    lang: str | None


def _pass_over(_: BadRow) -> None:
    """Rows are bad in silence."""


def read_labelled(
    path: Path,
    text: str,
    label: str | None,
    report: Callable[[BadRow], None] = _pass_over,
    split: str | None = None,
) -> list[LabelledText]:
    """The labelled texts of a file.

    Args:
        path: CSV, TSV or JSON Lines, as `read_rows` reads it.
        text: the text's column, or several joined by `+`, e.g. `title+body`; they are put below each other.
        label: the label's column; None where labels are of no interest.
        report: told of every row that is bad. A row without a text is left out; one without a label stays, with
            the label None.
        split: the split's column; None for the column split, which may then be missing.

    Raises:
        Fatal: the file cannot be read, or lacks a column.
    """
    columns = read_columns(path)
    texts = (text,) if text in columns else tuple(text.split("+"))
    _require(path.name, columns, (*texts, *(name for name in (label, split) if name is not None)))
    found: list[LabelledText] = []
    for row in read_rows(path):
        item = row if isinstance(row, BadRow) else _labelled(path.name, row, texts, label, split or SPLIT)
        if isinstance(item, BadRow):
            report(item)
            continue
        if label is not None and item.label is None:
            report(BadRow(item.line, f"{label}: no label; a text that is not empty is needed"))
        found.append(item)
    return found


def _require(name: str, columns: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    missing = [column for column in wanted if column not in columns]
    if missing:
        there = ", ".join(columns) or "none"
        raise Fatal(f"{name}: no column {', '.join(missing)}; its columns are: {there}")


def _labelled(
    name: str, row: Row, texts: tuple[str, ...], label: str | None, split: str
) -> LabelledText | BadRow:
    text = "\n".join(part for part in (_text(row, (column,)) for column in texts) if part)
    if not text:
        return BadRow(row.line, f"{'+'.join(texts)}: no text")
    if "\0" in text:
        return BadRow(row.line, f"{'+'.join(texts)}: a text may not hold U+0000")
    return LabelledText(
        line=row.line,
        id=_text(row, _ID) or f"{name}:{row.line}",
        text=text,
        label=None if label is None else _text(row, (label,)),
        split=_text(row, (split,)),
        lang=_text(row, _LANGUAGE),
    )


def _text(row: Row, columns: tuple[str, ...]) -> str | None:
    """The first of the columns that holds a text or a whole number, without space around it."""
    for column in columns:
        value = row.values.get(column)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None
