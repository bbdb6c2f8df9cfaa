"""The nineteen genres of TMDB, how genre values are read, and the bit mask that the features work on."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

GENRES: dict[int, str] = {
    28: "action",
    12: "adventure",
    16: "animation",
    35: "comedy",
    80: "crime",
    99: "documentary",
    18: "drama",
    10751: "family",
    14: "fantasy",
    36: "history",
    27: "horror",
    10402: "music",
    9648: "mystery",
    10749: "romance",
    878: "science_fiction",
    10770: "tv_movie",
    53: "thriller",
    10752: "war",
    37: "western",
}
"""TMDB's genre ids and our names of them, in the order that every list of genres here follows."""

GENRE_BITS: dict[int, int] = {genre: 1 << position for position, genre in enumerate(GENRES)}
"""The bit of a genre in a movie's mask: the first genre of the list has the lowest."""

_BIT_OF_ID = np.zeros(max(GENRES) + 2, dtype=np.int32)
_BIT_OF_ID[list(GENRE_BITS)] = list(GENRE_BITS.values())
_OTHER_ID = np.uint64(len(_BIT_OF_ID) - 1)
_INT64 = range(-(2**63), 2**63)


def genre_list(value: object) -> list[int]:
    """The ids in one genre value: a list of ids or of ``{"id": …}``, or such a list as JSON or Python-literal
    text.

    Ids too large for 64 bits cannot be among the nineteen, and are left out.

    Raises:
        ValueError: it is no such list.
    """
    if isinstance(value, str):
        return list(_parse(str.__str__(value)))
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise ValueError("is not a list of genres")
    return [genre for genre in map(_genre_id, value) if genre in _INT64]


def _genre_id(item: Any) -> int:
    if isinstance(item, Mapping):
        item = item.get("id")
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        return int(item)
    raise ValueError("holds something that is not a genre id")


@lru_cache(maxsize=1 << 16)  # real files repeat a few thousand combinations
def _parse(text: str) -> tuple[int, ...]:
    """The ids in a list written as text; ``literal_eval`` reads constants only and can run nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            raise ValueError("is text that holds no list of genres") from None
    if isinstance(value, str):
        raise ValueError("is text that holds no list of genres")
    return tuple(genre_list(value))


def genre_masks(lists: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """One bit mask of known genres per row of a large_list<int64> column; repeated and unknown ids change
    nothing."""
    parts = [_chunk_masks(chunk) for chunk in lists.chunks]
    return np.concatenate([np.zeros(0, np.int32), *parts])


def _chunk_masks(lists: pa.Array) -> npt.NDArray[np.int32]:
    ids = lists.flatten().to_numpy(zero_copy_only=False)
    ends = np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False))
    bits = _BIT_OF_ID[np.minimum(ids.view(np.uint64), _OTHER_ID)]  # negative ids are seen as the largest
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    masks = np.zeros(len(lists), dtype=np.int32)
    filled = starts < ends  # reduceat would read an empty list as its neighbour's first value
    if filled.any():
        masks[filled] = np.bitwise_or.reduceat(bits, starts[filled])
    return masks
