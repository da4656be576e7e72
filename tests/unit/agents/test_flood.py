"""Flood: the limits, exactly at their edges."""

import pytest

from agents.flood import FloodGuard
from models.errors import PoisonFlood


def note(guard: FloodGuard, outcomes: str) -> None:
    """One record a letter: `x` was refused."""
    for letter in outcomes:
        guard.record(refused=letter == "x")


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param("xxx", id="as many in a row as are allowed"),
        pytest.param("xxx.xxx.xxx.xxx", id="a good one between ends the row"),
        pytest.param("." * 50, id="none refused"),
    ],
)
def test_within_the_row_limit(outcomes: str) -> None:
    note(FloodGuard(max_consecutive=3, max_share=1.0, window=100), outcomes)


@pytest.mark.parametrize("before", ["", "...", "xxx.", "xxx.xxx..."], ids=repr)
def test_one_more_in_a_row_is_a_flood(before: str) -> None:
    guard = FloodGuard(max_consecutive=3, max_share=1.0, window=100)
    note(guard, before + "xxx")
    with pytest.raises(PoisonFlood, match=r"4 records in a row .* \(limit 3\)"):
        guard.record(refused=True)


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param("x.x.x", id="over half of fewer than the window"),
        pytest.param("x.x.x.", id="the share itself is allowed"),
        pytest.param("x.x.x.x.x.x.x.x.", id="for as long as it lasts"),
        pytest.param("xx.x..xx.x", id="a refused one leaves as another comes"),
    ],
)
def test_within_the_share(outcomes: str) -> None:
    note(FloodGuard(max_consecutive=100, max_share=0.5, window=6), outcomes)


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param("xxx..", id="the record that fills the window"),
        pytest.param("......xx.x", id="among good ones"),
        pytest.param("x.x.x.x", id="a good one leaves as a refused one comes"),
    ],
)
def test_one_more_of_the_window_is_a_flood(outcomes: str) -> None:
    guard = FloodGuard(max_consecutive=100, max_share=0.5, window=6)
    note(guard, outcomes)
    with pytest.raises(PoisonFlood, match=r"4 of the last 6 records .* \(limit 50%\)"):
        guard.record(refused=True)


def test_what_is_read_again_after_a_rewind_is_not_counted_twice() -> None:
    guard = FloodGuard(max_consecutive=3, max_share=0.5, window=6)
    for epoch in range(1, 5):
        guard.begin(epoch)
        note(guard, "xxx..")


def test_a_row_goes_on_from_batch_to_batch_of_an_epoch() -> None:
    guard = FloodGuard(max_consecutive=3, max_share=1.0, window=100)
    guard.begin(1)
    note(guard, "xx")
    guard.begin(1)
    note(guard, "x")
    with pytest.raises(PoisonFlood):
        note(guard, "x")


def test_the_message_names_the_settings_and_the_way_out() -> None:
    with pytest.raises(PoisonFlood, match="SLUICE_DEAD_LETTER_MAX_CONSECUTIVE"):
        note(FloodGuard(max_consecutive=1, max_share=1.0, window=10), "xx")
    with pytest.raises(PoisonFlood, match="SLUICE_DEAD_LETTER_MAX_SHARE"):
        note(FloodGuard(max_consecutive=9, max_share=0.0, window=1), "x")
