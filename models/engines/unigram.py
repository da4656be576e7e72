"""SentencePiece unigram models, read from the model file itself: normaliser here, segmentation in Rust.

Beside the embedded encoder. The ids equal those of the package that ships the model, which are SentencePiece's
except that neighbouring unknown characters stay one token each.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from tokenizers.models import Unigram

from models.errors import Fatal

UNKNOWN, BEGIN, END = 0, 1, 2
_SPACE = "\u2581"
_SPACES = re.compile(" +")
_SCORE = struct.Struct("<f")

# Every character that a charsmap key of more than one character goes on with: combining marks, vowel signs,
# conjoining and half-width jamo. Only where one of them stands can a match span characters. To find them by walking
# the whole charsmap takes seconds, so they are listed here, and a test takes the walk.
_MARKS = (
    "\u0300-\u0345\u0653-\u0655\u093c\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0c56\u0cc2\u0cd5\u0cd6\u0d3e\u0d57"
    "\u0dca\u0dcf\u0ddf\u102e\u1161-\u1175\u11a8-\u11c2\u1b35\u3099\u309a\u3133-\u313f\u314f-\u3163\uff9e\uff9f"
    "\uffa3-\uffaf\uffc2-\uffdc\U000110ba\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af"
)
_MARKED = re.compile(f"([^{_MARKS}]?[{_MARKS}]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UnigramModel:
    """What a model file holds: its pieces with their log probabilities in order of id, and its charsmap."""

    pieces: list[tuple[str, float]]
    charsmap: bytes


def read_model(data: bytes) -> UnigramModel:
    """The parts of a serialised SentencePiece ModelProto (sentencepiece_model.proto): field 1 holds the pieces
    (1 text, 2 score), field 3 the normaliser (2 charsmap).

    Raises:
        Fatal: the bytes are not such a model.
    """
    pieces: list[tuple[str, float]] = []
    charsmap = b""
    try:
        for number, body in _fields(data):
            if number == 1:
                pieces.append(_piece(body))
            elif number == 3:
                charsmap = dict(_fields(body)).get(2, b"")
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise Fatal(f"sentencepiece model: cannot be read ({type(error).__name__})") from error
    if not pieces or len(charsmap) < 8:
        raise Fatal("sentencepiece model: holds no pieces or no normaliser")
    return UnigramModel(pieces, charsmap)


def _piece(body: bytes) -> tuple[str, float]:
    """Text and score of a piece. Nearly all are written alike (text shorter than 128 bytes, then the score), and
    read so they cost a quarter of the general way: a worker waits for 128,000 of them when it starts."""
    size = len(body)
    if size > 6 and body[0] == 0x0A and body[1] < 0x80:
        end = 2 + body[1]
        if size >= end + 5 and body[end] == 0x15 and (size == end + 5 or body[end + 5] == 0x18):
            return body[2:end].decode(), _SCORE.unpack_from(body, end + 1)[0]
    piece = dict(_fields(body))
    return piece[1].decode(), _SCORE.unpack(piece.get(2, bytes(4)))[0]


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, payload) of each length-delimited or fixed-width field of a protobuf message; varints are passed."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == 0:
            _, position = _varint(data, position)
            continue
        size = {1: 8, 5: 4}.get(wire)
        if size is None:
            size, position = _varint(data, position)
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


class Normaliser(dict[int, str]):
    """The model's precompiled character map, as a table for `str.translate` that fills itself by use.

    The map is a double-array trie over UTF-8 (darts-clone: label in the low byte, leaf flag bit 8, offset from
    bit 10, shifted by 8 where bit 9 is set) followed by NUL-ended replacements; the longest key wins.
    """

    def __init__(self, charsmap: bytes) -> None:
        super().__init__()
        size = int.from_bytes(charsmap[:4], "little")
        self._units = struct.unpack(f"<{size // 4}I", charsmap[4 : 4 + size])
        self._replacements = charsmap[4 + size :]

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        end, replacement = self._longest(character.encode(), 0)
        self[codepoint] = replacement if end else character
        return self[codepoint]

    def apply(self, text: str) -> str:
        """`text` mapped, runs of spaces folded, ends bare, one space before all, spaces written as U+2581;
        empty where nothing is left. Lone surrogates raise UnicodeEncodeError, as they have no UTF-8."""
        if spans(text):
            parts = _MARKED.split(text)
            parts[::2] = [part.translate(self) for part in parts[::2]]
            parts[1::2] = [self._spanning(part) for part in parts[1::2]]
            text = "".join(parts)
        else:
            text = text.translate(self)
        text = _SPACES.sub(_SPACE, text).strip(_SPACE)
        return _SPACE + text if text else ""

    def _spanning(self, text: str) -> str:
        """`text` mapped with keys that may span characters."""
        data, position, out = text.encode(), 0, []
        while position < len(data):
            end, replacement = self._longest(data, position)
            if not end:
                end = position + 1
                while end < len(data) and data[end] & 0xC0 == 0x80:
                    end += 1
                replacement = data[position:end].decode()
            out.append(replacement)
            position = end
        return "".join(out)

    def _longest(self, data: bytes, position: int) -> tuple[int, str]:
        """(end, replacement) of the longest key at `position`; end is 0 where there is none."""
        units, value, found = self._units, 0, 0
        node = _offset(units[0])
        for index in range(position, len(data)):
            node ^= data[index]
            unit = units[node]
            if unit & 0x800000FF != data[index]:
                break
            node ^= _offset(unit)
            if unit & 0x100:
                found, value = index + 1, units[node] & 0x7FFFFFFF
        if not found:
            return 0, ""
        return found, self._replacements[value : self._replacements.index(b"\0", value)].decode()


def spans(text: str) -> bool:
    """Whether `text` holds a character that a key of several characters goes on with."""
    return _MARKED.search(text) is not None


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 0x200) >> 6)


class UnigramTokenizer:
    """Texts to ids, `<s>` first and `</s>` last.

    Args:
        model: pieces and charsmap; ids 0 to 2 must be unknown, begin and end.
        max_tokens: most ids of a text, the two ends included; what is beyond is cut.
    """

    def __init__(self, model: UnigramModel, max_tokens: int) -> None:
        self._unknown_piece = model.pieces[UNKNOWN][0]
        self._normaliser = Normaliser(model.charsmap)
        self._rust = Tokenizer(Unigram(model.pieces, UNKNOWN, False))
        self._max_inner = max_tokens - 2
        # The longest piece bounds what can matter, so that a huge text costs no more than a long one. The slack
        # lets the best path forget the cut.
        self._max_characters = max(len(piece) for piece, _ in model.pieces) * (max_tokens + 64)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; a text of which nothing is left after normalising has one unknown between the ends."""
        normal = [self._normaliser.apply(text)[: self._max_characters] for text in texts]
        rows = []
        for text, encoding in zip(
            normal, self._rust.encode_batch_fast(normal, add_special_tokens=False), strict=True
        ):
            ids = encoding.ids
            if UNKNOWN in ids:
                ids = self._unfused(text)
            rows.append([BEGIN, *(ids[: self._max_inner] or [UNKNOWN]), END])
        return rows

    def _unfused(self, text: str) -> list[int]:
        """Ids of a normalised text with one unknown a character: Rust joins neighbours into one token that spells
        them (the fast way leaves the spelling out, so this takes the other)."""
        out: list[int] = []
        encoding = self._rust.encode(text, add_special_tokens=False)
        for piece, token in zip(encoding.ids, encoding.tokens, strict=True):
            repeats = len(token.replace(self._unknown_piece, " ")) if piece == UNKNOWN else 1
            out.extend([piece] * repeats)
        return out
