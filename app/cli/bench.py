"""`sluice bench`: Sluice measured against its peers in the same run."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from app.cli.console import Bootstrap, Json, err, fail, out, print_json, progress
from app.logs import set_up_logs
from app.settings import load_settings
from models.errors import Fatal

app = typer.Typer(help="Measured against peers in the same run, printed as ratios.", no_args_is_help=True)


@app.command()
def worker(
    tickets: Annotated[
        int, typer.Option(min=2_000, help="Given to each contender; plain Faust gets three tenths.")
    ] = 60_000,
    seconds: Annotated[float, typer.Option(min=1, help="How long each latency is measured.")] = 20.0,
    folder: Annotated[Path, typer.Option("--out", help="Where the contenders' logs go.")] = Path("out/bench"),
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Tickets a second through the wire and the whole path, beside bare confluent-kafka and plain Faust; latency.

    Example: sluice bench worker --json
    """
    from app.bench.worker import bench_worker
    from app.scratch import Told, some_broker

    settings = load_settings(bootstrap=bootstrap)
    folder.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        with some_broker(settings, told.step) as address:
            report = bench_worker(settings, address, tickets, seconds, folder, told)
    if as_json:
        print_json(report)
    else:
        _print(report)


@app.command()
def recluster(
    files: Annotated[
        list[Path],
        typer.Argument(help="CSV, TSV or JSON Lines, also .gz; several are one history.", show_default=False),
    ],
    text: Annotated[str, typer.Option(help="Text column; several joined by +, e.g. title+body.")] = "text",
    label: Annotated[str, typer.Option(help="Column of the problem that people named.")] = "label",
    split: Annotated[str | None, typer.Option(help="Take only rows whose column split says so.")] = None,
    outside: Annotated[str, typer.Option("--oos-label", help="Label of rows that are left out.")] = "oos",
    against: Annotated[
        Literal["bertopic"] | None,
        typer.Option(help="Measure it on the same vectors; needs the group bench."),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=1_000, help="Tickets that the growth is measured at; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the problems in a file twice, in processes of their own: scores, seconds cold and warm, and memory.

    Vectors are made beforehand and given to all. For --size they are those of the texts with noise added.

    Example: sluice bench recluster tickets.csv --label category --against bertopic --size 10000 --size 100000 --json
    """
    from app.bench.recluster import bench_recluster
    from app.evaluate.clusters import rows_to_cluster
    from app.scratch import Told

    rows = rows_to_cluster(files, text, label, split, outside, lambda _: None)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        report = bench_recluster(rows, load_settings(), against is not None, sorted(set(sizes or ())), told)
    if as_json:
        print_json(report)
    else:
        _print_recluster(report)


@app.command()
def restore(
    tickets: Annotated[int, typer.Option(min=1, help="Whose state there is.")] = 100_000,
    folder: Annotated[Path, typer.Option("--out", help="Where the worker's log goes.")] = Path("out/bench"),
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Seconds until a worker that gains every partition knows all tickets again and is ready.

    Exit code 1 if it then knows others than were written.

    Example: sluice bench restore --tickets 100000 --json
    """
    from app.bench.restore import bench_restore
    from app.scratch import Told, some_broker

    settings = load_settings(bootstrap=bootstrap)
    folder.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        with some_broker(settings, told.step) as address:
            report = bench_restore(settings, address, tickets, folder, told)
    if as_json:
        print_json(report)
    else:
        _print_restore(report)
    for name, wanted in report["written"].items():
        if report[name] != wanted:
            fail(Fatal(f"the worker's {name} are {report[name]:,} and not the {wanted:,} that were written"))


@app.command()
def swap(
    tickets: Annotated[int, typer.Option(min=500, help="Whose state is reclustered.")] = 20_000,
    rate: Annotated[float, typer.Option(min=1, help="Tickets a second.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long each quiet turn is.")] = 30.0,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each kind.")] = 3,
    folder: Annotated[Path, typer.Option("--out", help="Where the worker's log goes.")] = Path("out/bench"),
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Milliseconds from a ticket to its decision, quiet and beside a reclustering, and at the swap of generations.

    Example: sluice bench swap --tickets 20000 --rate 50 --json
    """
    from app.bench.swap import bench_swap
    from app.scratch import Told, some_broker

    settings = load_settings(bootstrap=bootstrap)
    folder.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        with some_broker(settings, told.step) as address:
            report = bench_swap(settings, address, tickets, rate, seconds, rounds, folder, told)
    if as_json:
        print_json(report)
    else:
        _print_swap(report)


@app.command()
def explain(
    tickets: Annotated[int, typer.Option(min=1, help="Decided on in each turn.")] = 2_048,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the decisions that are explained.")] = 0.05,
    turns: Annotated[int, typer.Option(min=1, help="Each with and without explanations.")] = 7,
    as_json: Json = False,
) -> None:
    """Decisions a second with none and with a share of them explained, by the embedded encoder; no Kafka.

    Example: sluice bench explain --share 0.05 --json
    """
    from app.bench.explain import bench_explain
    from app.scratch import Told

    settings = load_settings()
    set_up_logs("error", settings.log_format)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        report = bench_explain(settings, tickets, share, turns, told)
    if as_json:
        print_json(report)
        return
    rates, cpu = report["decisions_per_s"], report["cpu_us_per_decision"]
    table = Table("explained", "decisions/s", "processor, µs a decision")
    table.add_row("none", f"{rates['share_0']:,}", f"{cpu['share_0']:,}")
    of_all = f"{report['explained']:,} of {report['decisions']:,}"
    table.add_row(of_all, f"{rates['explained']:,}", f"{cpu['explained']:,}")
    table.add_row("ratio", f"{report['throughput_ratio']:.3f}", f"{report['cpu_ratio']:.3f}")
    out.print(table)
    out.print(f"in the step that makes heat maps: {report['step_share']:.1%} of the time", highlight=False)


def _print_restore(report: dict[str, Any]) -> None:
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


def _print_swap(report: dict[str, Any]) -> None:
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


def _print(report: dict[str, Any]) -> None:
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


def _print_recluster(report: dict[str, Any]) -> None:
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
