"""`sluice evaluate surge`: what would have been paged, on one's own history of counts."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.console import Json, err, print_json, progress
from app.files.lines import BadRow
from app.settings import load_settings
from models.errors import Fatal

_HOUR_S, _DAY_S = 3600, 86_400


class Bucket(StrEnum):
    FINE = "5m"
    HOUR = "1h"


class RuleName(StrEnum):
    MODEL = "model"
    RATIO = "ratio"


def surge(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES",
            help="CSV, TSV or JSON Lines, also .gz: rows of time, series and count, or one row an event.",
            show_default=False,
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="JSON of what happened: by series, a list of pairs of start and end; else nothing is scored."
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of times; else ts, created_at or another usual name.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="Column of series, e.g. category; else series, cluster or cluster_id.")
    ] = None,
    count: Annotated[
        str | None, typer.Option(help="Column of counts; else count. Without one each row is one event.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Zone of times that have no offset.")] = "UTC",
    bucket: Annotated[
        Bucket | None,
        typer.Option(help="Length of a bucket; else 5m as a worker has, and 1h where a series is coarser."),
    ] = None,
    false_pages: Annotated[
        float | None,
        typer.Option(
            "--false-pages-per-week", min=0.01, max=1000, help="Else SLUICE_SURGE_FALSE_PAGES_PER_WEEK."
        ),
    ] = None,
    rule: Annotated[RuleName | None, typer.Option(help="Else SLUICE_SURGE_RULE.")] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Judge each series as if it were the only one; else all together.")
    ] = False,
    merge_h: Annotated[
        float,
        typer.Option("--merge-hours", min=0, max=168, help="Alerts with no longer gap are one episode."),
    ] = 6.0,
    early_h: Annotated[
        float, typer.Option("--early-hours", min=0, max=168, help="How long before its window one may begin.")
    ] = 0.0,
    warm_up: Annotated[
        float, typer.Option("--warm-up-days", min=0, max=365, help="Of each series, not scored.")
    ] = 2.0,
    peers: Annotated[
        bool, typer.Option("--peers", help="Simple detectors and other settings beside; needs --labels.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw it there.")] = None,
    panels: Annotated[
        int, typer.Option(min=1, max=50, help="Series to draw, those with most to see first.")
    ] = 12,
    as_json: Json = False,
) -> None:
    """Walk through a history of counts as a worker does, and say what it would have paged.

    With --labels it is scored: a window is detected where an episode of alerts begins in it, recall is the share of
    windows detected, precision that of episodes that detect one, and the delay the median from a window's start.

    Example: sluice evaluate surge tickets.csv --time created_at --series category --plot last-month.png
    """
    from app.cli.surge_table import print_surge
    from app.evaluate.surge_backtest import Asked, run_backtest
    from app.evaluate.surge_compared import surge_compared
    from app.evaluate.surge_plot import check_path, draw
    from app.evaluate.surge_report import surge_report
    from app.evaluate.surge_scores import Matching
    from app.files.series import SeriesColumns, read_history, read_windows
    from app.policies import detect_policy
    from app.scratch import Told

    if plot is not None:
        check_path(plot)
    if peers and labels is None:
        raise Fatal("peers are compared by what people say happened; give --labels")
    settings = load_settings(
        surge_false_pages_per_week=false_pages, surge_rule=None if rule is None else rule.value
    )
    bad: list[BadRow] = []
    history = read_history(file, SeriesColumns(time, series, count, timezone), bad.append)
    if bad:
        _step(f"{len(bad)} rows left out, the first at line {bad[0].line}: {bad[0].reason}")
    windows = None if labels is None else read_windows(labels, timezone)
    if unknown := set(windows or ()) - {one.name for one in history.series}:
        _step(f"labels of {len(unknown)} series left out: the file does not hold them")
    asked = Asked(
        detect=detect_policy(settings),
        bucket_s=None if bucket is None else {Bucket.FINE: 300, Bucket.HOUR: _HOUR_S}[bucket],
        matching=Matching(round(merge_h * _HOUR_S), round(early_h * _HOUR_S)),
        warm_up_s=round(warm_up * _DAY_S),
        alone=alone,
        with_expected=plot is not None,
    )
    with progress() as tell:
        told = Told(_step, tell)
        found = run_backtest(history, windows, asked, told)
        report = {**surge_report(found), "bad_rows": len(bad)}
        if peers:
            report |= surge_compared(found, told)
    if plot is not None:
        draw(found, plot, panels)
        _step(f"drawn: {plot}")
    if as_json:
        print_json(report)
    else:
        print_surge(report)


def add_to(evaluate: typer.Typer) -> None:
    """Put the command into its group."""
    evaluate.command()(surge)


def _step(line: str) -> None:
    err.print(f"[dim]·[/] {escape(line)}", highlight=False)
