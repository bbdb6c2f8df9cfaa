"""Files of movies, in the layouts and with the faults that people have."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.engineering.movies import Movies, read_movies, sample_movies
from features.errors import ConfigError, InvalidMoviesError, SourceNotFoundError

ONE = {"id": 603, "title": "The Matrix", "genres": [{"id": 28, "name": "Action"}, {"id": 878, "name": "Sci-Fi"}]}
TWO = {"id": 604, "title": "Reloaded", "genre_ids": [28], "vote_average": 6.7, "release_date": "2003-05-15"}


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def ids(movies):
    return movies.table["movie_id"].to_pylist()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([ONE, TWO], [603, 604]),
        (ONE, [603]),
        ({"page": 1, "results": [ONE, TWO]}, [603, 604]),
        ([{"results": [ONE]}, {"results": [TWO]}], [603, 604]),
        ([], []),
        ({"results": []}, []),
    ],
)
def test_json_may_be_records_or_pages(tmp_path, content, expected):
    path = written(tmp_path, "movies.json", "\ufeff \n" + json.dumps(content, indent=1) + "\n")
    movies = read_movies(path)
    assert ids(movies) == expected
    assert movies.read == len(expected)


def test_genres_of_details_are_read(tmp_path):
    movies = read_movies(written(tmp_path, "movie.json", json.dumps(ONE)))
    assert movies.table["genre_ids"].to_pylist() == [[28, 878]]


def test_jsonl_rows_are_lines(tmp_path):
    lines = [json.dumps(ONE), "", "7", json.dumps(TWO), json.dumps({"results": [{"id": 1}]})]
    movies = read_movies(written(tmp_path, "movies.jsonl", "\n".join(lines)))
    assert ids(movies) == [603, 604]
    assert movies.rejected.select(["row", "field"]).to_pylist() == [
        {"row": 3, "field": "record"},
        {"row": 5, "field": "title"},
    ]


def test_the_layout_of_tmdb_5000_is_read(tmp_path):
    text = (
        "budget,genres,id,original_language,overview,popularity,release_date,title,vote_average,vote_count\r\n"
        '1,"[{""id"": 28, ""name"": ""Action""}]",19995,en,"Two lines,\r\nquoted ""so""",150.4,'
        "2009-12-10,Avatar,7.2,11800\r\n"
        "2,[],285,en,,139.0,,Pirates,0.0,0\r\n"
    )
    movies = read_movies(written(tmp_path, "movies.csv", text))
    first, second = movies.table.to_pylist()
    assert (first["overview"], first["genre_ids"], first["popularity"]) == ('Two lines,\r\nquoted "so"', [28], 150.4)
    assert (second["overview"], second["release_date"], second["vote_count"]) == (None, None, 0)


def test_the_layout_of_the_movies_dataset_is_read_and_slipped_rows_are_told(tmp_path):
    text = (
        "adult,genres,id,original_title,overview,popularity,release_date,title,vote_average,vote_count\n"
        "False,\"[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': \"\"It's\"\"}]\",862,Toy Story,Woody.,21.9,"
        "1995-10-30,Toy Story,7.7,5415.0\n"
        " - Written by Orn,0.065,1997-08-20,,1,,x,y,z,1\n"
        "short,row\n"
        "True,[],8844,Jumanji,,17.0,1995-12-15,Jumanji,6.9,2413.0\n"
    )
    movies = read_movies(written(tmp_path, "movies_metadata.csv", text))
    assert ids(movies) == [862, 8844]
    assert movies.table["genre_ids"].to_pylist() == [[16, 35], []]
    assert movies.table["vote_count"].to_pylist() == [5415, 2413]
    assert movies.table["adult"].to_pylist() == [False, True]
    told = movies.rejected.to_pylist()
    assert [(one["row"], one["field"], one["reason"]) for one in told] == [
        (3, "movie_id", "is not an integer"),
        (4, "record", "has 2 cells where the header has 10"),
    ]
    assert json.loads(told[1]["record"]) == {"adult": "short", "genres": "row"}


def test_rows_are_the_lines_where_records_start(tmp_path):
    movies = read_movies(written(tmp_path, "m.csv", 'id,title\n1,"a\nb\nc"\n\nx,bad\n2,d\ny,bad'))
    assert movies.rejected["row"].to_pylist() == [6, 8]


def test_very_long_cells_are_read_and_the_csv_module_is_left_as_it_was(tmp_path):
    before = csv.field_size_limit()
    movies = read_movies(written(tmp_path, "m.csv", f"id,title,overview\n1,a,{'x' * 300_000}\n"))
    assert len(movies.table["overview"][0].as_py()) == 300_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("content", ["id,title\n", "id,title"])
def test_a_header_alone_is_no_movies(tmp_path, content):
    movies = read_movies(written(tmp_path, "m.csv", content))
    assert (movies.read, movies.table.num_rows) == (0, 0)


def test_parquet_comes_back(tmp_path):
    movies = Movies.from_records(sample_movies(200))
    pq.write_table(movies.table, tmp_path / "m.parquet", row_group_size=64)
    assert read_movies(tmp_path / "m.parquet").table.equals(movies.table)
    with (tmp_path / "m.parquet").open("rb") as file:
        assert read_movies(file).table.equals(movies.table)


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet"])
@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_compressed_files_are_read_by_ending_and_by_content(tmp_path, ending, compression):
    content = {
        "json": json.dumps([ONE]).encode(),
        "jsonl": json.dumps(ONE).encode() + b"\n" + json.dumps(TWO).encode(),
        "csv": b"id,title\n603,The Matrix\n",
        "parquet": _parquet([{"id": 603, "title": "The Matrix"}]),
    }[ending]
    if compression is not None:
        content = pa.compress(content, "zstd", asbytes=True) if compression == "zstd" else gzip.compress(content)
    suffix = {None: "", "gzip": ".gz", "zstd": ".zst"}[compression]
    path = written(tmp_path, f"movies.{ending}{suffix}", content)
    assert ids(read_movies(path))[:1] == [603]
    assert ids(read_movies(io.BytesIO(content)))[:1] == [603]
    with path.open("rb") as file:
        assert ids(read_movies(file))[:1] == [603]
        assert not file.closed


def _parquet(rows):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


def test_text_files_are_read_and_stay_open(tmp_path):
    path = written(tmp_path, "m.csv", "\ufeffid,title\n1,a\n")
    with path.open(encoding="utf-8-sig") as file:
        assert ids(read_movies(file)) == [1]
        assert not file.closed
    assert ids(read_movies(io.StringIO('[{"id": 2, "title": "b"}]'))) == [2]


def test_columns_can_be_renamed(tmp_path):
    path = written(tmp_path, "m.csv", "number,film,year\n1,Alien,1979\n")
    movies = read_movies(path, rename={"film": "title", "number": "id"})
    assert movies.table.select(["movie_id", "title"]).to_pylist() == [{"movie_id": 1, "title": "Alien"}]
    path = written(tmp_path, "m.json", '[{"id": 1, "film": "Alien"}]')
    assert read_movies(path, rename={"film": "title"}).table["title"].to_pylist() == ["Alien"]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_one_field_can_be_read_as_another(form):
    record = {"movie_id": 1, "original_title": "Alien", "overview": "In space."}
    text = ",".join(record) + "\n1,Alien,In space.\n" if form == "csv" else json.dumps(record)
    movies = read_movies(io.StringIO(text), format=form, rename={"original_title": "title"})
    assert movies.table.select(["title", "original_title", "overview"]).to_pylist() == [
        {"title": "Alien", "original_title": None, "overview": "In space."}
    ]


def test_a_column_is_not_renamed_to_one_that_is_there(tmp_path):
    rows = [{"id": 1, "title": "Alien", "original_language": "en"}]
    for path in (
        written(tmp_path, "m.csv", "id,title,original_language\n1,Alien,en\n"),
        written(tmp_path, "m.parquet", _parquet(rows)),
    ):
        with pytest.raises(InvalidMoviesError, match="already has a column 'title'"):
            read_movies(path, rename={"original_language": "title"})
        swapped = read_movies(path, rename={"original_language": "title", "title": "original_language"})
        assert swapped.table.select(["title", "original_language"]).to_pylist() == [
            {"title": "en", "original_language": "Alien"}
        ]


def test_a_json_record_that_has_both_names_is_read_under_the_renamed_one(tmp_path):
    path = written(tmp_path, "m.json", '[{"id": 1, "film": "Alien", "title": "x"}, {"id": 2, "title": "Heat"}]')
    assert read_movies(path, rename={"film": "title"}).table["title"].to_pylist() == ["Alien"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.json", "", "is empty"),
        ("m.json", "  \n", "is empty"),
        ("m.csv", "", "is empty"),
        ("m.json", "[1, 2", "not valid JSON at line 1"),
        ("m.json", '[\n{"id": 1,\n "title": }]', "not valid JSON at line 3"),
        ("m.json", '{"id": 1}\n{"id": 2}', "jsonl"),
        ("m.json", "[1] 2", "something follows the list"),
        ("m.json", '"text"', "holds no movies"),
        ("m.json", "[" * 100_000, "not valid JSON"),
        ("m.jsonl", '{"id": 1, "title": "x"}\n{"id"', "not valid JSON at line 2"),
        ("m.jsonl", '[{"id": 1, "title": "x"}]', "a list of records is format='json'"),
        ("m.jsonl", '[\n {"id": 1, "title": "x"}\n]', "a list of records is format='json'"),
        ("m.csv", b"id,title\n1,\xff\n", "is not UTF-8"),
        ("m.csv", b"id,title\n1,\xff\n", "iconv -f LATIN1 -t UTF-8"),
        ("m", b"id,title\n1,\xff\n", "or name its format with format="),
        ("m.csv", "movie_id;title;overview\n1;a;b\n", "is separated by ';'; separate its cells by commas"),
        ("m.csv", "movie_id\ttitle\n1\ta\n", "is separated by '\\t'; separate its cells by commas"),
        ("m.csv", f"{'n' * 50},b\n1,a\n", f"it has '{'n' * 39}…', 'b'"),
        ("m.csv", "name,year\nx,1999\n", "rename="),
        ("m.csv", "id,title,title\n1,a,b\n", "two columns named 'title'"),
        ("m.txt", "Once upon a time there was no movie.", "rename="),
        ("m.parquet", "no parquet", "cannot be read"),
        ("m.csv.gz", "no gzip", "cannot be read"),
        ("m.parquet", _parquet([{"a": 1}]), "has no column movie_id (or id) and title; it has 'a'"),
    ],
)
def test_a_file_that_is_not_movies_is_one_clear_error(tmp_path, name, content, message):
    path = written(tmp_path, name, content)
    with pytest.raises(InvalidMoviesError) as raised:
        read_movies(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_format_that_was_named_is_not_asked_for_again(tmp_path):
    path = written(tmp_path, "m", b"id,title\n1,\xff\n")
    with pytest.raises(InvalidMoviesError, match=r"convert it, as with iconv -f LATIN1 -t UTF-8$"):
        read_movies(path, format="csv")


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "m.csv", "id,title\n1,a\n")
    monkeypatch.setattr(pa, "input_stream", refuse)
    with pytest.raises(InvalidMoviesError, match=r"m\.csv may not be read by you; check its permissions$"):
        read_movies(path)


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"nothing\.csv"):
        read_movies(tmp_path / "nothing.csv")
    with pytest.raises(InvalidMoviesError, match="is a directory"):
        read_movies(tmp_path)
    for source in (None, [ONE]):
        with pytest.raises(InvalidMoviesError, match=f"source is {type(source).__name__}; give a path or an open"):
            read_movies(source)


@pytest.mark.parametrize(
    "arguments",
    [{"format": "xml"}, {"rename": {"film": "name"}}, {"rename": {"a": "title", "b": "title"}}],
)
def test_wrong_arguments_are_named(tmp_path, arguments):
    path = written(tmp_path, "m.json", "[]")
    with pytest.raises(ConfigError) as raised:
        read_movies(path, **arguments)
    assert raised.value.field in arguments


def test_there_are_no_fewer_sample_movies_than_none():
    assert sample_movies(0) == []
    with pytest.raises(ConfigError, match="n is -1; it must be at least 0"):
        sample_movies(-1)


def test_sample_movies_are_the_same_everywhere_and_look_real():
    movies = sample_movies(2000)
    assert movies == sample_movies(2000)
    assert movies[:100] == sample_movies(100)
    assert movies != sample_movies(2000, seed=1)
    found = Movies.from_records(movies)
    assert found.rejected.num_rows == 0
    assert movies[0] == sample_movies(1)[0]
    assert 10 < found.table["release_date"].null_count < 100
    assert 20 < sum(not movie["overview"] for movie in movies) < 200
    popularity = sorted(movie["popularity"] for movie in movies)
    assert popularity[1000] * 10 < popularity[-20]
    assert len({movie["original_language"] for movie in movies}) > 5
