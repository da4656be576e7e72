"""How an explanation is printed: words, colours, and one sentence of what would have changed it."""

import pytest

from app.cli.heat_map import heat_text, without_sentence
from models.generation import Cluster
from models.routing.explain import Counterfactual
from models.routing.heat import Part

_CLUSTER = Cluster("c-1", "card declined", "payments", 3)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, "no few words alone decide whose it is"),
        (
            Counterfactual(("微信支付",), "payments", _CLUSTER),
            "without “微信支付” this would go to payments (“card declined”)",
        ),
        (
            Counterfactual(("one", "two"), None, _CLUSTER),
            "without “one” and “two” nobody would own it: a person would have to say whose it is",
        ),
    ],
    ids=["none", "another_owner", "nobody"],
)
def test_what_would_have_changed_it(found: Counterfactual | None, sentence: str) -> None:
    assert without_sentence(found) == sentence


def test_the_whole_text_is_shown_the_heaviest_darkest() -> None:
    parts = [Part("pay", 0.4), Part(" with ", None), Part("card", 0.2), Part("!", -0.2), Part("x", 0.01)]
    shown = heat_text(parts)
    assert shown.plain == "pay with card!x"
    styles = {shown.plain[span.start : span.end]: str(span.style) for span in shown.spans}
    assert styles == {
        "pay": "black on rgb(255,100,20)",
        "card": "black on rgb(255,170,120)",
        "!": "blue",
    }


def test_a_text_that_nothing_speaks_for_has_no_colour() -> None:
    assert heat_text([Part("[b]pay[/b]", -0.1), Part("", None)]).spans == []
    assert heat_text([]).plain == ""
