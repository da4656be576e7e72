"""Laws of clean: a clean text stays as it is, limits hold, and nothing unmasked or invisible passes."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.errors import Invalid
from models.routing.clean import CleanPolicy, Ticket, clean
from models.routing.mask import mask
from models.routing.normalise import normalise

# Pieces that meet in tickets, and that do harm where they meet: marks of HTML, labels, numbers, half numbers.
PIECES = st.sampled_from(
    [
        *(
            "<",
            ">",
            "<b",
            "<p>",
            "</p>",
            "<!--",
            "-->",
            "<style>",
            "</style>",
            "&",
            "amp;",
            "&lt;",
            "&#38;",
            "lt;",
            "='",
        ),
        *(
            "电话",
            "phone: ",
            "order no. ",
            "订单号",
            "微信：",
            "微信号：",
            "My number is ",
            "wx:",
            "card ",
            "office",
            "version ",
            "护照",
            "ssn ",
        ),
        *(
            "13812345678",
            "138 1234",
            "5678",
            "4111111111111111",
            "11010519491231002X",
            "12",
            "1.2.3.4",
            "::1",
            "+1",
        ),
        *(
            "a@b.cn",
            "@",
            "https://a.cn/",
            "?x=1",
            "www.",
            "zhangsan1",
            "Nimbo",
            "+86 ",
            "京A12345",
            "GB82WEST12345698765432",
            "[PHONE]",
        ),
        *(
            " ",
            ", ",
            ". ",
            "-",
            "_",
            "/",
            "\n",
            "\u200b",
            "\u3000",
            "，",
            "（",
            "８",
            "é",
            "e\u0301",
            "…",
            "😡",
            "ﬁ",
        ),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=80), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=14).map("".join)
)
TICKET = Ticket("T-1", "1", "created", 0, 0)


@given(TEXTS)
@settings(max_examples=600)
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(TEXTS)
@settings(max_examples=600)
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask(text).text
    assert mask(once).text == once


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3), TEXTS, st.sampled_from([12, 40, 8_000]))
@settings(max_examples=600)
def test_a_clean_text_stays_as_it_is(
    title: str, description: str, steps: list[str], device: str, max_chars: int
) -> None:
    policy = CleanPolicy(max_chars=max_chars)
    ticket = replace(TICKET, title=title, description=description, steps=tuple(steps), device=device)
    try:
        text = clean(ticket, policy).text
    except Invalid:
        assume(False)
    assert len(text) <= max_chars
    again = clean(replace(TICKET, event="resolved", description=text), policy)
    assert again.text == text
    assert not again.masked


@given(TEXTS)
def test_only_unicode_and_emptiness_are_refused(text: str) -> None:
    ticket = replace(TICKET, description=text)
    if any("\ud800" <= char <= "\udfff" or char == "\0" for char in text):
        expected = "bad_unicode"
    elif clean(replace(ticket, event="resolved"), CleanPolicy()).text:
        assert clean(ticket, CleanPolicy()).text
        return
    else:
        expected = "empty_text"
    with pytest.raises(Invalid) as refused:
        clean(ticket, CleanPolicy())
    assert refused.value.reason == expected
