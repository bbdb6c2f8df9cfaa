"""``sample``: made-up movies, for trying things out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from features.cli.files import ending, whole_file
from features.cli.options import AsJson, Force
from features.cli.screen import print_json, say


def sample(
    n: Annotated[int, typer.Argument(metavar="N", min=0, help="How many movies.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same movies.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="FILE.jsonl, .json, .csv or .parquet; else JSONL on stdout."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make up movies that look like TMDB's.

    They are printed as JSON, one a line, or written to a file.

    \b
    Example:  features sample 100000 --out movies.parquet
              features sample 1000 --seed 7 | features build - --store store
    """
    write = _WRITERS[ending(out, tuple(_WRITERS))] if out else None
    from features.engineering.sample import sample_movies

    movies = sample_movies(n, seed=seed)
    if out is None or write is None:
        _print(movies, as_json=as_json)
        return
    with whole_file(out, force=force) as path:
        write(movies, path)
    if as_json:
        print_json({"out": str(out), "movies": len(movies), "bytes": out.stat().st_size})
    else:
        say(f"Wrote {len(movies):,} movies to {out}")


def _print(movies: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(movies)
    else:
        sys.stdout.writelines(json.dumps(movie) + "\n" for movie in movies)


def _write_jsonl(movies: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(movie) + "\n" for movie in movies)


def _write_json(movies: list[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(movies, indent=1) + "\n", encoding="utf-8")


def _write_csv(movies: list[dict[str, Any]], path: Path) -> None:
    from features.engineering.schema import FIELDS

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=FIELDS)
        writer.writeheader()
        writer.writerows({**movie, "genre_ids": json.dumps(movie["genre_ids"])} for movie in movies)


def _write_parquet(movies: list[dict[str, Any]], path: Path) -> None:
    import pyarrow.parquet as pq

    from features.engineering.movies import Movies

    pq.write_table(Movies.from_records(movies).table, path)


_WRITERS: dict[str, Callable[[list[dict[str, Any]], Path], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
