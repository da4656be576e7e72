"""The import contracts hold for this tree, and each of them can be broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"

# A tree with every place that the contracts name.
PLACES = [
    *("app", "app/cli", "agents", "schemas", "models", "models/engines", "models/routing"),
    *("models/emerging", "models/surge", "models/recluster", "models/learn"),
]
CORE = ["evidence", "lexicon", "vote", "generation", "exact", "words", "described", "spread", "errors"]
MODULES = ["app/cli/console.py", *(f"models/{name}.py" for name in CORE)]

VIOLATIONS = {
    "agents import app": ("house", "agents/wire.py", "import app.cli"),
    "models import schemas": ("house", "models/vote.py", "import schemas"),
    "schemas import models": ("house", "schemas/codec.py", "from models import errors"),
    "a step imports an engine": ("core", "models/routing/match.py", "from models import engines"),
    "a step imports another path": ("core", "models/surge/detect.py", "import models.routing"),
    "learning imports a path": ("core", "models/learn/head.py", "import models.routing"),
    "evidence imports what it is learned by": ("core", "models/evidence.py", "import models.learn"),
    "evidence imports the lexicon": ("core", "models/evidence.py", "import models.lexicon"),
    "descriptions import the evidence": ("core", "models/described.py", "import models.evidence"),
    "what shows a problem imports descriptions": ("core", "models/spread.py", "import models.described"),
    "generations import the vote": ("core", "models/generation.py", "import models.vote"),
    "arithmetic imports a generation": ("core", "models/exact.py", "import models.generation"),
    "a new folder of models without a layer": ("core", "models/spare/__init__.py", ""),
    "a step reads the clock": ("pure", "models/surge/window.py", "import time"),
    "a step draws at random": ("pure", "models/recluster/sample.py", "import random"),
    "a step logs": ("pure", "models/routing/decide.py", "from logging import getLogger"),
    "a step waits": ("pure", "models/learn/adapt.py", "import asyncio"),
    "a step reads the environment": ("pure", "models/generation.py", "import os.path"),
    "an agent searches with faiss itself": ("engines", "agents/live.py", "import faiss"),
    "a step runs a graph itself": ("engines", "models/routing/encode.py", "import onnxruntime"),
    "an agent writes JSON past the codec": ("bytes", "agents/emit.py", "import orjson"),
    "an engine measures": ("edge", "models/engines/index.py", "import prometheus_client"),
    "a contract knows Kafka": ("edge", "schemas/headers.py", "import confluent_kafka"),
    "an agent is a Faust agent in the core": ("edge", "models/vote.py", "import faust"),
    "a worker draws": ("pictures", "app/worker.py", "import matplotlib"),
    "the product imports its tests": ("product", "app/demo.py", "from tests import fakes"),
}


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache", "--config", str(root / ".importlinter"), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that keeps every contract."""
    for place in PLACES:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "__init__.py").touch()
    for module in MODULES:
        (tmp_path / module).touch()
    (tmp_path / "app/cli/console.py").write_text("import orjson\n")
    (tmp_path / "models/engines/index.py").write_text("import faiss, time\nimport models.routing\n")
    (tmp_path / "agents/live.py").write_text("import os, time, faust\nimport models.engines.index\n")
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_this_tree_keeps_every_contract() -> None:
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout


def test_a_tree_that_keeps_to_the_lines_passes(tree: Path) -> None:
    run = lint(tree)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_contract_breaks(tree: Path, contract: str, file: str, line: str) -> None:
    (tree / file).parent.mkdir(exist_ok=True)
    (tree / file).write_text(line + "\n")
    run = lint(tree, "--contract", contract)
    assert run.returncode == 1, run.stdout
    assert "1 broken" in run.stdout
