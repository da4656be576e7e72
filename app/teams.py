"""Teams: the file that lists owners and what they promise."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import Fatal
from models.generation import Owner


class _Team(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    sla_minutes: Annotated[int, Field(ge=1, le=525_600)]


class _Teams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    team: list[_Team]


def load_teams(path: Path) -> list[Owner]:
    """Owners of a TOML file of `[[team]]` tables with `name` and `sla_minutes` (1 to 525,600).

    Raises:
        Fatal: no such file, no TOML, a field that is missing or out of its range, or a name that stands twice.
    """
    try:
        found = _Teams.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).team
    except OSError as error:
        raise Fatal(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fatal(f"{path}: {where}: {first['msg']}") from None
    names = [team.name for team in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Fatal(f"{path}: team {twice[0]} stands twice")
    return [Owner(team.name, team.sla_minutes) for team in found]
