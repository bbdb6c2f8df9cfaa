"""The fields of a movie and their Arrow types: what every reader produces and every feature starts from."""

from __future__ import annotations

import pyarrow as pa

TEXT = pa.large_string()
"""Text is counted with 64-bit offsets throughout: long overviews of many movies pass 2 GB."""

MOVIE_SCHEMA = pa.schema(
    [
        pa.field("movie_id", pa.int64(), nullable=False),
        pa.field("title", TEXT, nullable=False),
        pa.field("overview", TEXT),
        pa.field("original_title", TEXT),
        pa.field("original_language", TEXT),
        pa.field("release_date", pa.date32()),
        pa.field("vote_average", pa.float64()),
        pa.field("vote_count", pa.int64()),
        pa.field("popularity", pa.float64()),
        pa.field("genre_ids", pa.large_list(pa.int64()), nullable=False),
        pa.field("adult", pa.bool_()),
    ]
)
"""The fields in the order in which they are judged: a record is rejected for the first that fails."""

FIELDS: tuple[str, ...] = tuple(MOVIE_SCHEMA.names)

REQUIRED = ("movie_id", "title")
"""The fields without which a record is no movie. Genres that are missing are none."""

ALIASES: dict[str, str] = {"movie_id": "id", "genre_ids": "genres"}
"""Second names, read where the first is missing or null."""

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("movie_id", pa.int64()),
        pa.field("field", TEXT, nullable=False),
        pa.field("reason", TEXT, nullable=False),
        pa.field("record", TEXT, nullable=False),
    ]
)
"""Rejected records: row in the input, the id where it could be read, the first failing field, why, and all of
it as JSON."""
