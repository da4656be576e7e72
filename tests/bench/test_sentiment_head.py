"""The sentiment head that is shipped is the one that its script makes: two minutes on two cores; prints the figures."""

from pathlib import Path

import numpy as np
import pytest

from app.sentiment.load import load_head
from app.sentiment.train import main
from models.routing.sentiment import from_bytes, scores
from models.vote import settle

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data/goemotions_ekman/data.jsonl.gz").resolve()


@pytest.mark.skipif(not _DATA.exists(), reason="GoEmotions is not beside the repository")
def test_the_script_makes_the_head_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the last places of its arithmetic, which differ from one machine to another."""
    with capsys.disabled():
        main([str(_DATA), "--out", str(tmp_path / "head.npz")])
    again, shipped = from_bytes((tmp_path / "head.npz").read_bytes()), load_head()
    assert again.encoder == shipped.encoder
    assert again.upset_at == pytest.approx(shipped.upset_at, abs=0.02)
    vectors = np.random.default_rng(0).standard_normal((2_000, shipped.hidden.shape[0]))
    unit = settle(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    assert np.abs(scores(again, unit) - scores(shipped, unit)).mean() < 0.01
