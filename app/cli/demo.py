"""`sluice demo`: the whole way on this machine, scored."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import Bootstrap, Json, err, out, print_json, progress
from app.settings import load_settings
from models.errors import Fatal
from schemas.decision import Decision

_EXAMPLES = 6


def demo(
    tickets: Annotated[
        Path | None, typer.Option(help="Your own labelled file (CSV, TSV, JSON Lines, .gz).")
    ] = None,
    text: Annotated[
        str, typer.Option(help="Its text column; several joined by +, e.g. title+body.")
    ] = "text",
    label: Annotated[str, typer.Option(help="Its column of the right owner.")] = "label",
    rate: Annotated[float | None, typer.Option(min=1, max=5000, help="Tickets a second.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample, or of how your file is halved.")] = 7,
    folder: Annotated[Path, typer.Option("--out", help="Where the report goes.")] = Path("out/demo"),
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show Sluice at work: a broker, a first generation, a worker, a replay through Kafka, a scored report.

    Without --tickets the sample history is used (Chinese and English, 40 problems, 12 teams). With it, half of
    your file is the history and the other half is replayed.

    Example: sluice demo --tickets tickets.csv --text subject+body --label team
    """
    from app.demo.run import run_demo
    from app.demo.sources import from_file, from_sample
    from app.scratch import Told

    settings = load_settings(bootstrap=bootstrap)
    now_ms = time.time_ns() // 1_000_000
    if tickets is not None and not tickets.is_file():
        raise Fatal(f"{tickets}: no such file")
    source = from_file(tickets, text, label, seed, now_ms) if tickets else from_sample(seed, now_ms)
    if source.bad_rows:
        first = source.bad_rows[0]
        count = f"{len(source.bad_rows)} rows left out, the first at line {first.line}"
        err.print(f"[dim]·[/] {count}: {escape(first.reason)}", highlight=False)
    with progress() as tell:
        told = Told(lambda line: err.print(f"[dim]·[/] {escape(line)}", highlight=False), tell)
        shown = run_demo(source, settings, folder, rate or (200.0 if tickets else 50.0), told)
    if as_json:
        print_json(shown.report)
        return
    _print(shown.report, shown.collected.decisions)
    _say(f"\nreport  {folder / 'report.json'}    decisions  {folder / 'decisions.jsonl'}")


def _print(report: dict[str, Any], decisions: list[Decision]) -> None:
    latency = report["latency_ms"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in (
        ("tickets in", f"{report['tickets_in']}"),
        ("decisions out", _one_each(report["decisions"], report["tickets_decided"])),
        ("dead letters", f"{report['dead_letters']}  {_pairs(report['dead_letter_reasons'])}"),
        ("right owner first", _percent(report["accuracy"])),
        (
            "routed unaided",
            f"{_percent(report['routed_share'])}, right in {_percent(report['precision_routed'])}",
        ),
        ("triage", _percent(report["triage_share"])),
        ("off topic held back", _percent(report["off_topic_held_back"])),
        ("ticket to decision", f"p50 {_ms(latency['p50'])}, p99 {_ms(latency['p99'])}"),
        ("personal data leaked", f"{report['secrets_leaked']} of {report['secrets_planted']} planted"),
    ):
        table.add_row(name, value)
    out.print()
    out.print(table, highlight=False)
    out.print("\n[bold]Decisions, as a subscriber reads them[/]")
    for decision in _varied(decisions):
        _print_one(decision)
    for kind, title in (("growing", "Surges"), ("emerging", "New problems")):
        _print_surges([surge for surge in report["surges"] if surge["kind"] == kind], title)


def _print_surges(surges: list[dict[str, Any]], title: str) -> None:
    if surges:
        out.print(f"\n[bold]{title}, as who is on call reads them[/]")
    for surge in surges:
        owner = f" -> {surge['owner']}" if surge["owner"] else ""
        expected = f"{surge['tickets']} tickets, expected {surge['expected']:.2f}"
        out.print(
            f"\n  [bold]{escape(surge['name'])}[/]{escape(owner)}  {expected}",
            highlight=False,
            soft_wrap=True,
        )
        for description in surge["descriptions"]:
            _say(f"    {description}")


def _varied(decisions: list[Decision]) -> list[Decision]:
    """A few decisions of every kind, the first of each."""
    by_kind: dict[tuple[str, str], list[Decision]] = {}
    for decision in decisions:
        by_kind.setdefault((decision.outcome, decision.reason), []).append(decision)
    rounds = [group[turn] for turn in range(_EXAMPLES) for group in by_kind.values() if turn < len(group)]
    return rounds[:_EXAMPLES]


def _print_one(decision: Decision) -> None:
    due = f", due {decision.sla.due_at:%H:%M} UTC" if decision.sla else ""
    out.print(
        f"\n  [bold]{escape(decision.ticket_id)}[/]  {decision.outcome} ({decision.reason}) -> "
        f"[bold]{escape(decision.owner or 'a person must choose')}[/]{due}",
        highlight=False,
    )
    _say(f"    {decision.explanation}")
    for similar in decision.similar:
        _say(f"    like {similar.ticket_id} ({similar.similarity:.2f}): {similar.resolution}")


def _say(line: str) -> None:
    """Plain text as it is: a terminal that is narrow breaks the line itself, a file keeps it whole."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def _one_each(decisions: int, tickets: int) -> str:
    return f"{decisions} ({'one each ' if decisions == tickets else ''}for {tickets} tickets)"


def _pairs(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items())


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:g} ms"


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(demo)
