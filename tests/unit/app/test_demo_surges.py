"""What the demo says of an announced problem beside the truth."""

import pytest

from app.demo.report import Truth
from app.demo.surges import surge_line
from tests.unit.app.test_emerging import surge

TRUTHS = {
    "a-1": Truth("iot", "lock"),
    "a-2": Truth("iot", "lock"),
    "a-3": Truth("payments", "fees"),
    "a-4": Truth(None),
    "a-5": Truth("iot"),
}


@pytest.mark.parametrize(
    ("tickets", "problem", "count"),
    [
        pytest.param(["a-1", "a-2", "a-3", "a-4"], "lock", 2, id="most"),
        pytest.param(["a-3", "a-1"], "fees", 1, id="of equals the first by name"),
        pytest.param(["a-4", "a-5", "unknown"], None, None, id="of none that is known"),
    ],
)
def test_the_most_frequent_problem_is_told(
    tickets: list[str], problem: str | None, count: int | None
) -> None:
    line = surge_line(surge("a", ticket_ids=tickets, descriptions=["1", "2", "3", "4"]), TRUTHS)
    assert (line["problem"], line["of_that_problem"]) == (problem, count)
    assert line["descriptions"] == ["1", "2", "3"]
