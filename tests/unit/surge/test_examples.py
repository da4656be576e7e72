"""The five texts that a person reads of a surge."""

import numpy as np
import pytest

from models.surge.examples import Described, examples_of
from models.vote import Vectors


def at(degrees: float) -> Vectors:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)


def tickets(*said: tuple[str, float]) -> list[Described]:
    return [
        Described(f"t-{number}", number, text, at(degrees)) for number, (text, degrees) in enumerate(said)
    ]


def texts(found: list[Described]) -> list[str]:
    return [ticket.text for ticket in found]


CROWD = [(f"camera crash, {number}", number / 100) for number in range(20)]
SIDES = [
    ("crash in the gallery", 30.0),
    ("crash at a call", -30.0),
    ("flash crashes", 22.0),
    ("zoom crashes", -20.0),
    ("crash of the scanner", 38.0),
    ("crash in a chat", -36.0),
]
ASTRAY = [("invoice", 170.0)]


def test_they_are_not_five_near_copies() -> None:
    found = texts(examples_of(tickets(*CROWD, *SIDES)))
    assert found[0] in {text for text, _ in CROWD}
    assert len(set(found)) == 5
    assert len(set(found) & {text for text, _ in SIDES}) >= 3


def test_what_came_to_the_wrong_cluster_is_not_shown() -> None:
    assert "invoice" not in texts(examples_of(tickets(*CROWD, *SIDES, *ASTRAY)))


@pytest.mark.parametrize("count", [1, 3, 5], ids="{} texts".format)
def test_of_few_texts_all_are_shown(count: int) -> None:
    assert len(examples_of(tickets(*[*SIDES, *ASTRAY][:count]))) == count


def test_none_shows_none() -> None:
    assert examples_of([]) == []


def test_of_equal_texts_the_first_is_shown() -> None:
    found = examples_of([Described("t-2", 5, "crash", at(1)), Described("t-1", 9, "crash", at(1))])
    assert [ticket.ticket_id for ticket in found] == ["t-2"]


def test_the_order_of_their_coming_here_changes_nothing() -> None:
    given = tickets(*CROWD, *SIDES, *ASTRAY)
    assert examples_of(given) == examples_of(given[::-1])
