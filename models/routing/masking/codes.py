"""Personal codes that mix letters and digits: IBAN, car plates, passports, driving licences, WeChat ids."""

import re
from collections.abc import Iterator

from stdnum import iban

from models.routing.masking.labels import Label, label_before
from models.routing.masking.span import WORD_BEHIND, Kind, Span

# Found from its check digits, so that the search starts at digits: two letters before, ISO 13616 groups behind.
_IBAN = re.compile(
    r"[0-9]{2}(?<=(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2})"
    r"(?:(?:[ -]?[0-9A-Za-z]{1,4}){3,8}|[0-9A-Za-z]{11,30})(?![0-9A-Za-z])"
)
_IBAN_GAP = re.compile(r"[ -]")

# Nothing is glued behind, or a word was written on.
_ENDS = rf"(?:(?![0-9A-Za-z])|(?={WORD_BEHIND}))"

# Province, office, five characters (six for new energy cars); at least three of them are digits.
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使][A-HJ-NP-Z][ ·•.\-]?"
    rf"(?:[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳领]){_ENDS}"
)
# "更新A12345" is a new version and "云A12345" may be a cloud's: the character before belongs to the word.
_WORD_BEFORE_PLATE = frozenset("更最全刷重革创里讯为度业")

_SAYS = r"(?:[\s:：=#\"'(（]|号码?|id|no\.?|nr\.?|number|is|was|是|为)"
_PASSPORT = re.compile(
    rf"(?:护照|通行证|台胞证|回乡证|passport){_SAYS}{{0,6}}+([a-z]{{0,3}}[0-9]{{6,10}}[a-z]?)(?![0-9a-z])",
    re.IGNORECASE,
)
# Chinese ordinary passports: E or G and eight digits, EA to EZ and seven.
_CHINESE_PASSPORT = re.compile(rf"[EG](?:(?<=E)[A-HJ-NP-Z][0-9]|[0-9]{{2}})[0-9]{{6}}{_ENDS}")
_LICENCE = re.compile(
    rf"(?:driv(?:er'?s?|ing) licen[cs]e|驾驶证|驾照|身份证|证件|identity card|id card|national id){_SAYS}{{0,6}}+"
    r"([0-9a-z](?:-?[0-9a-z]){4,19}(?:\([0-9a]\))?)(?![0-9a-z])",
    re.IGNORECASE,
)
_WECHAT = re.compile(
    r"(?:(?P<chinese>微信|薇信|威信)|wechat|weixin|wx|vx)(?P<named> ?(?:号码?|id|账号|帐号|no\.?))?"
    r"(?P<says>(?:[ :：=]|是|为){0,4}+)(?P<id>[a-z][a-z0-9_\-]{5,}+|(?<=[:：号])[0-9]{5,12}(?![a-z0-9_\-]))",
    re.IGNORECASE,
)
_ADDRESS_OR_NAME = re.compile(r"@|\.[0-9A-Za-z]")
# An id has 6 to 20 characters; where the text names it, what is written on behind it goes with it.
_LONGEST_WECHAT, _LONGEST_NAMED_WECHAT = 20, 64
_PROSE = re.compile(r" [A-Za-z\[]")


def find_ibans(text: str) -> Iterator[Span]:
    """International bank account numbers (ISO 13616) with a right check; groups of four may be spaced."""
    for match in _IBAN.finditer(text):
        start, end = match.start() - 2, match.end()
        while end - start >= 15:
            if iban.is_valid(_IBAN_GAP.sub("", text[start:end])):
                yield Span(start, end, Kind.IBAN)
                break
            end = max(text.rfind(" ", start, end), text.rfind("-", start, end))


def find_plates(text: str) -> Iterator[Span]:
    """Chinese car plates (GA 36): a province's character, a letter, five or six more."""
    for match in _PLATE.finditer(text):
        tail = match[0][2:]
        if sum(char.isdigit() for char in tail) < 3:
            continue
        if match[0][0] not in "新云" or text[match.start() - 1 : match.start()] not in _WORD_BEFORE_PLATE:
            yield Span(*match.span(), Kind.PLATE)


def find_passports(text: str) -> Iterator[Span]:
    """Numbers of passports and travel permits: whatever the text calls one, and the forms of Chinese passports unless
    it calls them something else."""
    for match in _PASSPORT.finditer(text):
        yield Span(*match.span(1), Kind.PASSPORT)
    for match in _CHINESE_PASSPORT.finditer(text):
        before = text[match.start() - 1 : match.start()]
        if (
            not (before.isascii() and before.isalnum())
            and label_before(text, match.start()) is not Label.KEEP
        ):
            yield Span(*match.span(), Kind.PASSPORT)


def find_licences(text: str) -> Iterator[Span]:
    """Driving licences and identity cards by what the text calls them: 5 to 20 characters, four of them digits."""
    for match in _LICENCE.finditer(text):
        if sum(char.isdigit() for char in match[1]) >= 4:
            yield Span(*match.span(1), Kind.ID)


def find_wechats(text: str) -> Iterator[Span]:
    """WeChat ids by what the text calls them: a letter and 5 to 19 letters, digits, `_` or `-`; or digits alone.

    Without "id" or "号" a word behind a colon must not begin a sentence ("WeChat: payment failed"), and one behind
    a blank must hold three digits ("微信 android12" names a system).
    """
    for match in _WECHAT.finditer(text):
        name = match["id"]
        before = text[match.start() - 1 : match.start()]
        if not match["chinese"] and before.isascii() and before.isalnum():
            continue
        called, colon = match["named"], bool({*match["says"]} & {*":：=是为"})
        if len(name) > (_LONGEST_NAMED_WECHAT if called else _LONGEST_WECHAT):
            continue
        if not called and _ADDRESS_OR_NAME.match(text, match.end()):
            continue  # "wx:module.name"
        telling = not name.isalpha() if colon else sum(map(str.isdigit, name)) >= 3 and match["chinese"]
        if called or telling or (colon and not _PROSE.match(text, match.end())):
            yield Span(*match.span("id"), Kind.WECHAT)
