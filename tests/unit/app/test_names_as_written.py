"""Names and labels are other people's words: the command line shows them as they are written, brackets and all."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from rich.table import Table

from app.cli import clusters, demo, heat_map, learn, shadow
from app.cli.console import out
from app.cli.emerging_table import print_emerging
from models.generation import Cluster
from models.routing.heat import Part
from schemas.decision import Decision
from schemas.examples import EXAMPLES

# A style that would be taken away, and the end of one that never began: rich refuses that.
ODD = "[b]team[/kiosk]"


def clusters_list() -> None:
    table = Table(*"abcdef")
    table.add_row(*clusters.row_of(Cluster("c-1", ODD, ODD, 7)))
    out.print(table)


def shadow_report() -> None:
    fields = (
        "to_another_owner",
        "automatic_to_person",
        "person_to_automatic",
        "to_another_cluster_only",
        "forgotten",
    )
    figures: dict[str, Any] = dict.fromkeys(fields, 0) | {
        "route_at": None,
        "candidate": "g-2",
        "generation": "g-1",
        "from": "a",
        "to": "b",
        "decisions": 1,
        "elsewhere": 1,
        "by_owner": [{"in_force": ODD, "candidate": None, "decisions": 1}],
        "handled": {"tickets": 0},
    }
    shadow._print(figures)


def heat() -> None:
    out.print(heat_map._heaviest([Part("pay", 0.4)], ODD))


def bootstrap() -> None:
    counts = {"role": "live", "generation": "g-1", "clusters": 1, "owners": [ODD], "tickets": 1}
    learn._print({**counts, "owners_without_sla": [ODD], "fallbacks": [(ODD, "too few")], "refused": {}}, [])


def emerging() -> None:
    figures = (
        "days",
        "announced",
        "median_ticket",
        "before_8th",
        "false_a_day",
        "outside_a_day",
        "tickets_a_day",
    )
    labels = [{"label": ODD, "at": None, "false": 0}]
    print_emerging({**dict.fromkeys(figures, 1), "planted": 1, "encoder": "e", "labels": labels})


def demo_decision() -> None:
    made = cast(Decision, EXAMPLES[Decision])
    demo._print_one(made.model_copy(update={"ticket_id": ODD, "owner": ODD}))


@pytest.mark.parametrize("show", [clusters_list, shadow_report, heat, bootstrap, emerging, demo_decision])
def test_a_name_is_read_as_it_is_written(
    show: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    show()
    assert ODD in " ".join(capsys.readouterr().out.split())
