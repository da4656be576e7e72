"""Postal addresses in Latin script, told by their parts: a street with a number, a flat, a box, a postcode.

A street is a number beside capitalised words of which one says that it is a street, in the languages whose addresses
are met most. A flat says it of any words and numbers before it. What stands around and can only belong to it goes with
it: a second number, a flat, the town, a postcode.
"""

import re
from collections.abc import Iterator

from models.routing.masking.fold import capitalised
from models.routing.masking.span import Kind, Span

_UPPER = "A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0386-\u03ab\u0410-\u042f"
_WORD = rf"[{_UPPER}][^\W\d_]*(?:['’\-.][^\W\d_]+)*\.?(?!\w)"
_NUMBER = r"[0-9]{1,5}(?:[/-][0-9]{1,4})?[A-Za-z]?(?![\w%])\.?"
_SMALL_WORD = r"(?:de|da|do|das|dos|del|della|di|du|des|la|las|le|les|los|van|von|der|den|e|y|i|och|og)"
_NAME = rf"(?:{_WORD} (?:{_SMALL_WORD} ){{0,2}}){{1,4}}?"
# English, behind the name; "St" and "Dr" also begin names, so that a number has to stand before.
_BEHIND = (
    "(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Way|Terrace|Close"
    "|Crescent|Parkway|Pkwy|Highway|Hwy|Circle|Trail|Grove|Mews|Row|Str)\\b"
)
# Germanic, Nordic, Finnish, Hungarian: at the end of the name, or behind it.
_ENDING = (
    "(?i:stra(?:ss|ß)e|str\\.|gasse|weg|platz|allee|damm|ufer|ring|steig|straat|laan|plein|gracht|kade|dijk|plaats|singel"
    "|gade|vej|gata|gatan|gate|veien|vegen|vägen|plass|katu|puisteet|utca|útja|körút|rakpart|(?<= )(?:út|tér|u\\.))"
)
# Romance, Slavic, Greek: before the name.
_BEFORE = (
    "(?:Rua|R\\.|Rue|Via|Viale|Corso|Piazza|Vicolo|Calle|C/|Avenida|Avda\\.?|Av\\.|Carrer|Plaza|Paseo|Camino|Carretera"
    "|Chemin|Quai|Impasse|Allée|Cours|Avenue|Boulevard|Place|Praça|Travessa|Largo|Estrada|Strada|Ul\\.|ul\\.|ulica"
    "|Rúa|Camiño|Οδός|ул\\.|улица)"
)
_STREET = (
    rf"{_NUMBER},? {_NAME}{_BEHIND}\.?"
    rf"|(?:{_WORD} ){{0,2}}[{_UPPER}][^\W\d_]*?(?: [^\W\d_]+)? ?{_ENDING} {_NUMBER}"
    rf"|{_BEFORE} (?:{_SMALL_WORD} ){{0,2}}(?:l')?{_NAME}{_NUMBER}"
)
_BOX = (
    r"P\.? ?O\.? ?Box [0-9]{1,6}|Postfach [0-9 ]{2,7}|(?:PSC|Unit) [0-9]{1,5},? Box [0-9]{1,5}"
    r"|(?:APO|FPO|DPO),? A[AEP] [0-9]{5}(?:-[0-9]{4})?"
)
_FLAT = r"(?:Apt|Apartment|Suite|Flat)\.? ?#?[0-9]{1,5}[A-Za-z]?\b"
_STATE = r"[A-Z]{2} [0-9]{5}(?:-[0-9]{4})?(?![\w%])"
_ANCHOR = re.compile(
    rf"(?<![\w.\-])(?:(?P<street>{_STREET})|(?P<box>{_BOX})|(?P<flat>{_FLAT})|(?P<state>{_STATE}))"
)
_ZIP = r"(?:[0-9]{4,6}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2})(?![\w%])"
# Before a street or a box: one more number, a ship. Before a flat or a postcode: a street that does not say it is one.
_NUMBER_BEFORE = re.compile(rf"(?<![\w.\-])(?:{_NUMBER},?|USN?S [^\W\d_]+|USCGC [^\W\d_]+) \Z")
_UNNAMED = rf"(?<![\w.\-])(?:{_NUMBER} )?(?:{_NUMBER} {_NAME}|{_NAME}{_NUMBER}|{_NAME})(?:{_NUMBER})?"
_STREET_BEFORE = re.compile(rf"{_UNNAMED} ?,? ?\Z")
_TOWN_BEFORE = re.compile(rf"{_UNNAMED}(?:,? {_NAME})?\Z")
_BEFORE_ANCHOR = {
    "street": _NUMBER_BEFORE,
    "box": _NUMBER_BEFORE,
    "flat": _STREET_BEFORE,
    "state": _TOWN_BEFORE,
}
_BEHIND_ANCHOR = re.compile(
    rf"(?:,? {_FLAT})?(?:,? (?:{_BOX}))?(?: ?,? (?:{_SMALL_WORD} )?{_WORD}){{0,6}}(?: ?,? {_ZIP})?"
)
_ZIP_CALLED = re.compile(
    rf"(?:\bzip(?: ?code)?|\bpost(?:al )?code|\bPLZ|邮编|邮政编码)(?: is|:|：)? ?({_ZIP})", re.IGNORECASE
)
_THEN = re.compile(r",? [0-9]")
_HINT = re.compile(r"[0-9]")
_REACH = 60


def find_streets(text: str) -> Iterator[Span]:
    """Postal addresses, left to right; one may overlap the next.

    In a text without any capital every word is read as if it had one.
    """
    if not _HINT.search(text):
        return
    for called in _ZIP_CALLED.finditer(text):
        yield Span(*called.span(1), Kind.ADDRESS)
    read = capitalised(text) if text.islower() else text
    done = 0
    for anchor in _ANCHOR.finditer(read):
        if anchor.start() < done:
            continue
        before = _BEFORE_ANCHOR[anchor.lastgroup or ""]
        lead = before.search(read, max(done, anchor.start() - _REACH), anchor.start())
        if not anchor["street"] and not anchor["box"] and not _is_sure(read, anchor, lead):
            continue
        behind = _BEHIND_ANCHOR.match(read, anchor.end())
        done = behind.end() if behind else anchor.end()
        yield Span(lead.start() if lead else anchor.start(), done, Kind.ADDRESS)


def _is_sure(text: str, anchor: re.Match[str], lead: re.Match[str] | None) -> bool:
    """Whether a flat or a postcode is one: with a number before it, a number right behind it, or as "Apt."."""
    if lead and _HINT.search(lead[0]):
        return True
    return anchor["flat"] is not None and (
        text[anchor.start()] == "A" or bool(_THEN.match(text, anchor.end()))
    )
