"""Pieces: words in both languages, masks whole, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.routing.mask import TOKEN
from models.routing.masking.span import Kind
from models.routing.pieces import laid_out, pieces_of, without

CASES = {
    "english": ("My card payment failed again", ["card", "payment", "failed"]),
    "contraction": ("It doesn't charge", ["charge"]),
    "chinese": ("微信支付失败，请问怎么办", ["微信", "支付", "失败"]),
    "a_single_character_may_tell": ("手机 卡", ["手机", "卡"]),
    "both": ("iOS 17.5 微信支付closed", ["iOS", "17.5", "微信", "支付", "closed"]),
    "codes": ("Error E-1001 (0x80070057) at app/login.py", ["Error", "E-1001", "0x80070057", "app/login.py"]),
    "a_single_letter_tells_nothing": ("plan B fails", ["plan", "fails"]),
    "mask": ("call [PHONE] now please", ["call", "[PHONE]"]),
    "masks_beside_each_other": ("我的 [PHONE]，[EMAIL] 收不到", ["[PHONE]，[EMAIL]", "收不到"]),
    "brackets_that_are_no_mask": ("[urgent] refund", ["urgent", "refund"]),
    "the_same_word_twice": ("Refund late. Where is my refund?", ["Refund", "late"]),
    "nothing_telling": ("What is this?", ["What", "is", "this"]),
    "no_word": ("😡😡!", []),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_piece_is_a_word(text: str, expected: list[str]) -> None:
    assert [piece.text for piece in pieces_of(text, 24)] == expected


def test_the_same_words_are_left_out_together() -> None:
    text = "Refund late. Where is my refund?"
    refund, late = pieces_of(text, 24)
    assert [text[slice(*place)] for place in refund.places] == ["Refund", "refund"]
    assert without(text, [refund]) == "late. Where is my ?"
    assert without(text, [late, refund]) == ". Where is my ?"


def test_a_long_text_has_neighbours_together_and_is_parted_where_sentences_end() -> None:
    text = "Payment fails at checkout. The lock beeps, door stays shut. Invoice shows wrong company title"
    pieces = [piece.text for piece in pieces_of(text, 4)]
    assert pieces == [
        "Payment fails at checkout",
        "lock beeps",
        "door stays shut",
        "Invoice shows wrong company title",
    ]


_WORDS = st.sampled_from(
    ["card", "支付失败", "[PHONE]", "[EMAIL]", "the", "。", ", ", " ", "E-1001", "怎么办", "don't", "x", "😡"]
)
TEXTS = st.lists(_WORDS, max_size=60).map("".join) | st.text(max_size=40)


@given(TEXTS, st.integers(1, 12))
def test_laws(text: str, most: int) -> None:
    pieces = pieces_of(text, most)
    parts = list(laid_out(text, pieces))
    assert len(pieces) <= most
    assert "".join(words for words, _ in parts) == text
    assert {number for _, number in parts if number is not None} == set(range(len(pieces)))
    for words, number in parts:
        assert number is None or words.casefold() == pieces[number].text.casefold()
    masks = [token.span() for token in TOKEN.finditer(text)]
    for start, end in (place for piece in pieces for place in piece.places):
        assert all(end <= first or last <= start or start <= first < last <= end for first, last in masks)


@given(TEXTS)
def test_without_every_piece_no_telling_word_is_left(text: str) -> None:
    left = without(text, pieces_of(text, 1_000))
    assert not {"card", "E-1001", *(f"[{kind}]" for kind in Kind)} & set(left.split())


def test_they_are_the_same_whenever_they_are_made() -> None:
    text = "客服您好，微信支付失败 since the update to 17.5. " * 9
    assert pieces_of(text, 8) == pieces_of(text, 8)
