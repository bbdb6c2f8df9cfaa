"""Sums that are rounded once, whatever the order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from frames_compared import ENGINES
from hypothesis import example, given
from hypothesis import strategies as st

from features.engineering.fitting import exact_sum, in_pieces
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor

NUMBERS = st.floats(-(2.0**900), 2.0**900) | st.integers(-100, 100).map(lambda number: number / 10)


@given(st.lists(NUMBERS, max_size=60), st.sampled_from([2, 7, 1 << 15]))
@example([2.0**900, 2.0**-1074, -(2.0**900)], 1 << 15)
@example([1 + 2.0**-52] * 7 + [2.0**-53], 1 << 15)
@example([2.0**53, 1.0, 2.0**-1022, 5e-324], 2)
def test_a_sum_is_rounded_once(values, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.engineering.fitting._PIECE", piece)
        found = exact_sum(in_pieces(np.array(values, dtype=np.float64)))
    assert found == math.fsum(values)


def test_what_numpy_is_told_to_raise_does_not_stop_a_fit():
    tiny = [{"movie_id": at, "title": "a", "popularity": x} for at, x in enumerate([1.7e308, 1e-300, 5e-324, 0.0])]
    expected = AdvancedTMDBPreProcessor(tiny, as_of="2026-01-01", backend=ENGINES[0]).state
    with np.errstate(all="raise"):
        assert AdvancedTMDBPreProcessor(tiny, as_of="2026-01-01", backend=ENGINES[0]).state == expected
