"""How an explanation is shown to people: the text in colours, its heaviest pieces, and what would have changed it."""

from collections.abc import Sequence

from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from app.cli.console import out
from app.explain.answer import Answer
from models.routing.explain import Counterfactual
from models.routing.heat import Part
from schemas.decision import SimilarTicket

_SHOWN = 8
# Less than this share of the heaviest piece is left without a colour.
_LEAST = 0.1


def print_answer(answer: Answer) -> None:
    """The whole explanation."""
    decision, found = answer.decision, answer.explanation
    _head(answer)
    out.print()
    out.print(heat_text(found.heat))
    out.print()
    out.print(_heaviest(found.heat, found.match.candidates[0].cluster.name))
    if found.runner_up is not None:
        other = found.runner_up
        out.print(
            f"runner-up  {_who(other.owner)} by “{other.cluster.name}”, {other.probability:.1%} of the evidence",
            highlight=False,
            markup=False,
        )
    out.print(without_sentence(found.counterfactual), highlight=False, markup=False)
    for similar in decision.similar:
        _print_similar(similar)
    if not decision.similar:
        out.print("no solved ticket is like it")


def _head(answer: Answer) -> None:
    decision, state = answer.decision, answer.state
    whose = decision.ticket_id if state else "this text"
    out.print(
        f"{whose}  {decision.outcome} ({decision.reason}) -> {_who(decision.owner)}",
        style="bold",
        highlight=False,
        markup=False,
    )
    out.print(decision.explanation, highlight=False, markup=False)
    if state is not None and state.decision_id not in {None, decision.decision_id}:
        out.print(
            f"decided as {_who(state.owner)} by generation {state.generation_id}, revision {state.revision}"
            f" ({state.decision_id}); explained by {decision.generation_id}, revision {decision.revision}",
            highlight=False,
            markup=False,
        )


def heat_text(parts: Sequence[Part]) -> Text:
    """The text, each piece the darker the more it speaks for the cluster; blue speaks against it."""
    most = max((part.weight or 0.0 for part in parts), default=0.0)
    shown = Text()
    for part in parts:
        shown.append(part.text, _style(part.weight, most))
    return shown


def _style(weight: float | None, most: float) -> Style | None:
    if weight is None or most <= 0.0 or abs(weight) < _LEAST * most:
        return None
    if weight < 0:
        return Style(color="blue")
    share = weight / most
    return Style(color="black", bgcolor=f"rgb(255,{round(240 - 140 * share)},{round(220 - 200 * share)})")


def _heaviest(parts: Sequence[Part], cluster: str) -> Table:
    table = Table(
        Column(Text(f"left out, speaks for “{cluster}”")), "cosine falls by", "probability falls by"
    )
    weighed = {part.text: part for part in parts if part.weight is not None}
    for part in sorted(weighed.values(), key=lambda part: -(part.weight or 0.0))[:_SHOWN]:
        table.add_row(Text(part.text), f"{part.weight:+.3f}", f"{part.probability or 0.0:+.1%}")
    return table


def without_sentence(found: Counterfactual | None) -> str:
    """What would have changed whose ticket it is."""
    if found is None:
        return "no few words alone decide whose it is"
    words = " and ".join(f"“{word}”" for word in found.words)
    if found.owner is None:
        return f"without {words} nobody would own it: a person would have to say whose it is"
    return f"without {words} this would go to {found.owner} (“{found.cluster.name}”)"


def _print_similar(similar: SimilarTicket) -> None:
    out.print(
        f"like {similar.ticket_id} ({similar.similarity:.2f}, {_who(similar.owner)}): {similar.resolution}",
        highlight=False,
        markup=False,
    )


def _who(owner: str | None) -> str:
    return owner or "nobody yet"
