"""`sluice explain` and `sluice replay`: why a ticket goes where it goes, and whether a decision can be made again."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agents.exits import Exit
from agents.follower import Lookup
from app.cli.console import Bootstrap, Json, err, fail, out, print_json
from app.connect import logged_in
from app.logs import set_up_logs
from app.settings import Settings, load_settings
from models.errors import Fatal, Transient
from schemas.codec import decode
from schemas.decision import Decision
from schemas.unreadable import Unreadable

_SHOWN = 120


def explain(
    ticket_id: Annotated[
        str | None, typer.Argument(metavar="[TICKET_ID]", help="A ticket whose state is kept.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Explain this text in place of a ticket.")
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say why a ticket goes where it goes, by the generation and the corrections of now.

    A heat map: by how much the ticket falls away from its cluster, in cosine, and from its owner, in probability, when
    a piece of its text is left out. The runner-up. The words without which another owner would have it, three pieces at
    most. The nearest solved tickets with what solved them. All texts are masked.

    Example: sluice explain CRM-1001
    """
    from app.cli.heat_map import print_answer
    from app.explain.answer import answer_text, answer_ticket
    from app.explain.kept import Kept
    from app.policies import encoder_spec
    from models.engines.encoders import load_encoder

    if (ticket_id is None) == (text is None):
        raise Fatal("what is to be explained? give TICKET_ID, or --text TEXT")
    settings, kafka = _connected(bootstrap)
    encoder = load_encoder(encoder_spec(settings))
    try:
        with Kept(settings, Lookup(kafka)) as kept:
            if ticket_id is not None:
                answer = answer_ticket(ticket_id, kept, settings, encoder)
            else:
                answer = answer_text(text or "", kept, settings, encoder)
    except (Fatal, Transient) as error:
        fail(error, Exit.FAILED)
    if as_json:
        print_json(answer.as_json())
    else:
        print_answer(answer)


def replay(
    decision: Annotated[
        str, typer.Argument(help="A decision's id, a JSON file of one, or - to read one.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Make a decision again, from the ticket's kept text, its generation and the corrections of then, and say whether
    it is the same to the bit.

    Exit code 1 where it is not, or where what it was made from is gone. Similar tickets, repeated ones and the time
    were live, and are left out.

    Example: sluice replay d-4f1c09b2a7e65d380f21c7aa
    """
    from app.explain.kept import Kept
    from app.explain.replay import replay as make_again
    from app.policies import encoder_spec
    from models.engines.encoders import load_encoder

    given = _given(decision)
    settings, kafka = _connected(bootstrap)
    try:
        with Kept(settings, Lookup(kafka)) as kept:
            said = given or kept.decision(decision)
            if said is None:
                raise Fatal(
                    f"no decision {decision} is there: give the file that holds it, or look for its id"
                )
            found = make_again(said, kept, settings, lambda: load_encoder(encoder_spec(settings)))
    except (Fatal, Transient) as error:
        fail(error, Exit.FAILED)
    equal = not found.differs
    if as_json:
        differs = {one.field: {"said": one.said, "again": one.again} for one in found.differs}
        report = {
            "decision_id": said.decision_id,
            "ticket_id": said.ticket_id,
            "equal": equal,
            "moved_on": found.moved_on,
            "differs": differs,
            "remarks": list(found.remarks),
        }
        print_json(report)
    else:
        _print(said, found.differs, found.moved_on, found.remarks)
    if not equal:
        raise SystemExit(Exit.FAILED.value)


def _given(decision: str) -> Decision | None:
    """The decision of a file or of standard input; None where an id is given.

    Raises:
        Fatal: there is something, and it is no decision.
    """
    if decision == "-":
        value, where = sys.stdin.buffer.read(), "standard input"
    elif Path(decision).is_file():
        value, where = Path(decision).read_bytes(), decision
    else:
        return None
    try:
        return decode(Decision, value)
    except Unreadable as error:
        raise Fatal(f"{where}: not one decision as JSON ({error.field or error.reason.value})") from None


def _print(said: Decision, differs: Any, moved_on: bool, remarks: tuple[str, ...]) -> None:
    made = f"generation {said.generation_id}, revision {said.revision}"
    if not differs:
        verdict = f"[green]the same to the bit[/], by {made}"
    elif moved_on:
        verdict = f"[yellow]cannot be made again as it was[/], by {made}"
    else:
        verdict = f"[red]not the same[/], by {made}"
    out.print(f"{escape(said.decision_id)} of {escape(said.ticket_id)}: {verdict}", highlight=False)
    if differs:
        table = Table("field", "the decision says", "made again")
        for one in differs:
            table.add_row(one.field, _short(one.said), _short(one.again))
        out.print(table)
    for remark in remarks:
        err.print(f"[dim]·[/] {escape(remark)}", highlight=False)


def _short(value: Any) -> str:
    text = str(value)
    return escape(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _connected(bootstrap: str | None) -> tuple[Settings, dict[str, Any]]:
    settings = load_settings(bootstrap=bootstrap)
    set_up_logs("error", settings.log_format)
    kafka = logged_in(settings)
    return settings, kafka


def add_to(cli: typer.Typer) -> None:
    """Put the commands on the command line."""
    cli.command()(explain)
    cli.command()(replay)
