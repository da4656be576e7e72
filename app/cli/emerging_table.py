"""How the figures of `sluice evaluate emerging` are shown to a person."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from app.cli.console import out


def print_emerging(report: dict[str, Any]) -> None:
    """One line of figures, and one for each new problem."""
    table = Table(
        "days", "announced", "with ticket (median)", "before the 8th", "false a day", "of no problem"
    )
    table.add_row(
        f"{report['days']}",
        f"{report['announced']}",
        f"{report['median_ticket']:g}",
        f"{report['before_8th']:.0%}",
        f"{report['false_a_day']:.2f}",
        f"{report['outside_a_day']:.2f}",
    )
    out.print(table)
    each = Table("new problem", "announced with ticket", "false that day")
    for one in report["labels"]:
        each.add_row(
            escape(one["label"]), "never" if one["at"] is None else f"{one['at']}", f"{one['false']}"
        )
    out.print(each)
    about = f"{report['tickets_a_day']:,} tickets and {report['planted']} of the new problem a day"
    out.print(f"{about}, encoder {report['encoder']}", highlight=False)
