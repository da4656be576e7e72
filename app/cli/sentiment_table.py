"""How the figures of `sluice evaluate sentiment` are shown to a person."""

from typing import Any

from rich.table import Table

from app.cli.console import out


def print_sentiment(report: dict[str, Any]) -> None:
    """A line for all texts, and one for each language."""
    table = Table("texts", "n", "upset", "AUROC", "F1", "precision", "recall", "calm called upset")
    parts = report.get("by_language", {})
    for name, found in {"all": report, **(parts if len(parts) > 1 else {})}.items():
        figures = ("auroc", "f1", "precision", "recall", "called_upset")
        table.add_row(
            name, f"{found['n']:,}", f"{found['upset']:,}", *(_shown(found[one]) for one in figures)
        )
    out.print(table)
    limits = ", ".join(f"{band} from {limit:g}" for band, limit in report["bands"].items())
    out.print(f"bands: {limits}", highlight=False)
    for reason, count in report["refused"].items():
        out.print(f"refused, {reason}: {count:,}", highlight=False)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
