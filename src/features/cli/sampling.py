"""``sample``: made-up movies, for trying things out."""

from __future__ import annotations

import csv
import json
import sys
from codecs import getwriter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from features.cli.files import destination, whole_file
from features.cli.options import MOST_MADE_UP, AsJson, Force
from features.cli.screen import counted, print_json, say, stdout_told

_Movie = dict[str, Any]


def sample(
    n: Annotated[int, typer.Argument(metavar="N", min=0, max=MOST_MADE_UP, help="How many movies.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same movies.")] = 0,
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
    if force and out is None:
        raise typer.BadParameter("it is for --out", param_hint="--force")
    wanted = destination(out, tuple(_WRITERS), force=force) if out else None
    from features.engineering.sample import movies_made_up

    movies = movies_made_up(n, seed=seed)
    if wanted is None:
        _print(movies, as_json=as_json)
        return
    out, form = wanted
    with whole_file(out, force=force) as file:
        _WRITERS[form](movies, file)
    if as_json:
        print_json({"out": str(out), "movies": n, "bytes": out.stat().st_size})
    else:
        say(f"Wrote {counted(n, 'movie')} to {out}")


def _print(movies: Iterator[_Movie], *, as_json: bool) -> None:
    if as_json:
        print_json(list(movies))
    else:
        with stdout_told():
            sys.stdout.writelines(map(_line, movies))


def _line(movie: _Movie) -> str:
    return json.dumps(movie) + "\n"


def _write_jsonl(movies: Iterator[_Movie], file: IO[bytes]) -> None:
    file.writelines(_line(movie).encode() for movie in movies)


def _write_json(movies: Iterator[_Movie], file: IO[bytes]) -> None:
    file.write(json.dumps(list(movies), indent=1).encode() + b"\n")


def _write_csv(movies: Iterator[_Movie], file: IO[bytes]) -> None:
    from features.engineering.schema import FIELDS

    writer = csv.DictWriter(getwriter("utf-8")(file), fieldnames=FIELDS)
    writer.writeheader()
    writer.writerows({**movie, "genre_ids": json.dumps(movie["genre_ids"])} for movie in movies)


def _write_parquet(movies: Iterator[_Movie], file: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    from features.engineering.movies import Movies

    pq.write_table(Movies.from_records(list(movies)).table, file)


_WRITERS: dict[str, Callable[[Iterator[_Movie], IO[bytes]], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
