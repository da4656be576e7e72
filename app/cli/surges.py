"""`sluice surges`: what spreads now, all that is known of it, and people's word on it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from agents.surge_wording import chance_of, counted, minute
from app.cli import surges_word
from app.cli.console import Bootstrap, Json, out, print_json
from app.connect import logged_in
from app.settings import load_settings
from models.errors import Fatal
from schemas.surge import Chart, Surge, SurgeStatus

app = typer.Typer(
    help="What spreads now, and people's word on it: somebody looks at it, or nothing is to be told of it.",
    no_args_is_help=True,
)
surges_word.add_to(app)

_BARS = " ▁▂▃▄▅▆▇█"
_ANY = "A surge, or a cluster that is in one."


@app.command("list")
def list_them(
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Also what is resolved, as long as the topic holds it.")
    ] = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """What spreads now, the latest news first.

    Example: sluice surges list --json
    """
    surges = [one for one in _read(bootstrap) if all_of_them or one.status is SurgeStatus.FIRING]
    if as_json:
        print_json({"surges": [one.model_dump(mode="json") for one in surges]})
        return
    now = datetime.now(UTC)
    if not surges:
        out.print("nothing spreads" if not all_of_them else "nothing has spread", highlight=False)
        return
    table = Table("surge", "problem", "tickets", "usual", "customers", "owner", "since", "is")
    for one in surges:
        table.add_row(*row_of(one, now))
    out.print(table)


def row_of(one: Surge, now: datetime) -> list[Text]:
    """A surge as a row of the list. Names are people's words: what stands in brackets is no markup."""
    cells = (
        one.surge_id,
        one.cluster.name + (f" and {len(one.members) - 1} more" if len(one.members) > 1 else ""),
        f"{one.observed:,}",
        f"{one.expected:,.1f}",
        f"{one.customers_affected:,}",
        one.owner or "nobody",
        minute(one.started_at),
        state_of(one, now),
    )
    return [Text(cell) for cell in cells]


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help=_ANY, show_default=False)],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """All that is known of a surge: its clusters, how many tickets where how many are expected, and what they say.

    Example: sluice surges show s-1f2e3d4c5b6a
    """
    from app.surges import surge_named

    surge = surge_named(name, _read(bootstrap))
    if surge is None:
        raise Fatal(f"no surge {name}, and no surge of such a cluster: sluice surges list --all")
    if as_json:
        print_json(surge.model_dump(mode="json"))
        return
    for line in lines_of(surge, datetime.now(UTC)):
        out.print(line, highlight=False, markup=False)


def _read(bootstrap: str | None) -> list[Surge]:
    from app.surges import read_surges

    settings = load_settings(bootstrap=bootstrap)
    return read_surges(settings, logged_in(settings))


def state_of(surge: Surge, now: datetime) -> str:
    """What it is by now, in a few words."""
    if surge.status is SurgeStatus.RESOLVED:
        if surge.merged_into is not None:
            return f"part of {surge.merged_into}"
        return surge.verdict.value if surge.verdict is not None else "resolved"
    until = (("silenced", surge.silenced_until), ("acknowledged", surge.acknowledged_until))
    said = [f"{word} until {minute(at)}" for word, at in until if at is not None and at > now]
    return said[0] if said else surge.kind.value


def lines_of(surge: Surge, now: datetime) -> Iterator[str]:
    """What is shown to a person."""
    yield f"{surge.surge_id}  {surge.cluster.name}  ({state_of(surge, now)})"
    yield (
        "owner       "
        + (surge.owner or "nobody")
        + (f", within {surge.sla_minutes} minutes" if surge.sla_minutes is not None else "")
    )
    yield f"since       {minute(surge.started_at)}"
    if surge.resolved_at is not None:
        yield f"until       {minute(surge.resolved_at)}"
    told = f", {surge.notice.value}" if surge.notice is not None else ""
    yield f"last told   {minute(surge.updated_at)}{told}"
    yield f"how many    {counted(surge)}"
    chance = chance_of(surge.q_value)
    if chance is not None:
        yield f"by chance   {chance}"
    yield f"customers   {surge.customers_affected:,}"
    if surge.product is not None:
        yield f"product     {surge.product}"
    if surge.runbook is not None:
        yield f"runbook     {surge.runbook}"
    yield from _list("clusters", [f"{one.id}  {one.name}" for one in surge.members or [surge.cluster]])
    yield from _list("they write", [" ".join(text.split()) for text in surge.descriptions])
    if surge.chart is not None:
        yield from _list("tickets an hour, by day (UTC)", list(days_of(surge.chart)))


def days_of(chart: Chart) -> Iterator[str]:
    """The chart as a line a day, a character an hour; the highest bar is the largest count of all."""
    if not chart.hours:
        return
    most = max(chart.hours)
    bars = " " * chart.start.hour + "".join(bar_of(count, most) for count in chart.hours)
    counts = [0] * chart.start.hour + chart.hours
    for number in range(0, len(bars), 24):
        day = chart.start.date() + timedelta(days=number // 24)
        yield f"{day}  {bars[number : number + 24]:24}  {sum(counts[number : number + 24]):,}"


def bar_of(count: int, most: int) -> str:
    """A bar that is seen wherever there was a ticket."""
    if not count:
        return "·"
    return _BARS[max(1, round(count / most * (len(_BARS) - 1)))]


def _list(title: str, lines: Sequence[Any]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {line}" for line in lines)
