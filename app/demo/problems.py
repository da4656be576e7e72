"""Problems: what an invented company's customers suffer from (`problems/`) and what they write around it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from models.generation import Owner

_DATA = files("app.demo")

NEW_PROBLEM = "lock-offline-alarm-321"
"""The one that the history has never seen."""

SURGING_PROBLEM = "wechat-pay-ios-signature"
"""The one that multiplies in the last hours of the replay."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a problem is told in one language; `fresh` wordings are kept out of the history."""

    titles: tuple[str, ...]
    heard: tuple[str, ...]
    fresh: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, the team that solves it, and what reports of it look like."""

    id: str
    name: str
    team: str
    product: str
    devices: tuple[str, ...]
    systems: tuple[str, ...]
    versions: tuple[str, ...]
    kb: str
    codes: tuple[str, ...]
    ocr: tuple[str, ...]
    steps: tuple[str, ...]
    resolutions: tuple[str, ...]
    voices: dict[str, Voice]


@cache
def load_problems() -> tuple[Problem, ...]:
    """Every problem, by team and in the order of its file."""
    return tuple(problem for document in _documents() for problem in _problems(document))


@cache
def load_owners() -> tuple[Owner, ...]:
    """The teams with what they promise."""
    found = {document["team"]: document["sla_minutes"] for document in _documents()}
    return tuple(Owner(name, minutes) for name, minutes in found.items())


@cache
def load_phrases() -> dict[str, Any]:
    """What people write around a problem, by language, and texts that no team can solve."""
    return tomllib.loads((_DATA / "phrases.toml").read_text(encoding="utf-8"))


@cache
def _documents() -> tuple[dict[str, Any], ...]:
    folder = _DATA / "problems"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(tomllib.loads((folder / name).read_text(encoding="utf-8")) for name in names)


def _problems(document: dict[str, Any]) -> list[Problem]:
    lists = ("devices", "systems", "versions", "codes", "ocr", "steps", "resolutions")
    return [
        Problem(
            id=item["id"],
            name=item["name_zh"],
            team=document["team"],
            product=item["product"],
            kb=item["kb"],
            voices={
                language: Voice(*(tuple(item[f"{part}_{language}"]) for part in ("titles", "heard", "fresh")))
                for language in ("zh", "en")
            },
            **{name: tuple(item[name]) for name in lists},
        )
        for item in document["problem"]
    ]
