"""Names in Latin script by small lists: what tells one, and what a name that is also a word needs beside it."""

import pytest

from models.routing.masking.people import NameLists, find_people

LISTS = NameLists(
    given=frozenset(
        {"Anna", "Maria", "Judy", "Donald", "Rose", "Will", "Page", "Mark", "My", "Can", "Jean", "Luc"}
    ),
    family=frozenset({"Okafor", "Smith", "Berg", "White", "Will", "Page", "Vermeer"}),
    words=frozenset({"rose", "will", "page", "mark", "my", "can", "white", "chrome", "server", "incorrect"}),
    told_small=frozenset({"Anna", "Donald"}),
)

FOUND = {
    "given and family name": ("ask Anna Okafor please", ["Anna Okafor"]),
    "given name alone": ("then Judy called", ["Judy"]),
    "family name alone": ("Mail from Okafor about it", ["Okafor"]),
    "particles": ("for Donald van der Berg only", ["Donald van der Berg"]),
    "initial": ("sent by Judy T. Smith", ["Judy T. Smith"]),
    "possessive": ("Judy's phone and Anna Okafor's", ["Judy", "Anna Okafor"]),
    "hyphens": ("hello Jean-Luc and Jean-Xyz", ["Jean-Luc"]),
    "a family name that no list knows": ("Maria Xyzzy wrote", ["Maria Xyzzy"]),
    "a word that is a name, before a surer one": ("Rose Okafor wrote", ["Rose Okafor"]),
    "a word that is a name, behind a title": ("Mr. Page wrote", ["Mr. Page"]),
    "title and unknown name": ("ask Dr. Zyzzy now", ["Dr. Zyzzy"]),
    "degree": ("ask Anna Smith, MD today", ["Anna Smith, MD"]),
    "introduced, unknown": ("My name is Zyzzy and", ["Zyzzy"]),
    "introduced, a word": ("my name is Will.", ["Will"]),
    "label": ("Phone: 1, name: Zyzzy Quux", ["Zyzzy Quux"]),
    "greeting": ("Hi Mark, it fails", ["Mark"]),
    "no capitals, frequent": ("please ask anna about it", ["anna"]),
    "no capitals, both names known": ("maria vermeer cannot log in", ["maria vermeer"]),
    "no capitals, introduced": ("my name is zyzzy", ["zyzzy"]),
    "several": ("Anna, Judy and Donald", ["Anna", "Judy", "Donald"]),
}

LEFT = {
    "words that are names": "Will it Mark the Page? My Rose Can",
    "a family name begins the text": "Vermeer is a printer",
    "product behind a word": "My Chrome and Will Chrome",
    "identifier": "open Anna.txt, /home/Judy, @Donald, Maria_1, call(Judy()), Judy=1, Anna@a.cn",
    "no capitals, a family name alone": "the okafor printer",
    "no capitals, introduced, a word": "my name is incorrect",
    "no name introduced": "this is Chrome, hi Server",
    "greeting that goes on": "this is Page 3 of it",
    "Chinese": "我叫张伟",
    "empty": "",
}


@pytest.mark.parametrize(("text", "names"), FOUND.values(), ids=FOUND.keys())
def test_finds(text: str, names: list[str]) -> None:
    assert [text[span.start : span.end] for span in find_people(text, LISTS)] == names


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_leaves(text: str) -> None:
    assert [text[span.start : span.end] for span in find_people(text, LISTS)] == []


HOSTILE = {
    "capitals": "A" * 20_000,
    "names": "Anna " * 4_000,
    "hyphens": "Anna-" * 4_000,
    "particles": "Anna van der " * 1_500,
    "cues": "my name is " * 1_800,
    "titles": "Mr. " * 5_000,
    "no capitals": "anna " * 4_000,
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_end(text: str) -> None:
    assert all(0 <= span.start < span.end <= len(text) for span in find_people(text, LISTS))
