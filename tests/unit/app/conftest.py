"""The `sluice` command inside a test."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli.command import main
from app.settings import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sluice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `sluice` with these words, without any setting; exit code, standard output and error."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "data"))

    def called(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sluice", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return called
