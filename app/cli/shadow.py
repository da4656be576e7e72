"""`sluice shadow`: what a candidate would have decided otherwise, and what becomes of it."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import Bootstrap, Json, out, print_json
from app.connect import logged_in
from app.settings import Settings, load_settings

app = typer.Typer(
    help="Candidates: generations that decide beside the one in force, and thresholds on trial.",
    no_args_is_help=True,
)

_PAIRS = 20


@app.command()
def report(bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Say of how many decisions a candidate's would have gone elsewhere, and who was right where people have handled
    the tickets since.

    One part for each candidate and threshold beside each generation in force, the latest last.

    Example: sluice shadow report --json
    """
    from app.shadow.report import read_report

    found = read_report(*_connected(bootstrap))
    if as_json:
        print_json({"comparisons": found})
        return
    if not found:
        out.print("nothing compared yet: `sluice bootstrap FILE --shadow`, or set SLUICE_SHADOW_ROUTE_AT")
    for figures in found:
        _print(figures)


@app.command()
def promote(
    generation_id: Annotated[str, typer.Argument(help="The candidate's id.", show_default=False)],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Put a candidate in force on every worker.

    Example: sluice shadow promote g-91c2e07b4d5fa683
    """
    from app.shadow.candidates import promote as put_in_force

    put_in_force(generation_id, *_connected(bootstrap))
    if as_json:
        print_json({"promoted": generation_id})
        return
    out.print(f"promoted  {generation_id}", highlight=False, markup=False)


@app.command()
def drop(bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Take the candidate back; workers decide beside it no more.

    Example: sluice shadow drop
    """
    from app.shadow.candidates import drop as take_back

    dropped = take_back(*_connected(bootstrap))
    if as_json:
        print_json({"dropped": dropped})
        return
    for name in dropped:
        out.print(f"dropped  {name}", highlight=False, markup=False)
    if not dropped:
        out.print("there is no candidate", highlight=False)


def _connected(bootstrap: str | None) -> tuple[Settings, dict[str, Any]]:
    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    return settings, kafka


def _print(figures: dict[str, Any]) -> None:
    def say(line: str) -> None:
        out.print(line, highlight=False, markup=False)

    at = "" if figures["route_at"] is None else f" at {figures['route_at']:g}"
    say(f"{figures['candidate']}{at} beside {figures['generation']}, {figures['from']} to {figures['to']}")
    say(f"  of {figures['decisions']} decisions, {figures['elsewhere']} would have gone elsewhere:")
    for key, text in (
        ("to_another_owner", "to another owner"),
        ("automatic_to_person", "from automatic to a person"),
        ("person_to_automatic", "from a person to automatic"),
        ("to_another_cluster_only", "to the same people, as another problem (not counted above)"),
        ("forgotten", "differ too, and the topic keeps them no longer"),
    ):
        if figures[key]:
            say(f"    {figures[key]:>7}  {text}")
    if figures["by_owner"]:
        table = Table("in force", "candidate", "decisions")
        for pair in figures["by_owner"][:_PAIRS]:
            owners = (escape(pair[of] or "-") for of in ("in_force", "candidate"))
            table.add_row(*owners, str(pair["decisions"]))
        out.print(table)
    _print_handled(figures["handled"], say)


def _print_handled(handled: dict[str, Any], say: Any) -> None:
    if not handled["tickets"]:
        say("  nobody has handled any of these tickets yet")
        return
    say(f"  of {handled['tickets']} of these tickets people have said since whose they are:")
    say(
        f"    the candidate alone was right on {handled['only_candidate_right']}, the one in force alone on"
        f" {handled['only_in_force_right']} (exact McNemar test: p = {handled['p_value']:.3g})"
    )
    for key, text in (("newly_automatic", "newly automatic"), ("no_longer_automatic", "no longer automatic")):
        if handled[key]["tickets"]:
            say(
                f"    {text}: {handled[key]['tickets']}, {handled[key]['right']} of them with the right owner"
            )
