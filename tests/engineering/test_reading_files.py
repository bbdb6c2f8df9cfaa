"""Files of movies, in the layouts and with the faults that people have."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.engineering.batch import FieldNames
from features.engineering.movies import Movies, read_movies, sample_movies
from features.engineering.readers import batches_of_file
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


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "movie.json", json.dumps(ONE))
    assert read_movies("~/movie.json").table.num_rows == 1
    with pytest.raises(SourceNotFoundError, match="no file ~nobody-of-that-name/movie"):
        read_movies("~nobody-of-that-name/movie.json")


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


class Pieces(io.RawIOBase):
    """A pipe: each read gives what was written at once, which may be made on demand."""

    def __init__(self, pieces):
        self.pieces = iter(pieces)
        self.rest = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = self.rest or next(self.pieces, b"")
        size = min(len(piece), len(buffer))
        buffer[:size], self.rest = piece[:size], piece[size:]
        return size


def test_files_read_at_once_leave_the_csv_module_as_it_was():
    before = csv.field_size_limit()
    first_reads, second_reads, first_is_done = threading.Event(), threading.Event(), threading.Event()

    def first():
        yield b"id,title\n"
        first_reads.set()
        assert second_reads.wait(60)
        yield b"1," + b"x" * 3000

    def second():
        yield b"id,title\n"
        second_reads.set()
        assert first_is_done.wait(60)
        for _ in range(50):
            yield b"x" * 4000
        yield b"\n"

    def read_first():
        with suppress(InvalidMoviesError):
            found.append(read_movies(io.BufferedReader(Pieces(first())), format="csv"))
        first_is_done.set()

    found = []
    thread = threading.Thread(target=read_first)
    thread.start()
    assert first_reads.wait(60)
    assert read_movies(io.BufferedReader(Pieces(second())), format="csv").rejected.num_rows == 1
    thread.join()
    assert ids(found[0]) == [1]
    assert csv.field_size_limit() == before


TABLES = st.lists(st.lists(st.text('a",\r\n', max_size=5), min_size=2, max_size=2), max_size=4)


@given(rows=TABLES, more=st.lists(st.text("a,\n", max_size=5), max_size=4), ends=st.booleans())
def test_an_open_quote_is_told_with_its_line_and_closed_ones_are_read(rows, more, ends):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [["id", "title", "overview"], *([at, f"x{one}", two] for at, (one, two) in enumerate(rows))]
    )
    whole = text.getvalue() if ends else text.getvalue().removesuffix("\r\n")
    assert ids(read_movies(io.BytesIO(whole.encode()), format="csv")) == list(range(len(rows)))
    line = len(io.StringIO(text.getvalue(), newline=None).readlines()) + 1
    cut = text.getvalue() + '9,x,"' + "\n".join(more)
    with pytest.raises(InvalidMoviesError, match=f"never closed in the record that starts in line {line};"):
        read_movies(io.BytesIO(cut.encode()), format="csv")


def test_what_follows_a_closed_quote_is_part_of_the_cell(tmp_path):
    movies = read_movies(written(tmp_path, "m.csv", 'id,title\n1,"ok" he said\n2,the "x\n'))
    assert movies.table["title"].to_pylist() == ["ok he said", 'the "x']


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,title,x,x", ["id", "title", "x", "x (2)"]),
        ("id,title,,,", ["id", "title", "", " (2)", " (3)"]),
        ("x (2),x,id,title,x", ["x (2)", "x", "id", "title", "x (3)"]),
    ],
)
def test_refused_records_are_told_with_every_cell_of_columns_of_one_name(tmp_path, header, told):
    cells = [str(-number) for number in range(1, len(told) + 1)]
    movies = read_movies(written(tmp_path, "m.csv", f"{header}\n{','.join(cells)}\n"))
    assert json.loads(movies.rejected["record"][0].as_py()) == dict(zip(told, cells, strict=True))


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


def test_no_thread_reads_from_a_parquet_file_that_is_closed(tmp_path, monkeypatch):
    pq.write_table(Movies.from_records(sample_movies(5)).table, tmp_path / "m.parquet", row_group_size=1)
    monkeypatch.setattr("features.engineering.readers.BATCH_ROWS", 1)
    before, close, at_close = set(threading.enumerate()), pq.ParquetFile.close, []

    def noted(file, **options):
        at_close.append(set(threading.enumerate()) - before)
        close(file, **options)

    monkeypatch.setattr(pq.ParquetFile, "close", noted)
    batches = batches_of_file(tmp_path / "m.parquet", None, FieldNames())
    next(batches)
    assert set(threading.enumerate()) - before
    batches.close()
    assert at_close == [set()]


def test_parquet_is_read_also_when_the_interpreter_exits(tmp_path):
    pq.write_table(Movies.from_records(sample_movies(5)).table, tmp_path / "m.parquet")
    code = """
import atexit, sys
from features import read_movies
atexit.register(lambda: print(read_movies(sys.argv[1]).read))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "m.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("5\n", "")


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


LONG = {**ONE, "overview": "long " * 4000}
CONTENTS = {
    "a list": json.dumps([LONG, TWO]).encode(),
    "a list on lines": json.dumps([LONG, TWO], indent=1).encode(),
    "a page": json.dumps({"page": 1, "results": [LONG, TWO]}).encode() + b"\n",
    "a page on lines": json.dumps({"page": 1, "results": [LONG, TWO]}, indent=1).encode(),
    "lines": b"\n".join([b"", json.dumps(LONG).encode(), b" ", json.dumps(TWO).encode()]),
    "lines of pages": b"\n".join(json.dumps({"results": [one]}).encode() for one in (LONG, TWO)) + b"\n",
    "lines after a mark": b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(one).encode() for one in (LONG, TWO)),
    "cells": b"id,title,overview\n603,The Matrix,%s\n604,Reloaded," % (b"long " * 4000),
    "Parquet": None,
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=4))
def test_what_a_pipe_holds_does_not_depend_on_when_it_was_written(kind, compression, sizes):
    content = CONTENTS[kind]
    if kind == "Parquet":
        content = _parquet([{"id": 603, "title": "The Matrix"}, {"id": 604, "title": "Reloaded"}])
    if compression is not None:
        content = pa.compress(content, "zstd", asbytes=True) if compression == "zstd" else gzip.compress(content, 1)
    start, pieces = 0, []
    for size in sizes:
        pieces.append(content[start : start + size])
        start += size
    pieces.append(content[start:])
    assert ids(read_movies(io.BufferedReader(Pieces(filter(None, pieces))))) == [603, 604]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["a list", "lines", "cells", "Parquet"])
def test_a_named_pipe_is_read_by_its_path(tmp_path, kind):
    content = _parquet([{"id": 603, "title": "x"}, {"id": 604, "title": "y"}]) if kind == "Parquet" else CONTENTS[kind]
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
    thread.start()
    assert ids(read_movies(tmp_path / "pipe")) == [603, 604]
    thread.join()


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet"])
def test_a_file_that_is_compressed_under_another_name_is_read(tmp_path, ending):
    content = {"json": CONTENTS["a list"], "jsonl": CONTENTS["lines"], "csv": CONTENTS["cells"]}.get(
        ending, _parquet([{"id": 603, "title": "x"}, {"id": 604, "title": "y"}])
    )
    for packed in (gzip.compress(content), pa.compress(content, "zstd", asbytes=True)):
        assert ids(read_movies(written(tmp_path, f"m.{ending}", packed))) == [603, 604]


def test_gzip_is_read_as_its_own_tools_do(tmp_path):
    packed = gzip.compress(b"id,title\n1,a\n") + gzip.compress(b"2,b\n") + bytes(600)
    assert ids(read_movies(written(tmp_path, "m.csv.gz", packed))) == [1, 2]
    assert ids(read_movies(io.BytesIO(packed))) == [1, 2]
    broken = bytearray(gzip.compress(b"id,title\n" + b"1,a\n" * 99))
    broken[12] ^= 0xFF
    for damaged in (packed[:-610], bytes(broken)):
        with pytest.raises(InvalidMoviesError, match=r"m\.csv\.gz cannot be read"):
            read_movies(written(tmp_path, "m.csv.gz", damaged))


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


def test_text_files_are_read_from_where_they_are_and_in_their_encoding(tmp_path):
    text = "id,title\n1,Amélie\n2,Léon\n"
    for encoding in ("utf-8", "latin-1", "utf-16"):
        path = written(tmp_path, "m.csv", ("skipped\n" + text).encode(encoding))
        with path.open(encoding=encoding) as file:
            file.readline()
            assert read_movies(file).table["title"].to_pylist() == ["Amélie", "Léon"]
        path = written(tmp_path, "m.csv", text.encode(encoding))
        with path.open(encoding=encoding) as file:
            file.readline()
            file.seek(0)
            assert read_movies(file).table["title"].to_pylist() == ["Amélie", "Léon"]
    ascii_alone = pytest.raises(InvalidMoviesError, match="is not ascii text; open it with the encoding that it has")
    with written(tmp_path, "m.csv", text).open(encoding="ascii") as file, ascii_alone:
        read_movies(file)
    with written(tmp_path, "m.csv", text.encode("latin-1")).open(encoding="utf-8", errors="replace") as file:
        assert read_movies(file).table["title"].to_pylist() == ["Am\ufffdlie", "L\ufffdon"]
    with written(tmp_path, "m.csv", gzip.compress(text.encode())).open(encoding="utf-8") as file:
        assert ids(read_movies(file)) == [1, 2]
    with pytest.raises(InvalidMoviesError, match="is not UTF-8 text"):
        read_movies(io.StringIO("id,title\n1,\ud800\n"))
    with pytest.raises(InvalidMoviesError, match="iconv -f LATIN1"):
        read_movies(written(tmp_path, "m.csv", text.encode("latin-1")))
    for name in ("m.csv", "m.json", "m.jsonl"):
        with pytest.raises(InvalidMoviesError, match="iconv -f UTF-16"):
            read_movies(written(tmp_path, name, text.encode("utf-16")))


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
        ("m.json", "[" * 100_000, "not valid JSON at line 1: lists or objects are nested too deep"),
        ("m.json", f"[\n{'1' * 5000}]", "not valid JSON at line 2: an integer has more than 4,300 digits"),
        ("m.jsonl", "1" * 5000, "not valid JSON at line 1: an integer has more than 4,300 digits"),
        ("m.json", '[{"id": 1, "title": "x"},\n]', "not valid JSON at line 2"),
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


@given(st.lists(st.sampled_from(["1", "{}", "[", "]", ",", " "]), max_size=8).map("".join))
@example("1,")
@example("],")
def test_a_list_is_read_where_it_is_json_and_refused_where_not(inside):
    text = f"[{inside}]"
    try:
        records = json.loads(text)
    except ValueError:
        with pytest.raises(InvalidMoviesError, match="not valid JSON"):
            read_movies(io.StringIO(text), format="json")
    else:
        assert read_movies(io.StringIO(text), format="json").read == len(records)


def test_a_format_that_was_named_is_not_asked_for_again(tmp_path):
    path = written(tmp_path, "m", b"id,title\n1,\xff\n")
    with pytest.raises(InvalidMoviesError, match=r"convert it, as with iconv -f LATIN1 -t UTF-8$"):
        read_movies(path, format="csv")


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "m.csv", "id,title\n1,a\n")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InvalidMoviesError, match=r"m\.csv may not be read by you; check its permissions$"):
        read_movies(path)


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"nothing\.csv"):
        read_movies(tmp_path / "nothing.csv")
    with pytest.raises(InvalidMoviesError, match="is a directory"):
        read_movies(tmp_path)
    with pytest.raises(SourceNotFoundError, match=r"^http://a\.org/m\.csv is a URL; download it, and name the file$"):
        read_movies("http://a.org/m.csv")
    with pytest.raises(SourceNotFoundError, match=r"^the path is empty; name a file$"):
        read_movies("")
    for source in (None, [ONE]):
        with pytest.raises(InvalidMoviesError, match=f"source is {type(source).__name__}; give a path or an open"):
            read_movies(source)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_renaming_that_no_record_needs_hides_no_field(tmp_path, form):
    records = [{"id": 1, "title": "Alien", "vote_count": 9}, {"id": 2, "title": "Heat"}]
    text = json.dumps(records) if form == "json" else "\n".join(map(json.dumps, records))
    path = written(tmp_path, f"m.{form}", text)
    with pytest.raises(InvalidMoviesError, match="has no field 'vots' to rename, but 'vote_count' itself"):
        read_movies(path, rename={"vots": "vote_count"})
    with pytest.raises(InvalidMoviesError, match="has no field 'name' to rename, but 'title' itself"):
        read_movies(path, rename={"name": "title"})
    assert ids(read_movies(path, rename={"language": "original_language"})) == [1, 2]  # a field that they all lack
    path = written(tmp_path, f"m.{form}", text.replace("vote_count", "votes"))
    assert read_movies(path, rename={"votes": "vote_count"}).table["vote_count"].to_pylist() == [9, None]


@pytest.mark.parametrize(
    "arguments",
    [
        {"format": "xml"},
        {"rename": {"film": "name"}},
        {"rename": {"a": "title", "b": "title"}},
        {"rename": {"a": []}},
        {"rename": "title"},
        {"rename": 1},
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments):
    path = written(tmp_path, "m.json", "[]")
    with pytest.raises(ConfigError) as raised:
        read_movies(path, **arguments)
    assert raised.value.field in arguments


def test_there_are_no_fewer_sample_movies_than_none():
    assert sample_movies(0) == []
    for wrong in (-1, 1.5, "5", None, [], True):
        with pytest.raises(ConfigError, match=f"^n is {re.escape(repr(wrong))}; it must be a whole number from 0$"):
            sample_movies(wrong)
        with pytest.raises(ConfigError, match=f"^seed is {re.escape(repr(wrong))}; it must be a whole number from 0$"):
            sample_movies(1, seed=wrong)
    assert sample_movies(np.int64(2), seed=np.int8(3)) == sample_movies(2, seed=3)


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


def test_what_a_signal_handler_raises_is_not_told_of_the_file():
    class Slow(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        read_movies(io.BufferedReader(Slow()))


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("movies.jsonl", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (zipped(b'{"id": 1, "title": "a"}'), "packed with zip"),
        (bz2.compress(b'{"id": 1, "title": "a"}'), "packed with bzip2"),
        (lzma.compress(b'{"id": 1, "title": "a"}'), "packed with xz"),
        (gzip.compress(gzip.compress(b'{"id": 1, "title": "a"}')), "packed with gzip or zstd more than once"),
    ],
    ids=["zip", "bzip2", "xz", "gzip"],
)
def test_what_a_file_is_packed_with_is_told(tmp_path, packed, told):
    path = tmp_path / "movies.jsonl"
    path.write_bytes(packed)
    with pytest.raises(InvalidMoviesError, match=rf"movies\.jsonl is {told}; unpack it first"):
        read_movies(path)
