"""The teams' file: owners as they are listed, and one line for what is wrong in it."""

from pathlib import Path

import pytest

from app.teams import PlannedCluster, Teams, load_teams
from models.errors import Fatal
from models.generation import Owner


def team(name: str = '"mobile"', minutes: str = "60", more: str = "") -> str:
    return f"[[team]]\nname = {name}\nsla_minutes = {minutes}\n{more}\n"


def cluster(owner: str = "mobile", name: str = "门锁离线", more: str = "") -> str:
    return f'[[cluster]]\nname = "{name}"\ndescription = "门锁一直离线告警"\nteam = "{owner}"\n{more}\n'


def test_owners_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "teams.toml"
    path.write_text(team('"移动端"', "1") + team('"billing"', "525600"), encoding="utf-8")
    assert load_teams(path) == Teams([Owner("移动端", 1), Owner("billing", 525_600)], [])


def test_clusters_come_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "teams.toml"
    path.write_text(team('"物联网"') + cluster("物联网"), encoding="utf-8")
    planned = PlannedCluster(name="门锁离线", description="门锁一直离线告警", team="物联网")
    assert load_teams(path) == Teams([Owner("物联网", 60)], [planned])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "team: Field required", id="empty"),
        pytest.param(b"[[team]\n", "not TOML: ", id="no-toml"),
        pytest.param(b'[[team]]\nname = "\xe9"\n', "not TOML: ", id="no-utf-8"),
        pytest.param(b"team = 3\n", "team: Input should be a valid list", id="no-tables"),
        pytest.param(b"[[team]]\nsla_minutes = 5\n", "team.0.name: Field required", id="no-name"),
        pytest.param(b'[[team]]\nname = "a"\n', "team.0.sla_minutes: Field required", id="no-promise"),
        pytest.param(team('""').encode(), "team.0.name: String should have at least 1", id="empty-name"),
        pytest.param(team(f'"{"x" * 201}"').encode(), "name: String should have at most 200", id="long-name"),
        pytest.param(team(minutes="0").encode(), "greater than or equal to 1", id="no-minutes"),
        pytest.param(team(minutes="525601").encode(), "less than or equal to 525600", id="more-than-a-year"),
        pytest.param(team(minutes='"soon"').encode(), "valid integer", id="minutes-in-words"),
        pytest.param(team(more="lead = 1").encode(), "team.0.lead: Extra inputs", id="unknown-key"),
        pytest.param((team() + "[other]\n").encode(), "other: Extra inputs", id="unknown-table"),
        pytest.param((team() + team('"b"') + team()).encode(), "team mobile stands twice", id="name-twice"),
        pytest.param((team() + cluster() * 2).encode(), "cluster 门锁离线 stands twice", id="cluster-twice"),
        pytest.param((team() + cluster("iot")).encode(), "is of team iot, which is not listed", id="no-such-team"),
        pytest.param((team() + cluster(name="")).encode(), "cluster.0.name: String should", id="cluster-no-name"),
        pytest.param((team() + cluster(more="sla = 1")).encode(), "cluster.0.sla: Extra", id="cluster-more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_the_file_and_the_place(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "teams.toml"
    path.write_bytes(content)
    with pytest.raises(Fatal) as caught:
        load_teams(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["", "nowhere.toml"], ids=["a-folder", "nothing"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, missing: str) -> None:
    path = tmp_path / missing
    with pytest.raises(Fatal, match=r": cannot be read \([A-Z]"):
        load_teams(path)
