"""Law of the tokenizer: the same ids as the package's own, for any text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engines.test_unigram import ours, theirs

# Scripts whose characters combine, unknown planes, and characters that map to spaces or to nothing.
_RANGES = ((0x300, 0x346), (0x1100, 0x1200), (0x3131, 0x3164), (0xFF65, 0xFFDD), (0xE1000, 0xE1010))
_ODD = st.sampled_from(
    [chr(code) for first, end in _RANGES for code in range(first, end)]
    + list(" \t\u3000\u200b\ufeff\x00▁<>/sunk")
)
_TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), _ODD), max_size=60)


@given(_TEXTS)
@settings(max_examples=1500)
def test_ids_equal_the_packages(text: str) -> None:
    assert ours().encode([text]) == theirs().encode([text])


@given(st.lists(_TEXTS, max_size=8))
@settings(deadline=None)
def test_a_text_has_the_same_ids_in_any_batch(texts: list[str]) -> None:
    assert ours().encode(texts) == [ours().encode([text])[0] for text in texts]
