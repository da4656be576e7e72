"""Explain: what is left out, what it weighs, and without which words a ticket would go elsewhere."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.evidence import searchable
from models.generation import Generation
from models.lexicon import join
from models.routing.corrections import Act, ActKind, corrections_of, no_corrections
from models.routing.decide import DecidePolicy
from models.routing.encode import Encoder, encode
from models.routing.explain import ExplainPolicy, Explanation, Ground, explain
from models.routing.heat import Part
from models.routing.pack import PackPolicy
from models.routing.pieces import pieces_of, without
from models.vote import VotePolicy, settle
from tests.fakes.encoder import HashingEncoder
from tests.fakes.generations import generation, unit
from tests.fakes.history import FRESH
from tests.fakes.path import learn
from tests.fakes.vector_index import NumpyIndex
from tests.fakes.words import WordEncoder

# Payments, locks, and what is like nothing.
_WORDS = {
    "微信": (3, 0, 0),
    "invoice": (2, 0, 0),
    "bill": (2, 0, 0),
    "refund": (2, 0, 0),
    "money": (2, 0, 0),
    "lock": (0, 2, 0),
    "hub": (0, 1, 0),
    "camel": (0, 0, 2),
}


def _generation(scope: float = 0.7) -> Generation:
    payments, locks = unit(1, 0, 0), unit(0, 1, 0)
    return generation(["payments", "locks"], np.stack([payments, locks]), [(0, payments), (1, locks)], scope)


def _ground(made: Generation, acts: Sequence[Act] = (), **policy: float) -> Ground:
    ready = searchable(made, NumpyIndex)
    corrections = corrections_of(acts, len(acts), ready) if acts else no_corrections(made.width)
    return Ground(ready, VotePolicy(), corrections, DecidePolicy(**policy))  # type: ignore[arg-type]


def _explain(text: str, ground: Ground, encoder: Encoder | None = None) -> Explanation:
    engine, policy = encoder or WordEncoder(_WORDS), ExplainPolicy(tokens=100_000)
    query = join(ground.ready.generation.lexicon, [text], encode(engine, [text], PackPolicy()))[0]
    return explain(text, query, engine, PackPolicy(), ground, policy)


def test_one_word_decides() -> None:
    found = _explain("the 微信 lock", _ground(_generation()))
    assert found.match.candidates[0].owner == "payments"
    assert found.counterfactual is not None
    assert (found.counterfactual.words, found.counterfactual.owner) == (("微信",), "locks")
    assert found.counterfactual.cluster.id == "c-1"
    assert found.runner_up is not None
    assert (found.runner_up.owner, found.runner_up.cluster.id) == ("locks", "c-1")
    assert found.runner_up.probability == found.match.candidates[1].confidence < 0.5


def test_a_weight_is_what_cosine_and_probability_fall_by() -> None:
    found = _explain("the 微信 lock", _ground(_generation()))
    the, mattering, blank, other = found.heat
    assert (the, blank) == (Part("the ", None), Part(" ", None))
    with_both = settle(unit(3, 2, 0)[None, :])[0]
    assert mattering.weight == pytest.approx(float(with_both[0]), abs=1e-3)
    assert other.weight == pytest.approx(float(with_both[0]) - 1.0, abs=1e-3)
    assert mattering.probability == pytest.approx(
        0.964, abs=2e-3
    )  # the votes, all for one: 1 / (1 + e^-4) to 1 less
    assert other.probability == pytest.approx(0.0, abs=2e-3)


CASES: dict[str, tuple[str, tuple[str, ...] | None, str | None]] = {
    "into_triage": ("微信 camel", ("微信",), None),
    "out_of_triage": ("lock camel and camel", ("camel",), "locks"),
    "two_words": ("bill: invoice, hub", ("bill", "invoice"), "locks"),
    "three_words": ("bill: invoice, hub refund", ("bill", "invoice", "refund"), "locks"),
    "four_are_too_many": ("bill: invoice, hub refund money", None, None),
    "nothing_else_to_say": ("微信", None, None),
    "nothing_changes_it": ("微信 invoice", None, None),
    "an_owner_before_nobody": ("camel 微信 lock", ("微信",), "locks"),
}


@pytest.mark.parametrize(("text", "words", "owner"), CASES.values(), ids=CASES)
def test_counterfactuals(text: str, words: tuple[str, ...] | None, owner: str | None) -> None:
    found = _explain(text, _ground(_generation()))
    assert (found.counterfactual and found.counterfactual.words) == words
    assert (found.counterfactual and found.counterfactual.owner) == owner


def test_it_heeds_what_people_corrected_and_what_an_operator_fixed() -> None:
    act = Act(1, ActKind.BOUND, "billing", None, "c-0", None)
    corrected = _explain("the 微信 lock", _ground(_generation(), [act]))
    assert corrected.match.candidates[0].owner == "billing"
    fixed = _explain("微信 camel", _ground(_generation(), floor=-1.0))
    assert fixed.counterfactual is None or fixed.counterfactual.owner is not None


def test_a_text_without_a_word_has_no_heat_and_no_counterfactual() -> None:
    found = _explain("😡!", _ground(_generation()))
    assert (found.heat, found.counterfactual) == ((Part("😡!", None),), None)


def test_one_owner_has_no_runner_up() -> None:
    made = generation(["payments"], unit(1, 0, 0)[None, :], [(0, unit(1, 0, 0))])
    assert _explain("微信 lock", _ground(made)).runner_up is None


@pytest.mark.parametrize("tokens", [1, 60, 400, 100_000])
def test_it_keeps_to_its_tokens(tokens: int) -> None:
    """No batch of texts with something left out is larger, unless one such text is; and there are two at most."""
    encoder = WordEncoder(_WORDS)
    text = "微信 invoice hub and the door of camel number 17 by tuesday"
    ground = _ground(_generation())
    query = join(None, [text], encode(encoder, [text], PackPolicy()))[0]
    (own,) = encoder.passes
    encoder.passes.clear()
    whole = PackPolicy(max_tokens=1_000_000, max_count=1_000)
    found = explain(text, query, encoder, whole, ground, ExplainPolicy(tokens=tokens))
    assert 1 <= len(encoder.passes) <= 2
    assert max(encoder.passes) <= max(tokens, own)
    assert "".join(part.text for part in found.heat) == text


def test_the_same_explanation_to_the_bit_however_it_is_packed() -> None:
    encoder = HashingEncoder()
    ground = _ground(learn(encoder))
    for _, text in FRESH:
        query = join(ground.ready.generation.lexicon, [text], encode(encoder, [text], PackPolicy()))[0]
        found = [
            explain(text, query, encoder, PackPolicy(max_count=count), ground, ExplainPolicy())
            for count in (1, 7, 64)
        ]
        assert found[0] == found[1] == found[2]


def test_what_it_says_of_another_owner_is_so() -> None:
    """On a generation learnt from thirty tickets: a ticket of two problems, without those words, goes to that owner."""
    encoder = HashingEncoder()
    ground = _ground(_all_known(learn(encoder)))
    texts = [f"{one}. {other}" for (_, one), (_, other) in zip(FRESH, FRESH[2:] + FRESH[:2], strict=True)]
    said = 0
    for text in texts:
        found = _explain(text, ground, encoder)
        if found.counterfactual is None:
            continue
        pieces = [piece for piece in pieces_of(text, 24) if piece.text in found.counterfactual.words]
        again = _explain(without(text, pieces), ground, encoder).match.candidates[0]
        assert found.counterfactual.owner == again.owner != found.match.candidates[0].owner
        said += 1
    assert said >= len(texts) / 2


def _all_known(made: Generation) -> Generation:
    """The generation, for which everything is like its history."""
    return replace(made, thresholds=replace(made.thresholds, scope=-1e9))
