"""How `sluice evaluate duplicates` shows its report to people: our figures above those of the peers."""

from typing import Any

from rich.table import Table

from app.cli.console import out


def print_duplicates(report: dict[str, Any]) -> None:
    """Print one row for Sluice and one for each peer, then what they were measured on."""
    table = Table("", "average precision", "AUROC", "missed share", "false share")
    table.add_row("Sluice", *_row(report), f"{report['false_share']:.4f}", style="bold")
    names = {"cosine": "cosine of the vectors", "tfidf": "TF-IDF of words"}
    for name, found in report["peers"].items():
        table.add_row(names[name], *_row(found), f"{report['false_share']:.4f}")
    out.print(table)
    out.print(
        f"  {report['duplicates']:,} duplicates among {report['n']:,} pairs; threshold {report['threshold']:g};"
        f" the peers' thresholds are set to the same false share, on these pairs",
        highlight=False,
    )


def _row(found: dict[str, Any]) -> tuple[str, str, str]:
    return f"{found['average_precision']:.3f}", f"{found['auroc']:.3f}", f"{found['missed_share']:.3f}"
