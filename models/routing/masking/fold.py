"""Fold: a text as recognisers read it, each character at its place."""

import re
import unicodedata

# Digits of all scripts, full-width forms, and dashes are read as their ASCII twins, one character for one.
_FOREIGN_MARK = re.compile(
    r"[\uff03-\uff0b\uff0d-\uff1a\uff1d\uff20-\uff3a\uff3f-\uff5a\u3000\u00a0\u2010-\u2015\u2212]"
)
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
# Every script with decimal digits of its own (Unicode category Nd) lies in here; Latin and Chinese do not.
_FOREIGN_SCRIPT = re.compile("[\u0660-\u1c59\ua620-\uabf9\U00010480-\U0001fbff]")
_FIRST_LETTER = re.compile(r"(?<![\w'’])[^\W\d_]")


def fold(text: str) -> str:
    """Digits of every script, full-width signs and dashes as their ASCII twins; as long as `text`."""
    if text.isascii():
        return text
    if _FOREIGN_SCRIPT.search(text):
        text = _FOREIGN_DIGIT.sub(_as_ascii, text)
    return _FOREIGN_MARK.sub(_as_ascii, text)


def capitalised(text: str) -> str:
    """Every word with a capital in front; as long as `text`, since letters whose capital is longer stay."""
    return _FIRST_LETTER.sub(
        lambda letter: letter[0].upper() if len(letter[0].upper()) == 1 else letter[0], text
    )


def _as_ascii(match: re.Match[str]) -> str:
    char = match[0]
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    return " " if char.isspace() else "-"
