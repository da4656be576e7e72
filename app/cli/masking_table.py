"""How `sluice evaluate masking` shows its report to people: figures by type, and where something leaked, never what."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from app.cli.console import out


def print_masking(report: dict[str, Any]) -> None:
    """Print one row a labelled type, claimed ones first, then the totals over those."""
    table = Table("type", "n", "recall", "leak share", "found as")
    types = sorted(report["by_type"].items(), key=lambda item: not item[1]["claimed"])
    for name, found in types:
        kinds = ", ".join(report["claims"].get(name, ())) or "not claimed"
        shares = (_share(found["recall"]), _share(found["leak_share"]))
        table.add_row(escape(name), f"{found['n']:,}", *shares, kinds)
    totals = (_share(report["recall"]), _share(report["leak_share"]))
    table.add_row("claimed types", f"{report['values']:,}", *totals, "", style="bold")
    out.print(table)
    out.print(
        f"  {report['masks']:,} pieces masked in {report['texts']:,} texts; precision {_share(report['precision'])},"
        f" {report['masks_on_other_types']:,} on other labelled types; {report['us_per_text']:g} µs a text",
        highlight=False,
    )
    for miss in report["misses"]:
        place = f"line {miss['line']}, characters {miss['start']} to {miss['end']}"
        out.print(f"  {miss['type']}: {miss['id']}, {place}", highlight=False, markup=False)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
