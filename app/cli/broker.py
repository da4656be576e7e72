"""`sluice broker`: a local Apache Kafka for development, that lives on when the command ends."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.broker import LocalCluster
from app.broker.lock import locked
from app.cli.console import Json, err, out, print_json
from app.settings import load_settings
from models.errors import Fatal

app = typer.Typer(
    help="A local Apache Kafka for development (no Docker; needs Java 17).", no_args_is_help=True
)

Nodes = Annotated[int, typer.Option("--nodes", min=1, max=5, help="Servers; 3 survive the death of one.")]
Port = Annotated[
    int | None, typer.Option("--port", min=1024, max=65535, help="Port of the first; else a free one.")
]


@app.command()
def start(nodes: Nodes = 1, port: Port = None, as_json: Json = False) -> None:
    """Start it, and leave it running; one that runs already is left alone, one that died gets its data back.

    Example: sluice broker start --port 9092
    """
    data_dir = load_settings().data_dir
    began = time.monotonic()
    with locked(data_dir):
        found = LocalCluster.attached(_root(data_dir), cache_dir=data_dir)
        if found and len(found.record.nodes) != nodes:
            running = len(found.record.nodes)
            raise Fatal(f"a local broker with {running} nodes stands already: `sluice broker stop` first")
        if found and port not in (None, found.record.nodes[0].port):
            raise Fatal(f"the local broker stands at {found.bootstrap}: `sluice broker stop` first")
        dead = [node.number for node in found.record.nodes if not node.is_alive] if found else []
        cluster = found or LocalCluster(_root(data_dir), nodes, cache_dir=data_dir, port=port)
        with err.status("Starting Apache Kafka …"):
            if found is None:
                cluster.start(lambda line: err.print(line, highlight=False))
            elif dead:
                cluster.restart(*dead)
    _report(
        cluster, as_json, "is running" if found and not dead else f"ready in {time.monotonic() - began:.1f} s"
    )


@app.command()
def stop(as_json: Json = False) -> None:
    """Stop it and remove its topics and data; nothing is left. Harmless where none runs.

    Example: sluice broker stop
    """
    data_dir = load_settings().data_dir
    with locked(data_dir):
        cluster = LocalCluster.attached(_root(data_dir), cache_dir=data_dir)
        if cluster:
            cluster.stop()
    if as_json:
        print_json({"stopped": cluster is not None})
    else:
        out.print("Kafka stopped, its data removed." if cluster else "No local broker was started.")


@app.command()
def status(as_json: Json = False) -> None:
    """Say whether it runs and where; exit code 1 where it, or one of its nodes, does not.

    Example: sluice broker status --json
    """
    data_dir = load_settings().data_dir
    cluster = LocalCluster.attached(_root(data_dir), cache_dir=data_dir)
    if cluster is None:
        if as_json:
            print_json({"state": "stopped"})
        else:
            out.print("No local broker was started.")
        raise typer.Exit(1)
    dead = [str(node.number) for node in cluster.record.nodes if not node.is_alive]
    _report(
        cluster,
        as_json,
        f"is dead: node {', '.join(dead)}; `sluice broker start` revives it" if dead else "is running",
    )
    if dead:
        raise typer.Exit(1)


def _root(data_dir: Path) -> Path:
    return data_dir / "broker"


def _report(cluster: LocalCluster, as_json: bool, state: str) -> None:
    nodes = cluster.record.nodes
    if as_json:
        print_json(
            {
                "state": "running" if all(node.is_alive for node in nodes) else "dead",
                "bootstrap": cluster.bootstrap,
                "nodes": [
                    {
                        "number": node.number,
                        "address": node.address,
                        "pid": node.process.pid if node.process else None,
                        "alive": node.is_alive,
                        "log": str(cluster.log_file(node.number)),
                    }
                    for node in nodes
                ],
            }
        )
        return
    out.print(f"Kafka {state}", highlight=False)
    out.print(f"  bootstrap  [bold]{cluster.bootstrap}[/]", highlight=False)
    for node in nodes:
        out.print(
            f"  log        {cluster.log_file(node.number)}", highlight=False, markup=False, soft_wrap=True
        )
