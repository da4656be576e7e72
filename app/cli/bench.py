"""`sluice bench`: Sluice measured against its peers in the same run."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from app.cli.bench_tables import print_recluster, print_restore, print_swap, print_worker
from app.cli.console import Bootstrap, Json, err, fail, out, print_json, progress
from app.cli.labelled import Files, Outside, ProblemColumn, Split, TextColumn
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
        print_worker(report)


@app.command()
def recluster(
    files: Files,
    text: TextColumn = "text",
    label: ProblemColumn = "label",
    split: Split = None,
    outside: Outside = "oos",
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
        print_recluster(report)


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
        print_restore(report)
    for name, wanted in report["written"].items():
        if report[name] != wanted:
            fail(Fatal(f"the worker's {name} are {report[name]:,} and not the {wanted:,} that were written"))


@app.command()
def swap(
    tickets: Annotated[int, typer.Option(min=500, help="Whose state is reclustered.")] = 20_000,
    rate: Annotated[float, typer.Option(min=1, help="Tickets a second.")] = 50.0,
    turn_s: Annotated[
        float, typer.Option("--turn", min=1, help="Seconds that it runs, and then stands still, and so on.")
    ] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="Reclusterings, one after the other.")] = 2,
    folder: Annotated[Path, typer.Option("--out", help="Where the worker's log goes.")] = Path("out/bench"),
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Milliseconds from a ticket to its decision, with and without a reclustering beside it, and at swaps.

    Example: sluice bench swap --tickets 20000 --rate 50 --json
    """
    from app.bench.swap import bench_swap
    from app.scratch import Told, some_broker

    settings = load_settings(bootstrap=bootstrap)
    folder.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        with some_broker(settings, told.step) as address:
            report = bench_swap(settings, address, tickets, rate, turn_s, rounds, folder, told)
    if as_json:
        print_json(report)
    else:
        print_swap(report)


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
