"""Text read as bytes, a chunk at a time: what neither library does as fast as a few NumPy comparisons.

An Arrow text column is one run of UTF-8 bytes with an offset per text. Comparing whole runs of bytes is several times
faster than any regex over the same texts, and gives both engines the same result by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.engineering.values import WHITE_SPACE

_Bytes = npt.NDArray[np.uint8]
_Offsets = npt.NDArray[np.int64]


_SCANNED_AT_ONCE = 1 << 19
"""Bytes of text looked at together. What is found out about each byte is then little enough that its memory is used
again for the next, and not given back to the system and fetched anew, which took twice the time of the scan."""


def count_words(text: pa.Array) -> pa.Array:
    """Maximal runs of characters that are not Unicode White_Space, in each text, as int32."""
    source, offsets = text_bytes(text)
    ends = np.append(np.searchsorted(offsets, np.arange(_SCANNED_AT_ONCE, len(source), _SCANNED_AT_ONCE)), len(text))
    counts, first = np.empty(len(text), np.int32), 0
    for last in np.unique(ends).tolist():
        start, end = offsets[first], offsets[last]
        counts[first:last] = _counted(source[start:end], offsets[first : last + 1] - start)
        first = last
    return pa.array(counts, mask=np.asarray(text.is_null()) if text.null_count else None)


def _counted(source: _Bytes, offsets: _Offsets) -> npt.NDArray[np.int32]:
    space = source == ord(" ")
    _mark_rare_spaces(source, space)
    after_space = np.empty(len(source) + 1, dtype=bool)
    after_space[1:] = space
    after_space[offsets] = True  # the start of a text is as good as a space
    return _set_between(np.greater(after_space[:-1], space, out=space), offsets)


def text_bytes(text: pa.Array) -> tuple[_Bytes, _Offsets]:
    """The UTF-8 of a large_string array, and the n + 1 offsets between its texts; a null text is empty."""
    if not len(text):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets_buffer, data = text.buffers()
    offsets: _Offsets = np.frombuffer(offsets_buffer, np.int64, len(text) + 1, text.offset * 8)
    source: _Bytes = np.frombuffer(data if data is not None else b"", np.uint8)
    return source[offsets[0] : offsets[-1]], offsets - offsets[0]


def _set_between(flags: npt.NDArray[np.bool_], offsets: _Offsets) -> npt.NDArray[np.int32]:
    """How many flags are set from each offset to the next, by running totals over 64 flags at a time."""
    packed = np.packbits(flags, bitorder="little")
    words = np.append(packed, np.zeros(8 - len(packed) % 8, np.uint8)).view("<u8")  # one more, for the last offset
    before = np.append(0, np.cumsum(np.bitwise_count(words), dtype=np.int64))
    word, bit = offsets >> 6, (offsets & 63).astype(np.uint64)
    within = np.bitwise_count(words[word] & ((np.uint64(1) << bit) - np.uint64(1)))
    counts: npt.NDArray[np.int32] = np.diff(before[word] + within).astype(np.int32)
    return counts


_WIDE_SPACES = [character.encode() for character in WHITE_SPACE if ord(character) > 0x7F]
_CODES_BY_WIDTH = {
    width: np.array([int.from_bytes(one, "big") for one in _WIDE_SPACES if len(one) == width], np.int32)
    for width in (2, 3)
}
_LEADS = np.zeros(256, dtype=bool)
_LEADS[[one[0] for one in _WIDE_SPACES]] = True


def _mark_rare_spaces(source: _Bytes, space: npt.NDArray[np.bool_]) -> None:
    """Set ``space`` at tab to carriage return, and at every byte of the white space beyond ASCII, which is two or three
    bytes wide. Only bytes that are not printable ASCII are looked at."""
    odd = source - np.uint8(ord(" "))
    rare = np.flatnonzero(np.greater(odd, 0x5F, out=odd.view(bool)))
    if not len(rare):
        return
    found = source[rare]
    space[rare[(found - np.uint8(ord("\t"))) < 5]] = True
    leads = rare[_LEADS[found]]  # only at the first byte of a character do these values stand
    for width, codes in _CODES_BY_WIDTH.items():
        at = leads[leads <= len(source) - width]
        characters = np.zeros(len(at), np.int32)
        for step in range(width):
            characters = characters << 8 | source[at + step]
        at = at[np.isin(characters, codes)]
        for step in range(width):
            space[at + step] = True


SCANS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "title_words": ("title", count_words),
    "overview_words": ("overview", count_words),
    "overview_lower": ("overview", pc.ascii_lower),
}
"""Columns found by scanning: name → the text column and how it is scanned."""


def with_scans(movies: pa.Table, names: frozenset[str]) -> pa.Table:
    """``movies`` with those of ``names`` that are scans as further columns."""
    for name in sorted(SCANS.keys() & names):
        column, scan = SCANS[name]
        chunks = movies[column].chunks or [pa.nulls(0, movies[column].type)]
        movies = movies.append_column(name, pa.chunked_array([scan(chunk) for chunk in chunks]))
    return movies
