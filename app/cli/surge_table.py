"""How `sluice evaluate surge` shows its report to people: figures, curves, settings, and each series or page."""

from datetime import datetime
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from app.cli.console import out
from app.evaluate.surge_peers import FALSE_A_DAY, RECALLS

_SHOWN = 40
_NAMES = {
    "sluice": "Sluice",
    "sluice_alone": "Sluice, alone",
    "ratio": "ratio",
    "hour_of_day": "hour of day",
    "gaussian": "Gaussian",
}


def print_surge(report: dict[str, Any]) -> None:
    """Print what would have been paged and, with labels, how right that was."""
    if report["windows"] is None:
        _print_pages(report)
    else:
        _print_scores(report)
        _print_series(report)
    if "curves" in report:
        _print_curves(report)
        _print_sensitivity(report)
    said = report["settings"]
    rule = "rule ratio" if said["rule"] == "ratio" else f"{said['false_pages_per_week']:g} false pages a week"
    out.print(
        f"{report['pages']} pages, {report['pages_per_week']:.1f} a week, on {report['series']} series,"
        f" {report['series_days']:,.0f} series-days, evaluated every {said['bucket_s'] // 60} minutes; {rule}",
        highlight=False,
    )


def _print_scores(report: dict[str, Any]) -> None:
    names = ("recall", "precision", "F1", "delay", "false alarms a series-day", "false time")
    table = Table(*names)
    table.add_row(*_figures(report, "f1"))
    out.print(table)
    out.print(
        f"{report['detected']} of {report['windows']} windows detected, {report['false_alarms']} of"
        f" {report['episodes']} episodes detect none",
        highlight=False,
    )


def _print_series(report: dict[str, Any]) -> None:
    table = Table(Column("series", overflow="fold"), "windows", "detected", "episodes", "false")
    for one in report["per_series"][:_SHOWN]:
        counts = (one["windows"], one["detected"], one["episodes"], one["false_alarms"])
        table.add_row(Text(one["series"]), *map(str, counts))
    out.print(table)
    _print_left_out(len(report["per_series"]), "series")


def _print_pages(report: dict[str, Any]) -> None:
    series = Column("series", overflow="fold")
    table = Table(Column("paged at", no_wrap=True), "for", series, "observed", "expected", "within", "q")
    for one in report["alerts"][:_SHOWN]:
        table.add_row(
            one["start"][:16].replace("T", " "),
            _duration(_seconds(one["start"], one["end"])),
            Text(one["series"]),
            f"{one['observed']:,}",
            f"{one['expected']:,.1f}",
            _duration(one["window_s"]),
            f"{one['q']:.1g}",
        )
    out.print(table)
    _print_left_out(len(report["alerts"]), "pages")


def _print_curves(report: dict[str, Any]) -> None:
    recalls = [f"recall at {most:.2f}" for most in FALSE_A_DAY]
    title = "recall at false alarms a series-day, and the other way round"
    table = Table("", *recalls, *(f"false at {least:g}" for least in RECALLS), title=title)
    for name, found in report["curves"].items():
        figures = [*found["recall_at"].values(), *found["false_alarms_at"].values()]
        table.add_row(_NAMES[name], *map(_number, figures), style="bold" if name == "sluice" else None)
    out.print(table)


def _print_sensitivity(report: dict[str, Any]) -> None:
    names = ("recall", "precision", "delay", "false a day", "false time", "pages a week")
    table = Table("false pages a week", *names, title="set otherwise")
    for one in report["sensitivity"]:
        pages = one["false_pages_per_week"]
        label = "rule ratio" if pages is None else f"{pages:g}"
        table.add_row(label, *_figures(one, None), f"{one['pages_per_week']:.1f}")
    out.print(table)


def _figures(found: dict[str, Any], f1: str | None) -> list[str]:
    middle = [] if f1 is None else [_number(found[f1])]
    delay = "-" if found["delay_s"] is None else _duration(found["delay_s"])
    return [
        _number(found["recall"]),
        _number(found["precision"]),
        *middle,
        delay,
        f"{found['false_alarms_per_series_day']:.4f}",
        f"{found['false_time_share']:.2%}",
    ]


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _print_left_out(there: int, what: str) -> None:
    if there > _SHOWN:
        out.print(f"  and {there - _SHOWN:,} more {what}; --json has them all", highlight=False)
