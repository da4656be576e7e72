"""What recognisers return: where personal data stands, and of which kind; and what one is that is brought along."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

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
    NAME = "NAME"  # of people; like ADDRESS only found where a `Recogniser` of it is brought along
    ADDRESS = "ADDRESS"  # postal, down to a house, a box or a postcode; a town or a country by itself stays


class Span(NamedTuple):
    """Characters [start, end) of a text."""

    start: int
    end: int
    kind: Kind


class Recogniser(Protocol):
    """Finds kinds that take more than form: lists of names, a model. Brought along with a policy, asked after the
    recognisers of form, so that what they found stands as a token in its text.

    The same text always has the same spans, whatever was asked before.
    """

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that it finds."""
        ...

    def find(self, text: str) -> Iterable[Span]:
        """Where they stand; spans may overlap."""
        ...
