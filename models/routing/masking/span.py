"""What a recogniser returns: where personal data stands, and of which kind it is."""

import re
from enum import StrEnum
from typing import NamedTuple

# Before and behind a number: a word of three letters or more that was written on without a blank, as next to Chinese
# people do ("13812345678Nimbo"). Less than that, capitals before the number, or digits beyond the word make a code.
WORD_BEFORE = re.compile(r"(?<![0-9A-Za-z_\-./@])[A-Za-z]{2,}[a-z]\Z")
WORD_BEHIND = r"[A-Za-z]{3,}+(?![0-9_]|-[0-9])"


class Kind(StrEnum):
    """Kinds of personal data; the value is what stands in the token, `[PHONE]`."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    ID = "ID"  # national numbers: resident identity card, social security number, driving licence
    CARD = "CARD"  # payment card
    IBAN = "IBAN"
    ACCOUNT = "ACCOUNT"  # bank or customer account, QQ number: only where the text calls it one
    IP = "IP"
    MAC = "MAC"
    URL = "URL"  # credentials, telling path and query of an address; scheme and host stay
    HOST = "HOST"  # the whole address, host included; hosts say what a ticket is about, so this is off by default
    PLATE = "PLATE"
    WECHAT = "WECHAT"
    PASSPORT = "PASSPORT"


class Span(NamedTuple):
    """Characters [start, end) of a text."""

    start: int
    end: int
    kind: Kind
