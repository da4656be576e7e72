"""One writing for one text."""

import pytest

from models.routing.normalise import normalise

CASES = {
    "white space": ("  a\t b\r\n\u3000c\u2028d\x85e ", "a b c d e"),
    "full width, Chinese punctuation kept": (
        "ＡＢ１２：登录失败，请（重试）！",
        "AB12：登录失败，请（重试）！",
    ),
    "compatibility forms": ("ﬁle ① ㎡ ½", "file 1 m2 1⁄2"),
    "composition": ("cafe\u0301", "café"),
    "invisible characters": ("1\u200b3\u202e8\ufeff\u00ad-\u2066x\ufe0f\x08", "138-x"),
    "joined emoji": ("👨\u200d👩\u200d👧 ok", "👨👩👧 ok"),
    "tags": ("<p>Hello<br/>you <b>there</b></p><a href='x?a=1'>link</a>", "Hello you there link"),
    "tag with several attributes": ('<div class="a" style=color:red>x</div>', "x"),
    "full-width tag": ("＜b＞x＜/b＞", "x"),
    "style, script and comment": ("a<style>p{}</style>b<script>x<y</script>c<!-- d -->e", "a b c e"),
    "unclosed comment stays": ("a <!-- b", "a <!-- b"),
    "entities": ("a &lt; b &amp;&amp; c&nbsp;&#100; &copy=2 &unknown;", "a < b && c d &copy=2 &unknown;"),
    "escaped more than once": ("a &amp;amp;amp;lt; b", "a < b"),
    "escaped tag": ("&lt;br&gt;x", "x"),
    "comparison": ("a < b and c > d", "a < b and c > d"),
    "comparison without blanks": ("if a<b and c>d", "if a<b and c>d"),
    "generics": ("vector<int> and Map<String, List<Integer>>", "vector<int> and Map<String, List<Integer>>"),
    "quoted mail": ("It fails.\n> > did you try\n> again?", "It fails. did you try again?"),
}

# Each would take quadratic time if a round or a search were repeated for each of its characters.
HOSTILE = {
    "nested ampersands": "&" + "amp;" * 30_000 + "lt;b&gt;",
    "nested numeric": "&" + "#38;" * 30_000,
    "nested with other digits": "&#x00000026;" * 10_000,
    "nested tags": "<b" * 30_000 + ">" * 30_000,
    "unclosed styles": "<style>" * 15_000,
    "unclosed comments": "<!--" * 25_000,
    "attributes": "<a " + "b=c " * 25_000,
    "quotes": "> " * 50_000,
    "blanks": "<a" + " " * 100_000,
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_normalises(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert normalise(expected) == expected


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_end(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
