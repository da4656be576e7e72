"""`sluice bootstrap`: a history becomes the first generation."""

import math
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import Bootstrap, Json, KnowledgeFile, err, out, print_json, progress
from app.files.lines import BadRow
from app.files.mapping import mapping_of, ticket_row
from app.files.rows import Row, read_columns, read_rows
from app.settings import load_settings
from models.errors import Fatal
from schemas.codec import Limits, decode_ticket
from schemas.contract import epoch_ms_of

if TYPE_CHECKING:
    from app.bootstrap import PastTicket

_SHOWN = 20


def bootstrap(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or JSON Lines, also .gz.", show_default=False)],
    owner: Annotated[str | None, typer.Option(help="Column of the team that solved a ticket.")] = None,
    problem: Annotated[str | None, typer.Option(help="Column of the problem, where people named it.")] = None,
    teams: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of `team` tables, each with name and sla_minutes, and of `cluster` tables, each with"
            " name, description and team: known before any ticket of theirs."
        ),
    ] = None,
    maps: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN, as in `sluice import`.")
    ] = None,
    knowledge: KnowledgeFile = None,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="As a candidate: it decides beside the one in force; see `sluice shadow`."
        ),
    ] = False,
    kafka: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Make a generation from past tickets and publish it; every worker takes it at once.

    With an owner column each team's problems are found among its own tickets. Without one, problems are found
    among all tickets, and wait in triage until somebody owns them.

    Example: sluice bootstrap history.csv --owner team --map description=body --teams teams.toml
    """
    from app.bootstrap import check_target, describe, fit, prepare, publish, ways_of
    from app.connect import logged_in
    from app.knowledge import articles_of, encoded
    from app.knowledge import publish as publish_articles
    from app.policies import clean_policy, confidence_policy, encoder_spec, pack_policy
    from app.shadow.candidates import publish_candidate
    from app.teams import Teams, load_teams
    from models.engines.encoders import load_encoder

    settings = load_settings(bootstrap=kafka)
    listed = load_teams(teams) if teams else Teams([], [])
    past, bad = read_history(file, owner, problem, maps or [], settings.max_record_bytes)
    options = logged_in(settings)
    check_target(settings, options)
    given, base = articles_of(knowledge, settings, options, bad.append)
    encoder = load_encoder(encoder_spec(settings))
    with progress() as tell:
        err.print(f"[dim]·[/] encoding {len(past)} tickets", highlight=False)
        cleaning, packing = clean_policy(settings), pack_policy(settings)
        described = describe(listed.clusters, encoder, cleaning, packing)
        prepared = prepare(past, encoder, cleaning, packing, tell)
        err.print("[dim]·[/] clustering, naming, calibrating", highlight=False)
        now_ms = time.time_ns() // 1_000_000
        confidence, ways = confidence_policy(settings), ways_of(settings)
        articles = encoded(base, settings, lambda: encoder)
        first = fit(prepared, encoder, listed.owners, now_ms, confidence, ways, described, articles)
        err.print("[dim]·[/] publishing", highlight=False)
        publish_articles(given, settings, options)
        if shadow:
            name = publish_candidate(first.generation, settings, options)
        else:
            name = publish(prepared, first, settings, options, tell)
    report = {
        "generation": name,
        "role": "shadow" if shadow else "live",
        "encoder": encoder.fingerprint,
        "tickets": len(prepared.tickets),
        "bad_rows": len(bad),
        "refused": prepared.refused,
        "clusters": first.report.clusters,
        "described": len(first.generation.clusters) - first.report.clusters,
        "articles": len(articles.ids),
        "exemplars": first.report.exemplars,
        "owners": [asdict(team) for team in first.generation.owners],
        "owners_without_sla": list(first.report.unlisted_owners),
        "fallbacks": [[whose, str(why)] for whose, why in first.report.fallbacks],
        "thresholds": asdict(first.generation.thresholds),
    }
    if as_json:
        print_json(report)
    else:
        _print(report, bad)


def read_history(
    file: Path, owner: str | None, problem: str | None, maps: list[str], max_bytes: int
) -> "tuple[list[PastTicket], list[BadRow]]":
    """Tickets and bad rows of the file; a row without a time counts as made now."""
    from app.bootstrap import PastTicket

    for pair in maps:
        if "=" not in pair:
            raise Fatal(f"--map {pair}: a field and a column are needed, e.g. --map title=Subject")
    said = dict(pair.partition("=")[::2] for pair in maps)
    if owner is not None:
        said["assigned_team"] = owner
    columns = read_columns(file)
    if problem is not None and problem not in columns:
        raise Fatal(f"{file.name}: no column {problem}; its columns are: {', '.join(columns)}")
    now = datetime.now(UTC)
    mapping = mapping_of(columns, said, {}, now=now)
    limits = Limits(max_bytes=max_bytes)
    past: list[PastTicket] = []
    bad: list[BadRow] = []
    for row in read_rows(file):
        found = row if isinstance(row, BadRow) else ticket_row(row, mapping, file.name, limits)
        if isinstance(found, BadRow):
            bad.append(found)
            continue
        named = row.values.get(problem) if isinstance(row, Row) and problem else None
        label = "" if named is None else str(named).strip()
        event = decode_ticket(found.value, limits)
        # Rows without a time have that of now, to the millisecond.
        dated = epoch_ms_of(event.created_at) < math.floor(now.timestamp() * 1000)
        past.append(PastTicket(event, label or None, dated))
    if not past:
        raise Fatal(
            f"{file.name}: no ticket could be read"
            + (f"; line {bad[0].line}: {bad[0].reason}" if bad else "")
        )
    return past, bad


def _print(report: dict[str, Any], bad: list[BadRow]) -> None:
    what = "candidate" if report["role"] == "shadow" else "generation"
    out.print(
        f"{what} {report['generation']}: {report['clusters']} clusters of {len(report['owners'])} owners from"
        f" {report['tickets']} tickets",
        highlight=False,
    )
    for name in report["owners_without_sla"]:
        out.print(f"  {name}: not in the teams file; 480 minutes are promised", highlight=False, markup=False)
    for whose, why in report["fallbacks"]:
        out.print(f"  {whose or 'all tickets'}: {why}", highlight=False, markup=False)
    for reason, count in report["refused"].items():
        out.print(f"  {count} tickets left out: {reason}", highlight=False)
    for row in bad[:_SHOWN]:
        out.print(f"  line {row.line}: {row.reason}", highlight=False, markup=False)
    if len(bad) > _SHOWN:
        out.print(f"  … and {len(bad) - _SHOWN} more bad rows", highlight=False)


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(bootstrap)
