"""Teams: the file that lists owners, what they promise, and clusters that they are to have before any ticket."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import Fatal
from models.generation import Owner


class _Team(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    sla_minutes: Annotated[int, Field(ge=1, le=525_600)]


class PlannedCluster(BaseModel):
    """A cluster that a company expects: what it is called, what it is about, and the team that solves it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(min_length=1, max_length=8_000)]
    team: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    team: list[_Team]
    cluster: list[PlannedCluster] = []


@dataclass(frozen=True, slots=True)
class Teams:
    """What the file says; the clusters' teams are all listed."""

    owners: list[Owner]
    clusters: list[PlannedCluster]


def load_teams(path: Path) -> Teams:
    """A TOML file of `[[team]]` tables with `name` and `sla_minutes` (1 to 525,600), and of `[[cluster]]` tables with
    `name`, `description` and `team`.

    Raises:
        Fatal: no such file, no TOML, a field that is missing or out of its range, a name that stands twice, or a
            cluster whose team is not listed.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Fatal(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fatal(f"{path}: {where}: {first['msg']}") from None
    teams, clusters = ([one.name for one in tables] for tables in (found.team, found.cluster))
    for kind, names in (("team", teams), ("cluster", clusters)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Fatal(f"{path}: {kind} {twice[0]} stands twice")
    for planned in found.cluster:
        if planned.team not in teams:
            raise Fatal(f"{path}: cluster {planned.name} is of team {planned.team}, which is not listed")
    return Teams([Owner(team.name, team.sla_minutes) for team in found.team], found.cluster)
