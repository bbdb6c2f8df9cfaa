"""Guarantee 2 on a real file system, where this machine lets us mount one: see ``powerloss.py``."""

from __future__ import annotations

import pytest

from tests.integrity.powerloss import cut_often, why_not
from tests.integrity.profiles import PROFILE, count

CUTS = 300


@pytest.mark.skipif(PROFILE != "thorough", reason="cutting the power takes minutes: in the profile thorough")
@pytest.mark.parametrize("mode", ["PERSIST", "WAL"])
def test_what_was_acknowledged_survives_power_cuts(mode: str) -> None:
    if reason := why_not():
        pytest.skip(reason)
    tally = cut_often(CUTS, mode)
    assert (tally.lost, tally.problems) == ([], []), tally
    assert tally.acknowledged >= tally.cuts, tally
    count(f"power cuts under {mode}", tally.cuts)


@pytest.mark.skipif(PROFILE != "thorough", reason="cutting the power takes minutes: in the profile thorough")
def test_a_journal_that_is_deleted_is_found_to_lose_saves() -> None:
    if reason := why_not():
        pytest.skip(reason)
    assert cut_often(20, "DELETE").lost
