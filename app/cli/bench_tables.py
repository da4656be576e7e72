"""What `sluice bench` measured, as tables for people."""

from typing import Any

from rich.table import Table

from app.cli.console import out


def print_restore(report: dict[str, Any]) -> None:
    table = Table("restore", "")
    table.add_row("tickets", f"{report['tickets']:,}")
    table.add_row("state", f"{report['state_mib']:,} MiB")
    table.add_row("start to ready", f"{report['seconds_to_ready']:g} s")
    table.add_row("of it, solved tickets", f"{report['catch_up_seconds']:g} s")
    table.add_row("of it, own tickets", f"{report['restore_seconds']:g} s")
    for name, wanted in report["written"].items():
        table.add_row(name.replace("_", " "), f"{report[name]:,} of {wanted:,}")
    table.add_row("resident memory", f"{report['rss_mib']:,} MiB")
    out.print(table)


def print_swap(report: dict[str, Any]) -> None:
    table = Table(f"{report['rate']:g} tickets/s", "tickets", "p50, ms", "p99, ms", "longest, ms")
    for name in ("quiet", "reclustering"):
        found = report[name]
        columns = (f"{found[key]:,}" for key in ("tickets", "p50_ms", "p99_ms", "longest_ms"))
        table.add_row(name, *columns)
    table.add_row("ratio", "", f"{report['p50_ratio']:.2f}", f"{report['p99_ratio']:.2f}", "")
    out.print(table)
    taken = ", ".join(f"{one:g}" for one in report["recluster_seconds"]["beside"])
    out.print(
        f"{report['swaps']} swaps, the longest ticket at one {report['longest_at_a_swap_ms']:g} ms;"
        f" of {report['batches']:,} batches none waited for one longer than {report['none_waited_over_ms']:g} ms",
        highlight=False,
    )
    out.print(
        f"{report['tickets']:,} tickets reclustered in {taken} s; {report['cores']} cores, load {report['load'][0]:g}",
        highlight=False,
    )


def print_worker(report: dict[str, Any]) -> None:
    rates = report["tickets_per_s"]
    table = Table("one core", "tickets/s", "to Faust", "to confluent-kafka")
    for name, text in (
        ("faust", "plain Faust, async for"),
        ("confluent", "bare confluent-kafka, transactions"),
        ("wire", "the wire alone"),
        ("path", "the whole path, no-op encoder"),
    ):
        ratios = (f"{rates[name] / rates[peer]:.2f}" for peer in ("faust", "confluent"))
        table.add_row(text, f"{rates[name]:,}", *ratios)
    out.print(table)
    steps = "  ".join(f"{step} {cost:g}" for step, cost in report["path_us_per_ticket"].items())
    out.print(f"whole path, µs a ticket: {steps}", highlight=False)
    for name in ("latency_25", "latency_250", "latency_half"):
        found = report[name]
        out.print(
            f"{found['rate']:g}/s: p50 {found['p50_ms']:g} ms, p99 {found['p99_ms']:g} ms", highlight=False
        )


def print_recluster(report: dict[str, Any]) -> None:
    names = ("clusters", "coverage", "purity", "nmi", "ari", "cold_seconds", "warm_seconds", "peak_rss_mib")
    table = Table(f"{report['n']:,} texts", *names)
    for name in ("graph", "hdbscan", "bertopic"):
        if name in report:
            table.add_row(name, *(f"{report[name][key]:,}" for key in names))
    if "bertopic" in report:
        reduced = report["bertopic"]["reduce_outliers"]
        table.add_row("  outliers reduced", *(f"{reduced[key]:,}" for key in names[:5]), "", "", "")
    out.print(table)
    for one in report.get("growth", ()):
        out.print(
            f"{one['n']:,} vectors: {one['seconds']:g} s, {one['peak_rss_mib']:,} MiB, {one['clusters']:,} clusters",
            highlight=False,
        )
    if report.get("growth_exponent") is not None:
        out.print(f"seconds grow with the power {report['growth_exponent']:g}", highlight=False)
