"""Normalise: one writing for one text. The first half of clean, before masking.

Unicode NFKC without the Chinese punctuation that it would turn into ASCII (Chinese encoders know `，`, and people
read it), no invisible characters, no simple HTML, no quote marks of mail, one blank for any white space.
"""

import html
import re
import unicodedata

# Controls that are no white space, soft hyphen, joiners and fillers, direction marks and overrides, variation
# selectors, tags, private use, replacement characters: nothing that a reader sees or an encoder knows.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_KEPT_PUNCTUATION = re.compile("([，：；！？（）…]+)")

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# An escaped ampersand, escaped again and again: `&amp;amp;lt;`.
_NESTED_AMPERSAND = re.compile(r"&(?:(?:amp|AMP|#0{0,4}38|#[xX]0{0,4}26);)+")
# Tags of mail and of editors, and only where what follows reads as attributes: `vector<int>`, `a < b and c > d` stay.
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|br|center|cite|code|dd|del|details|div|dl|dt|em|figure|font|footer|form|h[1-6]"
    r"|head|header|hr|html|i|img|ins|kbd|label|li|link|main|mark|meta|nav|o:p|ol|p|picture|pre|q|s|script|section|small"
    r"|source|span|strike|strong|style|sub|summary|sup|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|video)"
    r"(?:\s+[A-Za-z_:][\w:.\-]*+\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'<>=`]++))*+\s*+/?>"
    r"|<!doctype [^<>]{0,200}>",
    re.IGNORECASE,
)
_UNREAD = re.compile(r"<!--|<(style|script)(?=[\s>])", re.IGNORECASE)
_UNREAD_ENDS = {
    "": re.compile(r"-->"),
    "style": re.compile(r"</style\s*+>", re.IGNORECASE),
    "script": re.compile(r"</script\s*+>", re.IGNORECASE),
}
_QUOTE = re.compile(r"^(?:[ \t]*+>)++", re.MULTILINE)

# What is written unfolds in a round or two. A text that goes on and on was made to: its marks go.
_MAX_ROUNDS = 6
_MARKS = re.compile("[&<＆＜﹠﹤]")


def normalise(text: str) -> str:
    """`text` in its one writing. Normalising what is normal changes nothing; the time is linear in the length."""
    if not text:
        return text
    for _ in range(_MAX_ROUNDS):
        once = _unfold(text)
        if once == text:
            return text
        text = once
    return _unfold(_MARKS.sub(" ", text))


def _unfold(text: str) -> str:
    if not text.isascii():
        text = _compose(_INVISIBLE.sub("", text))
    elif not text.isprintable():
        text = _INVISIBLE.sub("", text)
    if "&" in text:
        text = _ENTITY.sub(_unescape, _NESTED_AMPERSAND.sub("&", text))
    if "<" in text:
        text = _TAG.sub(" ", _without_unread(text))
    if ">" in text:
        text = _QUOTE.sub("", text)
    return " ".join(text.split())


def _compose(text: str) -> str:
    """NFKC of everything but the kept punctuation."""
    if unicodedata.is_normalized("NFKC", _KEPT_PUNCTUATION.sub("", text)):
        return text
    parts = _KEPT_PUNCTUATION.split(text)
    parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
    return "".join(parts)


def _unescape(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _without_unread(text: str) -> str:
    """The text without comments, styles and scripts; what is never closed stays."""
    pieces, at, unclosed = [], 0, set()
    for opening in _UNREAD.finditer(text):
        name = (opening[1] or "").lower()
        if opening.start() < at or name in unclosed:
            continue
        closing = _UNREAD_ENDS[name].search(text, opening.end())
        if closing is None:
            unclosed.add(name)
            continue
        pieces.append(text[at : opening.start()])
        at = closing.end()
    return " ".join([*pieces, text[at:]])
