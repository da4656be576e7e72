"""Lines of a text file, plain or gzipped, each with its number. First step of reading a file, before rows.

Memory is bounded: by the longest line that is allowed, whatever stands in the file.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO

from models.errors import Fatal

MAX_RECORD_BYTES = 8_000_000
"""Longest line, and longest CSV record: the largest record that the settings allow to be sent to Kafka."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end as written; `number` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        line: where it begins, counted from 1.
        reason: what is wrong or allowed; never a quotation of the row.
    """

    line: int
    reason: str


def open_file(path: Path) -> BufferedReader:
    """The file's own bytes, gzipped or not.

    Raises:
        Fatal: it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise Fatal(f"{path}: cannot be read ({error.strerror})") from None


def read_lines(name: str, file: IO[bytes]) -> Iterator[Line | BadRow]:
    """Lines of `file`, which `name` calls gzipped or not. A byte order mark is left out.

    A gzipped file that breaks off or is damaged ends with one BadRow at the line that it breaks in.

    Raises:
        Fatal: the text is not UTF-8, or what `name` calls gzipped is not.
    """
    gzipped = name.lower().endswith(".gz")
    with gzip.open(file) if gzipped else nullcontext(file) as stream:
        number = 1
        while True:
            try:
                raw = _read_line(stream)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                if number == 1 and isinstance(error, gzip.BadGzipFile):
                    raise Fatal(f"{name}: is not gzipped, as its name says") from None
                yield BadRow(number, _broken(error))
                return
            if not raw:
                return
            yield _line(name, number, raw)
            number += 1


def _read_line(stream: IO[bytes] | gzip.GzipFile) -> bytes:
    """The next line; of one that is too long only the beginning, still longer than allowed."""
    start = rest = stream.readline(MAX_RECORD_BYTES + 1)
    while len(start) > MAX_RECORD_BYTES and rest and not rest.endswith(b"\n"):
        rest = stream.readline(MAX_RECORD_BYTES)
    return start


def _line(name: str, number: int, raw: bytes) -> Line | BadRow:
    if len(raw) > MAX_RECORD_BYTES:
        return BadRow(number, f"a line may have at most {MAX_RECORD_BYTES} bytes")
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return Line(number, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        wide = number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        found = "it is UTF-16" if wide else "it is in another encoding, or damaged"
        place = f"line {number}, byte {error.start + 1} of the line"
    raise Fatal(f"{name}: {place}: not UTF-8 ({found}); convert it first, e.g. with iconv")


def _broken(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the gzipped file breaks off here"
    return "the gzipped file is damaged here; nothing after it can be read"
