"""``features build``: movies in, one version of tables out."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.cli.options import Compression, MovieFormat
from features.engineering.fitting import FittedState
from features.engineering.movies import sample_movies
from features.engineering.readers import FORMATS
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
from features.errors import ConflictError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from tests.cli.running import Run

FAMILIES = ["basic", "temporal", "statistical", "text", "interaction"]
ENGINES = [name for name in ("pandas", "polars") if importlib.util.find_spec(name)]
GOOD = {"movie_id": 1, "title": "One", "vote_average": 7.5, "vote_count": 10, "genre_ids": [28]}
BAD = {"movie_id": 2, "title": ""}


def opened(folder: Path = Path("store")) -> SimpleFeatureStore:
    return SimpleFeatureStore(FeatureStoreConfig(folder, backend="pyarrow"))


def tables(folder: Path = Path("store"), group: str = "movies") -> dict[str, pa.Table]:
    with opened(folder) as store:
        return store.get_features(group=group)


def as_jsonl(movies: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(movie) + "\n" for movie in movies)


def as_csv(movies: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(movies[0]))
    writer.writeheader()
    writer.writerows(movies)
    return text.getvalue()


def test_all_families_are_saved_in_one_version_with_a_row_for_each_movie(run: Run) -> None:
    assert run("build", "--sample", 7).code == 0
    with opened() as store:
        assert [one.version for one in store.versions("movies")] == [1]
        assert {name: table.num_rows for name, table in store.get_features(group="movies").items()} == dict.fromkeys(
            FAMILIES, 7
        )


def test_the_result_tells_what_was_read_saved_and_how_fast(run: Run, movie_file: Callable[..., Path]) -> None:
    result = run("build", movie_file([GOOD, BAD]), "--on-invalid", "reject").out
    assert "Movies: 2 read, 1 accepted, 1 rejected" in result
    assert "version 1 of movies in store" in result
    assert "movies/s" in result
    assert [line.split()[:3] for line in result.splitlines() if line.startswith(("basic", "rejected"))] == [
        ["basic", "1", "30"],
        ["rejected", "1", "5"],
    ]
    assert any(line.split() == ["1", "title", "is", "empty"] for line in result.splitlines())


def test_the_machine_readable_result_has_the_same_figures(run: Run, movie_file: Callable[..., Path]) -> None:
    outcome = run("build", movie_file([GOOD, BAD]), "--on-invalid", "reject", "--as-of", "2026-01-31", "--json")
    result = outcome.json
    assert result["movies"] == {"read": 2, "accepted": 1, "rejected": 1}
    assert result["rejected"] == [{"field": "title", "reason": "is empty", "records": 1}]
    assert result["version"] == 1
    assert result["as_of"] == "2026-01-31"
    with opened() as store:
        info = store.get_feature_info("basic", "movies")
    assert result["tables"]["basic"] == {"rows": 1, "columns": 30, "bytes": info.size}
    assert list(result["tables"]) == [*FAMILIES, "rejected"]
    assert outcome.err == ""


def test_the_fitted_state_is_stored_and_gives_the_same_features_again(run: Run) -> None:
    run("build", "--sample", 30, "--seed", 3, "--as-of", "2026-01-31")
    with opened() as store:
        artifacts = store.get_artifacts("movies")
    state = FittedState.from_json(artifacts["state"])
    assert state == AdvancedTMDBPreProcessor(sample_movies(30, seed=3), as_of="2026-01-31").state
    assert state.as_of == date(2026, 1, 31)
    assert artifacts["as_of"] == "2026-01-31"
    assert artifacts["source"] == "sample of 30, seed 3"


@pytest.mark.parametrize(
    ("name", "write"), [("m.json", json.dumps), ("m.jsonl", as_jsonl), ("m.csv", as_csv), ("noending", as_jsonl)]
)
def test_every_text_format_gives_the_same_tables(
    run: Run, movie_file: Callable[..., Path], name: str, write: Callable[..., str]
) -> None:
    movies = sample_movies(5)
    run("build", movie_file(movies, "plain.json"), "--as-of", "2026-01-01")
    outcome = run("build", movie_file(write(movies), name), "--as-of", "2026-01-01", "--store", "other")
    assert outcome.code == 0, outcome.err
    assert tables(Path("other")) == tables()


def test_parquet_is_read(run: Run) -> None:
    run("sample", 5, "--out", "movies.parquet")
    run("build", "movies.parquet", "--as-of", "2026-01-01")
    run("build", "--sample", 5, "--as-of", "2026-01-01", "--store", "other")
    assert tables() == tables(Path("other"))


def test_a_dash_reads_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(as_jsonl(sample_movies(4)).encode())))
    assert run("build", "-", "--json").json["movies"]["accepted"] == 4


def test_the_format_can_be_said_where_the_ending_lies(run: Run, movie_file: Callable[..., Path]) -> None:
    path = movie_file(as_jsonl([GOOD]), "movies.csv")
    assert run("build", path).code == 1
    assert run("build", path, "--format", "jsonl").code == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_is_the_one_asked_for(run: Run, engine: str) -> None:
    assert run("build", "--sample", 3, "--backend", engine, "--json").json["backend"] == engine


def test_an_engine_from_the_environment_must_be_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURES_BACKEND", "spark")
    outcome = run("build", "--sample", 3)
    assert outcome.code == 2
    assert "FEATURES_BACKEND is 'spark'" in outcome.err
    assert not Path("store").exists()


def test_a_default_for_tables_that_computes_no_features_leaves_that_to_an_engine(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURES_BACKEND", "pyarrow")
    assert run("build", "--sample", 3, "--json").json["backend"] == ENGINES[0]
    assert run("build", "--sample", 3, "--backend", "pyarrow").code == 2


def test_renamed_columns_are_read_as_the_fields_they_are(run: Run, movie_file: Callable[..., Path]) -> None:
    path = movie_file("nr,a=b\n5,Film\n", "odd.csv")
    assert run("build", path, "--rename", "nr=movie_id", "--rename", "a=b=title").code == 0
    assert tables()["basic"]["title"].to_pylist() == ["Film"]


def test_renaming_throws_no_column_away(run: Run, movie_file: Callable[..., Path]) -> None:
    path = movie_file("id,title,original_language\n5,Film,en\n", "m.csv")
    outcome = run("build", path, "--rename", "original_language=title")
    assert outcome.code == 1
    assert "already has a column 'title'" in outcome.err
    assert not Path("store").exists()


def test_group_message_and_compression_are_kept(run: Run) -> None:
    run("build", "--sample", 2, "--group", "films", "--message", "a first try", "--compression", "zstd")
    with opened() as store:
        assert store.versions("films")[0].message == "a first try"
        path = store.get_feature_info("basic", "films").id
    metadata = importlib.import_module("pyarrow.parquet").read_metadata(f"store/files/{path}.parquet")
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    run("build", "--sample", 2, "--group", "films", "--message", "")
    with opened() as store:
        assert store.versions("films")[1].message == ""


def test_bad_records_stop_the_build_and_the_message_offers_to_set_them_apart(
    run: Run, movie_file: Callable[..., Path]
) -> None:
    outcome = run("build", movie_file([GOOD, BAD]))
    assert outcome.code == 1
    assert "1 of 2 records are not movies (row 1: title is empty)" in outcome.err
    assert "--on-invalid reject" in outcome.err
    assert not Path("store").exists()


def test_refused_records_are_a_table_of_the_same_version(run: Run, movie_file: Callable[..., Path]) -> None:
    run("build", movie_file([GOOD, BAD]), "--on-invalid", "reject")
    refused = tables()["rejected"].to_pylist()
    assert [(one["row"], one["movie_id"], one["field"]) for one in refused] == [(1, 2, "title")]
    assert json.loads(refused[0]["record"]) == BAD


def test_a_later_build_without_refused_records_shows_none(run: Run, movie_file: Callable[..., Path]) -> None:
    run("build", movie_file([GOOD, BAD]), "--on-invalid", "reject")
    outcome = run("build", movie_file([GOOD]), "--json")
    assert outcome.json["version"] == 2
    assert list(outcome.json["tables"]) == FAMILIES
    assert tables()["rejected"].num_rows == 0
    with opened() as store:
        assert store.get_features(["rejected"], "movies", version=1)["rejected"].num_rows == 1


def test_a_group_that_never_refused_a_record_has_no_such_table(run: Run) -> None:
    run("build", "--sample", 2)
    run("build", "--sample", 2)
    assert list(tables()) == sorted(FAMILIES)


def test_a_version_that_came_in_between_is_looked_at_again(
    run: Run, movie_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another build's refused records must not be carried over into this build's version."""
    path = movie_file([GOOD, BAD], "both.json")
    save, others = SimpleFeatureStore.save_features, iter([True])

    def overtaken(self: SimpleFeatureStore, group: str, features: dict[str, Any], **given: Any) -> dict[str, str]:
        if next(others, False):
            refused = pa.table({"row": [1]})
            save(self, group, {"rejected": refused})
        return save(self, group, features, **given)

    monkeypatch.setattr(SimpleFeatureStore, "save_features", overtaken)
    outcome = run("build", movie_file([GOOD]), "--json")
    assert outcome.json["version"] == 2
    assert tables()["rejected"].num_rows == 0
    assert path.exists()


def test_a_conflict_is_retried_only_while_versions_come(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def refused(self: SimpleFeatureStore, *args: Any, expected_version: int, **given: Any) -> None:
        calls.append(expected_version)
        if len(calls) < 3:
            raise ConflictError("another came first", group="movies", expected=0, actual=1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SimpleFeatureStore, "save_features", refused)
    assert run("build", "--sample", 2).code == 1
    assert calls == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("--message", "--message holds the character U+DCFF, which cannot be stored"),
        ("--store", "'a\\udcff' is not text in UTF-8; name another folder"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_is_made(run: Run, name: str, told: str) -> None:
    outcome = run("build", "--sample", 2, name, os.fsdecode(b"a\xff"))
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are always text")
def test_a_file_is_read_whatever_bytes_its_name_is_made_of(run: Run) -> None:
    source = Path(os.fsdecode(b"\xff.csv"))
    source.write_text(as_csv([GOOD]))
    outcome = run("build", source, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["source"] == "\\udcff.csv"
    assert run("log", "movies", "--json").json["versions"][0]["message"] == "built from \\udcff.csv"


@pytest.mark.parametrize("record", [BAD, 7])
def test_a_single_record_that_is_no_movie_is_told_in_the_singular(
    run: Run, movie_file: Callable[..., Path], record: object
) -> None:
    path = movie_file([record])
    outcome = run("build", path)
    assert outcome.code == 1
    assert f"the only record of {path} is no movie (" in outcome.err
    assert "record is not a record" not in outcome.err


@pytest.mark.parametrize("on_invalid", ["raise", "reject"])
def test_where_no_record_is_a_movie_nothing_is_stored(
    run: Run, movie_file: Callable[..., Path], on_invalid: str
) -> None:
    outcome = run("build", movie_file([BAD, {"movie_id": 3}]), "--on-invalid", on_invalid)
    assert outcome.code == 1
    assert "none of the 2 records" in outcome.err
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("record", "step"),
    [
        ({"movie_id": -1, "title": "One"}, "correct them"),
        ({"movie_id": 1, "title": None}, "correct them"),
        ({"movie_id": 1, "film": "One"}, "--rename old=new"),
    ],
)
def test_other_names_are_proposed_only_where_a_name_is_not_there(
    run: Run, movie_file: Callable[..., Path], record: object, step: str
) -> None:
    assert run("build", movie_file([record])).err.rstrip().endswith(step)


def test_a_list_in_a_file_of_lines_is_told_its_format(run: Run, movie_file: Callable[..., Path]) -> None:
    path = movie_file([GOOD], "movies.jsonl")
    assert "--format json" in run("build", path).err
    assert run("build", path, "--format", "json").code == 0


@pytest.mark.parametrize("text", ["[]", '{"results": []}'])
def test_an_input_without_records_is_an_error(run: Run, movie_file: Callable[..., Path], text: str) -> None:
    outcome = run("build", movie_file(text))
    assert outcome.code == 1
    assert "holds no movies, so nothing was stored; name a file that does" in outcome.err
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", "", "is empty"),
        ("text.txt", "Dear reader,\nthis is no file of movies.\n", "no column movie_id"),
        ("broken.json", '[{"movie_id": 1,', "not valid JSON at line 1"),
        ("movies.parquet", "PAR1 not really", "cannot be read"),
    ],
)
def test_files_that_are_no_movies_are_named_with_the_reason(
    run: Run, movie_file: Callable[..., Path], name: str, content: str, told: str
) -> None:
    outcome = run("build", movie_file(content, name))
    assert outcome.code == 1
    assert name in outcome.err
    assert told in outcome.err
    assert ".;" not in outcome.err
    assert ";" in outcome.err or ":" in outcome.err.removeprefix("error:")
    assert not Path("store").exists()


def test_a_file_of_an_unknown_user_is_not_there(run: Run) -> None:
    outcome = run("build", "~nobody-of-this-name/movies.csv")
    assert outcome.code == 1
    assert "no file ~nobody-of-this-name/movies.csv" in outcome.err


def test_a_missing_file_and_a_folder_are_named(run: Run, tmp_path: Path) -> None:
    assert "there is no file nosuch.csv" in run("build", "nosuch.csv").err
    assert "https://a.org/m.csv is a URL; download it, and name the file" in run("build", "https://a.org/m.csv").err
    assert "is a directory" in run("build", tmp_path).err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("movies.json", "--store", ""),
        ("movies.json", "--store", "s3://bucket/store"),
        ("movies.json", "--store", "~nobody-of-this-name/store"),
        ("movies.json", "--sample", "3"),
        ("--sample", "0"),
        ("--sample", "3", "--as-of", "2026-02-30"),
        ("--sample", "3", "--as-of", "yesterday"),
        ("--sample", "3", "--backend", "spark"),
        ("--sample", "3", "--compression", "brotli"),
        ("--sample", "3", "--on-invalid", "ignore"),
        ("--sample", "3", "--group", "a/b"),
        ("--sample", "3", "--format", "csv"),
        ("movies.json", "--seed", "3"),
        ("--sample", "3", "--seed", "-1"),
        ("movies.json", "--seed", "0"),
        ("movies.json", "--rename", "film"),
        ("movies.json", "--rename", "film=titel"),
        ("movies.json", "--rename", "a=title", "--rename", "a=movie_id"),
    ],
)
def test_wrong_use_is_told_apart_and_stores_nothing(
    run: Run, movie_file: Callable[..., Path], arguments: tuple[str, ...]
) -> None:
    movie_file([GOOD])
    outcome = run("build", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert not Path("store").exists()


def test_a_store_path_that_is_a_file_is_refused_before_any_work(
    run: Run, movie_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = movie_file([GOOD])
    monkeypatch.setattr("features.engineering.movies.read_movies", lambda *_, **__: pytest.fail("work was done"))
    outcome = run("build", path, "--store", path)
    assert outcome.code == 1
    assert "is a file; --store must be a folder" in outcome.err


def test_a_store_that_cannot_be_made_is_told(run: Run, movie_file: Callable[..., Path]) -> None:
    outcome = run("build", "--sample", 2, "--store", movie_file([]) / "below")
    assert outcome.code == 1
    assert "movies.json" in outcome.err


def test_the_options_offer_what_the_library_takes() -> None:
    from typing import get_args

    from features.store.codec import base

    assert [one.value for one in Compression] == list(get_args(base.Compression))
    assert [one.value for one in MovieFormat] == list(FORMATS)
