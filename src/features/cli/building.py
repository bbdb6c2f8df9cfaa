"""``build``: a file of movies becomes one version of feature tables."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from features.cli.opening import config_of, refuse_file
from features.cli.options import (
    DEFAULT_STORE,
    MOST_MADE_UP,
    AsJson,
    Compression,
    Engine,
    MovieFormat,
    OnInvalid,
    StoreFolder,
    day,
    renames,
)
from features.cli.progress import Stages, counted_file, stages
from features.cli.screen import print_json, print_table, printable, say, size_text
from features.errors import ConflictError, InvalidMoviesError, NotFoundError

if TYPE_CHECKING:
    from features.engineering.movies import Movies
    from features.engineering.readers import Format
    from features.frames import Backend, Frame
    from features.store.feature_store import SimpleFeatureStore

REJECTED = "rejected"
_SHOWN_REASONS = 10


def build(
    movies: Annotated[
        str | None, typer.Argument(metavar="MOVIES", help="A JSON, JSONL, CSV or Parquet file, or - for stdin.")
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
    group: Annotated[str, typer.Option("--group", metavar="NAME", help="The group to save to.")] = "movies",
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, max=MOST_MADE_UP, help="N made-up movies, not a file.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, help="Which made-up movies; those of 0 otherwise.")
    ] = None,
    form: Annotated[
        MovieFormat | None, typer.Option("--format", help="What MOVIES is; told by its ending or content otherwise.")
    ] = None,
    backend: Annotated[
        Engine | None,
        typer.Option("--backend", help="What to compute with; otherwise what FEATURES_BACKEND names, or is installed."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The day that counts as today, e.g. 2026-01-31.")
    ] = None,
    on_invalid: Annotated[
        OnInvalid, typer.Option("--on-invalid", help="Stop at bad records, or set them apart in a table.")
    ] = OnInvalid.RAISE,
    rename: Annotated[
        list[str] | None, typer.Option("--rename", metavar="OLD=NEW", help="Read column OLD as the field NEW.")
    ] = None,
    compression: Annotated[Compression, typer.Option("--compression", help="Of the stored files.")] = Compression.LZ4,
    message: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="Kept with the version.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a file of movies into feature tables, saved as one version.

    Saved are the tables basic, temporal, statistical, text and interaction; with --on-invalid reject the refused
    records too, as the table rejected; and, as the artifact state, the fitted state that gives the same features for
    other movies later. Where no record is a movie, nothing is saved.

    \b
    Example:  features build movies.csv --store store
              features build movies.json --on-invalid reject --rename film=title --store store
              features build --sample 1000 --store store
    """
    began = time.perf_counter()
    source = _Source(movies, sample, seed, form, renames(rename or []))
    order = _Order(source, store, group, backend, day(as_of), on_invalid, compression, message)
    with stages(quiet=as_json) as progress:
        summary = _built(order, progress)
    seconds = time.perf_counter() - began
    summary |= {"seconds": round(seconds, 3), "movies_per_second": round(summary["movies"]["read"] / seconds, 1)}
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


@dataclass(frozen=True)
class _Source:
    """Where movies come from: a file, stdin, or nowhere but our own sample."""

    movies: str | None
    sample: int | None
    seed: int | None
    form: MovieFormat | None
    rename: dict[str, str]

    def __post_init__(self) -> None:
        if (self.movies is None) == (self.sample is None):
            raise typer.BadParameter("name a file, - for stdin, or --sample N: one of them", param_hint="MOVIES")
        if self.movies == "":
            raise typer.BadParameter("it is empty; name a file, or - for stdin", param_hint="MOVIES")
        if self.sample is None and self.seed is not None:
            raise typer.BadParameter("it is for --sample", param_hint="--seed")
        if self.sample is not None and (self.form or self.rename):
            raise typer.BadParameter("--format and --rename are for files", param_hint="--sample")

    @property
    def name(self) -> str:
        """What to call it, also where its name is no text: any bytes may be a file's name."""
        if self.sample is not None:
            return f"sample of {self.sample}, seed {self.seed or 0}"
        return "stdin" if self.movies == "-" else printable(str(self.movies))

    def read(self, progress: Stages) -> Movies:
        """All of it, judged."""
        from features.engineering.movies import Movies, read_movies, sample_movies

        if self.sample is not None:
            progress.begin("making movies up")
            return Movies.from_records(sample_movies(self.sample, seed=self.seed or 0))
        form = cast("Format | None", self.form and self.form.value)
        if self.movies == "-":
            progress.begin("reading movies")
            return read_movies(sys.stdin.buffer, format=form, rename=self.rename)
        path = Path(str(self.movies))
        with suppress(RuntimeError):  # no such user: told as any file that is not there
            path = path.expanduser()
        if not path.is_file() or path.suffix.lower() not in {".json", ".jsonl", ".ndjson", ".csv"}:
            progress.begin("reading movies")  # Parquet is read from its end, and compressed files do not say how long
            return read_movies(str(self.movies), format=form, rename=self.rename)  # as typed: a Path changes URLs
        progress.begin("reading movies", total=path.stat().st_size)
        with counted_file(path, progress.advance) as file:
            return read_movies(file, format=form, rename=self.rename)


@dataclass(frozen=True)
class _Order:
    """What was asked for."""

    source: _Source
    store: Path
    group: str
    backend: Engine | None
    as_of: dt.date | None
    on_invalid: OnInvalid
    compression: Compression
    message: str | None


def _built(order: _Order, progress: Stages) -> dict[str, Any]:
    """Read, compute, save; the store is opened last, so that nothing is created where that fails."""
    from features.engineering.engines import default_engine, engine_named
    from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
    from features.store.arguments import change
    from features.store.feature_store import SimpleFeatureStore

    backend = cast("Backend", order.backend.value if order.backend else default_engine())
    engine_named(backend)
    signal.siginterrupt(signal.SIGINT, True)  # polars, once loaded, has a blocked read go on after Ctrl-C
    message = f"built from {order.source.name}" if order.message is None else order.message
    change(order.group, None, message, None, None)  # which refuses what a save would
    refuse_file(order.store)
    config = config_of(order.store, backend=backend, compression=order.compression.value)
    movies = order.source.read(progress)
    _require_some(movies, order.source.name, order.on_invalid)
    progress.begin("computing features")
    processor = AdvancedTMDBPreProcessor(movies, backend=backend, as_of=order.as_of, on_invalid="reject")
    tables = processor.extract_all_features()
    artifacts = {
        "state": processor.state.to_json(),
        "source": order.source.name,
        "as_of": processor.state.as_of.isoformat(),
    }
    progress.begin("saving")
    with SimpleFeatureStore(config) as store:
        version = _save(store, order.group, tables, movies, message, artifacts)
        sizes = _sizes(store, order.group, version, [*tables, *([REJECTED] if movies.rejected.num_rows else [])])
    return {
        "store": str(order.store),
        "group": order.group,
        "version": version,
        "source": order.source.name,
        "as_of": artifacts["as_of"],
        "backend": backend,
        "movies": {"read": movies.read, "accepted": movies.table.num_rows, "rejected": movies.rejected.num_rows},
        "rejected": _reasons(movies),
        "tables": sizes,
    }


def _require_some(movies: Movies, source: str, on_invalid: OnInvalid) -> None:
    if not movies.read:
        message = f"{source} holds no movies, so nothing was stored; name a file that does"
        raise InvalidMoviesError(message, count=0, problems=())
    if movies.table.num_rows and on_invalid is OnInvalid.REJECT:
        return
    if movies.table.num_rows:
        movies.check_accepted()
        return
    refused = _reasons(movies)
    told = f"none of the {movies.read:,} records of" if movies.read > 1 else "the only record of"
    worst = "; ".join(f"{one['field']} {one['reason']}" for one in refused[:3])
    step = (
        "if fields have other names there, say so with --rename old=new" if _lacks_a_field(movies) else "correct them"
    )
    raise InvalidMoviesError(
        f"{told} {source} is {'a' if movies.read > 1 else 'no'} movie ({worst}), so nothing was stored; {step}",
        count=movies.rejected.num_rows,
        problems=(),
    )


def _lacks_a_field(movies: Movies) -> bool:
    """Whether the first refused record has no such name as the field that it was refused for."""
    first = movies.rejected.slice(0, 1).to_pylist()[0]
    return first["reason"] == "is missing" and f'"{first["field"]}"' not in first["record"]


def _reasons(movies: Movies) -> list[dict[str, Any]]:
    """How many records were refused for what, most frequent first."""
    refused = movies.rejected
    counts = Counter(zip(refused["field"].to_pylist(), refused["reason"].to_pylist(), strict=True))
    return [{"field": field, "reason": reason, "records": n} for (field, reason), n in counts.most_common()]


def _save(
    store: SimpleFeatureStore[Any],
    group: str,
    tables: dict[str, Frame],
    movies: Movies,
    message: str,
    artifacts: dict[str, Any],
) -> int:
    """One new version of the group, and its number.

    Tables that a save does not name carry over, so an earlier build's ``rejected`` is replaced by an empty one where
    this build refused nothing. Whether there is one is only true of the version that we looked at, so the save
    expects that version and looks again where another came first.
    """
    while True:
        latest, existing = _latest(store, group)
        extra = {REJECTED: movies.rejected} if movies.rejected.num_rows or REJECTED in existing else {}
        try:
            store.save_features(
                group, {**tables, **extra}, expected_version=latest, message=message, artifacts=artifacts
            )
        except ConflictError:
            continue
        return latest + 1


def _latest(store: SimpleFeatureStore[Any], group: str) -> tuple[int, tuple[str, ...]]:
    try:
        newest = store.versions(group)[-1]
    except NotFoundError:
        return 0, ()
    return newest.version, newest.tables


def _sizes(store: SimpleFeatureStore[Any], group: str, version: int, names: list[str]) -> dict[str, dict[str, int]]:
    files = store.get_group_info(group, version=version)
    return {
        name: {"rows": files[name].rows, "columns": len(files[name].schema.names), "bytes": files[name].size}
        for name in names
    }


def _print_summary(summary: dict[str, Any]) -> None:
    movies, refused = summary["movies"], summary["rejected"]
    print_table(
        {"table": "left", "rows": "right", "columns": "right", "size": "right"},
        (
            (name, f"{one['rows']:,}", one["columns"], size_text(one["bytes"]))
            for name, one in summary["tables"].items()
        ),
    )
    if refused:
        say()
        print_table(
            {"rejected": "right", "field": "left", "reason": "left"},
            ((f"{one['records']:,}", one["field"], one["reason"]) for one in refused[:_SHOWN_REASONS]),
        )
        if len(refused) > _SHOWN_REASONS:
            say(f"… and {len(refused) - _SHOWN_REASONS:,} other reasons; see table {REJECTED}")
    say()
    say(f"Movies: {movies['read']:,} read, {movies['accepted']:,} accepted, {movies['rejected']:,} rejected")
    say(f"Saved:  version {summary['version']} of {summary['group']} in {summary['store']}")
    say(f"Took:   {summary['seconds']:.2f} s on {summary['backend']}, {summary['movies_per_second']:,.0f} movies/s")
