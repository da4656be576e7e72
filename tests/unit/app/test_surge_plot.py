"""A backtest as a picture: a PNG of the size that its panels need, whatever the letters and the heights."""

import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from app.evaluate.surge_backtest import Asked, run_backtest
from app.evaluate.surge_plot import check_path, draw
from app.files.series import History, Span
from models.errors import Fatal
from tests.unit.app.test_evaluate_surge import QUIET, SURGE, company, series

DRAWN = Asked(with_expected=True)


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.fixture(scope="module")
def odd() -> History:
    """Names in letters that not every font has, or of formulas; a peak over a flat series, and no count at all."""
    peak = np.full(24 * 10, 3)
    peak[200] = 9_000
    names = ("登录失败", "cost in $ and $", "x" * 200, "🧨")
    return History(
        (*(series(name, peak) for name in names), series("nothing", np.zeros(24 * 10, dtype=np.int64))),
        are_events=False,
    )


@pytest.mark.parametrize("windows", [{"login": [SURGE]}, None], ids=["with labels", "without"])
def test_a_panel_a_series(tmp_path: Path, windows: dict[str, list[Span]] | None) -> None:
    backtest = run_backtest(company(), windows, DRAWN, QUIET)
    heights = []
    for panels in (1, 2, 12):
        draw(backtest, tmp_path / "plot.png", panels)
        width, height = size(tmp_path / "plot.png")
        assert width == 1320
        heights.append(height)
    assert heights[1] - heights[0] == heights[2] - heights[1] > 100  # the file has three


def test_no_letter_and_no_height_is_warned_of(odd: History, tmp_path: Path) -> None:
    backtest = run_backtest(odd, None, DRAWN, QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(backtest, tmp_path / "plot.png", 12)
    assert size(tmp_path / "plot.png")[1] > 5 * 100


@pytest.mark.parametrize(
    ("name", "wanted"), [("plot.svg", "ends in .png"), ("away/plot.png", "is no folder")], ids=str
)
def test_a_name_of_no_use_is_one_line(tmp_path: Path, name: str, wanted: str) -> None:
    with pytest.raises(Fatal, match=wanted):
        check_path(tmp_path / name)


def test_a_folder_of_that_name_is_one_line(tmp_path: Path) -> None:
    backtest = run_backtest(company(), None, DRAWN, QUIET)
    (tmp_path / "plot.png").mkdir()
    with pytest.raises(Fatal, match="cannot be written"):
        draw(backtest, tmp_path / "plot.png", 1)


def test_nothing_but_drawing_imports_matplotlib() -> None:
    said = "import sys, app.evaluate.surge_plot; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
