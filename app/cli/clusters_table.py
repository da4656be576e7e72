"""How the figures of `sluice evaluate clusters` are shown to a person."""

from typing import Any

from rich.table import Table

from app.cli.console import out


def print_clusters(report: dict[str, Any]) -> None:
    """One line of figures, and what they were taken on."""
    table = Table("texts", "labels", "clusters", "coverage", "purity", "NMI", "ARI", "seconds", "peak MiB")
    table.add_row(
        *(f"{report[name]:,}" for name in ("n", "labels", "clusters")),
        *(f"{report[name]:.3f}" for name in ("coverage", "purity", "nmi", "ari")),
        f"{report['seconds']:.1f}",
        f"{report['peak_rss_mib']:,}",
    )
    out.print(table)
    out.print(f"clusterer {report['clusterer']}, encoder {report['encoder']}", highlight=False)
    for why in report["fallbacks"]:
        out.print(f"its answer was {why}: k-means took its place", highlight=False)
    for reason, count in report["refused"].items():
        out.print(f"refused, {reason}: {count:,}", highlight=False)
