"""Postal addresses in Latin script: the forms of many countries, and what only looks like one."""

import pytest

from models.routing.masking.streets import find_streets

FOUND = {
    "American": (
        "Ship to 221 Elm Street, Springfield, IL 62704 please",
        "221 Elm Street, Springfield, IL 62704",
    ),
    "with a flat": ("at 7 Oakridge Lane Apt. 12 Dallas by noon", "7 Oakridge Lane Apt. 12 Dallas"),
    "British": ("I live at 10 Downing Street, London SW1A 2AA now", "10 Downing Street, London SW1A 2AA"),
    "German": ("Lieferung an Hauptstraße 5, 10115 bitte", "Hauptstraße 5, 10115"),
    "German, two words": ("an Frankfurter Allee 73 bitte", "Frankfurter Allee 73"),
    "Dutch": ("bij Grote Kerkstraat 12 bezorgd", "Grote Kerkstraat 12"),
    "French": ("12 chez moi, Rue de la Paix 14, merci", "Rue de la Paix 14"),
    "Spanish": ("vivo en Calle de Alcalá 42 desde", "Calle de Alcalá 42"),
    "Italian": ("in Via Roma 10, Torino", "Via Roma 10, Torino"),
    "Danish": ("på Gammelvej 36 i dag", "Gammelvej 36"),
    "Hungarian": ("a Dózsa György út 78. alatt", "Dózsa György út 78."),
    "post office box": ("write to P.O. Box 1234 only", "P.O. Box 1234"),
    "military": ("send to PSC 4926, Box 7979 APO AA 63682 now", "PSC 4926, Box 7979 APO AA 63682"),
    "a flat makes an address of it": (
        "to 55 Koidu 31 Apt. 853 Palanumäe soon",
        "55 Koidu 31 Apt. 853 Palanumäe",
    ),
    "state and postcode": ("at 12 Rincon 9, Reno NV 89501.", "12 Rincon 9, Reno NV 89501"),
    "postcode by its name": ("my zip code is 56139 and", "56139"),
    "postcode by its Chinese name": ("邮编：200040 的包裹", "200040"),
    "no capitals": ("come to 19 folkestone road please", "19 folkestone road please"),
}

LEFT = {
    "number and words": "I have 3 Items Ordered and 5 Open Tickets",
    "road without number": "the road ahead, Road to nowhere, Wall Street fell",
    "versions": "Office Suite 2019, Mouse Gestures Suite 2, Unit 4, version 3 St",
    "abbreviated menus": "Tools menu. 3. View",
    "times": "on 12 May 2024 at 10 St",
    "town": "in Springfield and Berlin",
    "error codes": "error 404 Not Found, HTTP 500 Internal Server Error",
    "no digits": "Elm Street",
    "empty": "",
}


@pytest.mark.parametrize(("text", "address"), FOUND.values(), ids=FOUND.keys())
def test_finds(text: str, address: str) -> None:
    assert [text[span.start : span.end] for span in find_streets(text)] == [address]


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_leaves(text: str) -> None:
    assert [text[span.start : span.end] for span in find_streets(text)] == []


HOSTILE = {
    "numbers": "12 " * 6_000,
    "words": "Elm " * 5_000 + "1",
    "numbers and words": "12 Elm " * 2_500,
    "one long word": "A" + "a" * 20_000 + " 12",
    "dotted words": "A.b" * 6_000 + " 12",
    "flats": "Apt. 12 " * 2_500,
    "boxes": "P.O. Box 1 " * 1_800,
    "small words": "Rue de de de " * 1_500 + "1",
    "commas": "Elm Street, " * 1_600 + "1",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_end(text: str) -> None:
    assert all(0 <= span.start < span.end <= len(text) for span in find_streets(text))
