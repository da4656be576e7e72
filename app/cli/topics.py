"""`sluice topics`: makes every topic that Sluice needs, or says what differs on a cluster."""

from dataclasses import asdict
from typing import Annotated

import typer
from confluent_kafka.admin import AdminClient
from rich.table import Table

from agents import admin
from agents.topics import TopicNames, TopicSpec, topic_specs
from app.cli.console import Bootstrap, Json, out, print_json
from app.connect import logged_in
from app.settings import Settings, load_settings

app = typer.Typer(help="The topics and their settings.", no_args_is_help=True)

Partitions = Annotated[
    int | None,
    typer.Option("--partitions", min=1, max=1000, help="The most workers that can share the work."),
]
Replication = Annotated[
    int | None, typer.Option("--replication", min=1, max=9, help="Copies of every record; 3 in production.")
]
Prefix = Annotated[str | None, typer.Option("--prefix", help="Stands before every topic's name.")]


@app.command()
def create(
    bootstrap: Bootstrap = None,
    partitions: Partitions = None,
    replication: Replication = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Make the topics that are missing; those that exist are left as they are.

    Example: sluice topics create --bootstrap kafka:9092 --partitions 12 --replication 3
    """
    settings = _settings(bootstrap, partitions, replication, prefix)
    specs = _specs(settings)
    made = admin.create(_client(settings), specs)
    if as_json:
        print_json({"created": made, "present": [spec.name for spec in specs if spec.name not in made]})
        return
    for name in made:
        out.print(f"made  {name}", highlight=False)
    out.print(f"{len(made)} made, {len(specs) - len(made)} were there", highlight=False)


@app.command()
def check(
    bootstrap: Bootstrap = None,
    partitions: Partitions = None,
    replication: Replication = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Say what differs from what Sluice needs; exit code 1 where anything does.

    Example: sluice topics check --partitions 12 --replication 3
    """
    settings = _settings(bootstrap, partitions, replication, prefix)
    differences = admin.check(_client(settings), _specs(settings))
    if as_json:
        print_json({"differences": [asdict(difference) for difference in differences]})
    elif differences:
        table = Table("topic", "setting", "wanted", "found")
        for difference in differences:
            table.add_row(
                difference.topic, difference.setting, difference.wanted, difference.found or "missing"
            )
        out.print(table)
    else:
        out.print("All topics are as they should be.")
    if differences:
        raise typer.Exit(1)


def _settings(
    bootstrap: str | None, partitions: int | None, replication: int | None, prefix: str | None
) -> Settings:
    return load_settings(
        bootstrap=bootstrap, partitions=partitions, replication=replication, topic_prefix=prefix
    )


def _specs(settings: Settings) -> tuple[TopicSpec, ...]:
    return topic_specs(TopicNames(settings.topic_prefix), settings.partitions, settings.replication)


def _client(settings: Settings) -> AdminClient:
    kafka = logged_in(settings)
    # One clear line is said here; librdkafka would write one for every attempt.
    return AdminClient({**kafka, "log_level": 0})
