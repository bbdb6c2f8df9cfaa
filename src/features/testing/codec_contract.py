"""What every codec must do: subclass ``CodecContract``, say which codec, and how frames are compared and ruined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import UnsupportedDataError
from features.frames import Backend
from features.store.codec.base import Codec, Compression, Storable
from features.store.codec.footers import DisagreementError, Footer
from features.store.codec.pyarrow_codec import PyarrowCodec
from features.store.versions import TableFile
from features.testing import exact_pyarrow
from features.testing.fidelity import Case, cases_of
from features.testing.strategies import frames, hostile_frames

_INHERITED = settings(
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""For laws that several classes inherit: an example kept for one draws another frame for the next, and does no harm."""


class CodecContract(ABC):
    """What a codec takes it gives back exactly, what it cannot it refuses by name, and nothing it gives is shared."""

    backend: ClassVar[Backend]

    @abstractmethod
    def codec(self) -> Codec[Any]:
        """The codec under test."""

    @abstractmethod
    def differences(self, left: Any, right: Any) -> list[str]:
        """What differs between two frames, in words; it must not go through the codec."""

    @abstractmethod
    def ruin(self, frame: Any) -> None:
        """Change the frame in every way that its library offers."""

    def plain(self, frame: Any) -> Any:
        """``frame`` as the kind of frame that comes back: a lazy one collected, a batch as a table."""
        return frame

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each line of the fidelity table."""
        if "case" in metafunc.fixturenames:
            cases = cases_of(self.backend)
            metafunc.parametrize("case", cases, ids=[ascii(case.what) for case in cases])

    def test_a_case_of_the_fidelity_table_is_what_it_says(self, case: Case, tmp_path: Path) -> None:
        frame = case.build()
        outcome, differences = self._outcome(frame, tmp_path / "file")
        assert differences == []
        assert case.outcome in {outcome, None}

    def test_a_scan_of_a_case_gives_what_a_read_gives(self, case: Case, tmp_path: Path) -> None:
        """A dataset gives what the pyarrow codec reads; either may refuse, and then says so before it is read."""
        path, lazy = tmp_path / "file", self.backend == "polars"
        try:
            written(self.codec().prepare(case.build(), "table"), path)
            expected = (self.codec() if lazy else PyarrowCodec()).read(path, None)
            scan = self.codec().scan(path, None)
            narrow = self.codec().scan(path, self._names(expected)[::-1])
        except UnsupportedDataError:
            return
        path.unlink()
        path.write_bytes(b"another file of this name")
        found = scan.collect() if lazy else scan.to_table()
        assert (self.differences if lazy else exact_pyarrow.differences)(expected, found) == []
        assert self._names(narrow.collect() if lazy else narrow.to_table()) == self._names(expected)[::-1]

    def test_the_fidelity_table_names_each_case_once(self) -> None:
        names = [case.what for case in cases_of(self.backend)]
        assert [name for name in names if names.count(name) > 1] == []

    @_INHERITED
    @given(data=st.data())
    def test_a_frame_comes_back_exactly(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        frame = data.draw(frames(self.backend))
        outcome, differences = self._outcome(frame, tmp_path_factory.mktemp("codec") / "file")
        assert (outcome, differences) == ("exact", [])

    @_INHERITED
    @given(data=st.data())
    def test_any_frame_comes_back_exactly_or_is_refused_by_name(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        frame = data.draw(hostile_frames(self.backend))
        _, differences = self._outcome(frame, tmp_path_factory.mktemp("codec") / "file")
        assert differences == []

    @_INHERITED
    @given(data=st.data())
    def test_nothing_that_is_done_to_a_frame_reaches_what_is_stored(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        frame, path = data.draw(frames(self.backend)), tmp_path_factory.mktemp("codec") / "file"
        value = self._stored(frame, path)
        first, second = self.codec().hand_out(value), self.codec().hand_out(value)
        self.ruin(first)
        assert self.differences(self.plain(frame), second) == []
        self.ruin(second)
        assert self.differences(self.plain(frame), self.codec().hand_out(value)) == []
        kept = self.codec().give_away(self.codec().read(path, None))
        self.ruin(frame)
        assert self.differences(kept, self.codec().hand_out(value)) == []

    @_INHERITED
    @given(data=st.data())
    def test_columns_come_alone_and_in_the_order_asked_for(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        frame, path = data.draw(frames(self.backend)), tmp_path_factory.mktemp("codec") / "file"
        self._stored(frame, path)
        whole = self.codec().hand_out(self.codec().read(path, None))
        names = data.draw(st.lists(st.sampled_from(self._names(whole)), min_size=1, unique=True))
        some = self.codec().hand_out(self.codec().read(path, names))
        assert self._names(some) == names

    @pytest.mark.parametrize("compression", get_args(Compression))
    def test_every_compression_is_read_back(self, tmp_path: Path, compression: Compression) -> None:
        frame = self._first("exact").build()
        path = tmp_path / "file"
        written(self.codec().prepare(frame, "table"), path, compression)
        assert compression_of(path) == compression
        assert self.differences(self.plain(frame), self.codec().hand_out(self.codec().read(path, None))) == []

    def test_a_refusal_names_the_table_the_reason_and_the_next_step(self) -> None:
        for case in cases_of(self.backend):
            if case.outcome == "refused":
                with pytest.raises(UnsupportedDataError) as caught:
                    self.codec().prepare(case.build(), "tabula")
                assert caught.value.table == "tabula"
                assert "'tabula'" in str(caught.value)
                assert len(caught.value.message.partition(": ")[2]) > 20

    def test_a_disk_that_refuses_is_told_as_such(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("features.store.codec.arrow._IN_MEMORY", 0)  # what is made in memory meets no disk
        content = self.codec().prepare(self._first("exact").build(), "table").content("lz4")
        assert callable(content)
        with pytest.raises(FileNotFoundError):
            content(tmp_path / "missing" / "file")
        with pytest.raises(FileNotFoundError):
            self.codec().read(tmp_path / "missing", None)

    def test_a_footer_of_another_table_ends_the_reading(self, tmp_path: Path) -> None:
        prepared = self.codec().prepare(self._first("exact").build(), "table")
        written(prepared, tmp_path / "file")
        with pytest.raises(DisagreementError, match=f"has {prepared.rows} rows, not {prepared.rows + 1}"):
            self.codec().read(tmp_path / "file", None, footer_of(prepared.schema, prepared.rows + 1))
        with pytest.raises(DisagreementError, match="has the columns"):
            self.codec().read(tmp_path / "file", None, footer_of(pa.schema([("other", pa.int8())]), prepared.rows))
        (tmp_path / "file").write_bytes(b"PAR1 and no more of it PAR1")
        with pytest.raises((pa.ArrowException, OSError)):
            self.codec().read(tmp_path / "file", None, footer_of(prepared.schema, prepared.rows))

    def test_a_footer_that_was_kept_reads_the_same(self, tmp_path: Path) -> None:
        for position, frame in enumerate(case.build() for case in cases_of(self.backend) if case.outcome == "exact"):
            prepared = self.codec().prepare(frame, "table")
            path = tmp_path / str(position)
            written(prepared, path)
            footer = footer_of(prepared.schema, prepared.rows)
            for _ in range(2):
                back = self.codec().hand_out(self.codec().read(path, None, footer))
                assert self.differences(self.plain(frame), back) == []
                assert footer.metadata is not None

    def test_one_value_serves_many_threads(self, tmp_path: Path) -> None:
        frame = self._first("exact").build()
        value = self._stored(frame, tmp_path / "file")
        with ThreadPoolExecutor(8) as pool:
            handed = list(pool.map(lambda _: self.codec().hand_out(value), range(64)))
        assert [self.differences(self.plain(frame), one) for one in handed] == [[]] * 64

    def test_a_value_has_a_size(self, tmp_path: Path) -> None:
        assert self.codec().size(self._stored(self._first("exact").build(), tmp_path / "file")) > 0

    def _outcome(self, frame: Any, path: Path) -> tuple[str, list[str]]:
        try:
            prepared = self.codec().prepare(frame, "table")
        except UnsupportedDataError:
            return "refused", []
        written(prepared, path)
        value = self.codec().read(path, None)
        expected = self.plain(frame)
        handed = [self.codec().hand_out(value) for _ in range(3)]
        return "exact", [difference for one in handed for difference in self.differences(expected, one)]

    def _stored(self, frame: Any, path: Path) -> Any:
        written(self.codec().prepare(frame, "table"), path)
        return self.codec().read(path, None)

    def _first(self, outcome: str) -> Case:
        return next(case for case in cases_of(self.backend) if case.outcome == outcome)

    def _names(self, frame: Any) -> list[str]:
        return list(frame.column_names if isinstance(frame, pa.Table) else frame.columns)


def written(prepared: Storable, path: Path, compression: Compression = "lz4") -> None:
    """Write to a new file, as a save does."""
    path.touch()
    try:
        write(prepared, path, compression)
    finally:
        prepared.close()


def write(prepared: Storable, path: Path, compression: Compression = "lz4") -> None:
    """Write over the empty file at ``path``, and keep what another file would need."""
    content = prepared.content(compression)
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)


def compression_of(path: Path) -> str:
    """The compression of a file's first column, by our name for it."""
    name = str(pq.read_metadata(path).row_group(0).column(0).compression).lower()
    return "none" if name == "uncompressed" else name


def footer_of(schema: pa.Schema, rows: int) -> Footer:
    """The footer of a file that holds such a table, not parsed yet."""
    return Footer(TableFile("group", "table", 1, "0" * 32, 0, rows, bytes(16), schema, "write"))
