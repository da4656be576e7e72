"""What is masked follows from one setting, and is the same for whoever cleans tickets."""

import pytest

from app.policies import clean_policy
from app.settings import Settings
from models.routing.clean import CleanPolicy
from models.routing.mask import DEFAULT
from models.routing.masking.span import Kind


def test_whole_web_addresses_are_masked_and_need_no_lists() -> None:
    assert clean_policy(Settings(max_text_chars=500)) == CleanPolicy(500, DEFAULT | {Kind.HOST}, None)


def test_hosts_stay_where_nothing_is_masked_also(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MASK_ALSO", "")
    assert clean_policy(Settings()) == CleanPolicy(mask=DEFAULT)


@pytest.mark.parametrize("also", [("name",), ("address",), ("name", "address", "host")], ids="+".join)
def test_names_and_addresses_bring_a_recogniser(
    also: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_MASK_ALSO", ", ".join(also))
    policy = clean_policy(Settings())
    assert policy.mask == DEFAULT | {Kind(kind.upper()) for kind in also}
    assert policy.recogniser is not None
    assert policy.recogniser.kinds == {Kind.NAME, Kind.ADDRESS}
