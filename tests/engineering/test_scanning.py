"""Words are the same however many texts are looked at together."""

from __future__ import annotations

import oracle
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from movie_strategies import texts

from features.engineering.scanning import count_words


@given(st.lists(st.none() | texts, max_size=12), st.sampled_from([1, 2, 7, 64, 1 << 19]), st.data())
def test_words_are_counted_text_by_text(overviews, scanned_at_once, data):
    first = data.draw(st.integers(0, len(overviews)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.engineering.scanning._SCANNED_AT_ONCE", scanned_at_once)
        found = count_words(pa.array(overviews, pa.large_string())[first:])
    assert found.type == pa.int32()
    assert found.to_pylist() == [None if text is None else oracle.word_count(text) for text in overviews[first:]]
