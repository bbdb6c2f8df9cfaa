"""Guarantee 17: change what is on disk in every way that disks and people do, and ask the store everything.

Each answer is the right one, or an error that says what is damaged. An answer that is merely plausible fails the test,
and so does "there is no such version": what was saved must not look as if it had never been.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from features.errors import ConfigError, CorruptFileError, NotFoundError, UnsafeEnvironmentError
from features.store.feature_store import SimpleFeatureStore
from features.testing.crashdisk import CrashDisk, Remains, build
from tests.integrity.profiles import budget, count
from tests.integrity.small_stores import OPERATIONS, Workplace, filled, folder, settings

PAGE = 4096
"""Bytes of a page of SQLite's."""

DETECTED = (CorruptFileError, UnsafeEnvironmentError)
"""The second where the damage makes the catalog look like one of another release, or of another program."""

Question = Callable[[SimpleFeatureStore[Any]], Any]
Damage = Callable[[bytes, random.Random], bytes]

CATALOGS = budget(dev=2, ci=300, thorough=8_000)
FILES = budget(dev=1, ci=160, thorough=1_000)
STRIDE = budget(dev=60, ci=1, thorough=1)
"""Of all forged rows, every so manieth is tried."""


def flipped(content: bytes, choice: random.Random) -> bytes:
    """One bit is another one; seldom in the space that nothing uses."""
    place = choice.randrange(len(content))
    while content[place] == 0 and choice.random() < 0.95:
        place = choice.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << choice.randrange(8))]) + content[place + 1 :]


def zeroed(content: bytes, choice: random.Random) -> bytes:
    """A block was never written."""
    size = min(choice.choice([16, 512, 4096]), len(content))
    start = choice.randrange(len(content)) // size * size
    return content[:start] + bytes(len(content[start : start + size])) + content[start + size :]


def truncated(content: bytes, choice: random.Random) -> bytes:
    """The end is missing."""
    return content[: choice.randrange(len(content))]


def extended(content: bytes, choice: random.Random) -> bytes:
    """There is more than was written."""
    return content + choice.randbytes(choice.choice([1, 4096]))


def exchanged(content: bytes, choice: random.Random) -> bytes:
    """Two blocks are in each other's place."""
    size = 4096 if len(content) > 8192 else 16
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    one, other = choice.sample(range(len(blocks)), 2)
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return b"".join(blocks)


DAMAGES: dict[str, Damage] = {damage.__name__: damage for damage in (flipped, zeroed, truncated, extended, exchanged)}


@cache
def questions(held: Remains) -> dict[str, tuple[Question, Any]]:
    """All that can be asked about the store, with the right answers."""
    asked: dict[str, Question] = {
        "the groups": lambda store: store.list_feature_groups(),
        "the tables": lambda store: store.list_features(),
        "the latest versions": lambda store: store.latest_versions(),
        "statistics": lambda store: store.get_store_stats() | {"path": None, "cache": None},
        "a table of one group": lambda store: store.get_features(["b"]),
        "a table of two groups": lambda store: store.get_features(["a"]),
        "a group that is not there": lambda store: store.versions("movie"),
        "a version that is not there": lambda store: store.get_features(None, "movies", version=3),
        "a time before all": lambda store: store.get_features(None, "movies", as_of=datetime(1999, 1, 1, tzinfo=UTC)),
    }
    with placed(held) as place, SimpleFeatureStore(settings(place / "store")) as store:
        for group in store.list_feature_groups():
            asked[f"the versions of {group}"] = partial(SimpleFeatureStore.versions, group=group)
            asked[f"the latest of {group}"] = partial(SimpleFeatureStore.get_features, group=group)
            for line in store.versions(group):
                at = {"group": group, "version": line.version}
                asked[f"the tables of {at}"] = partial(SimpleFeatureStore.get_features, **at)
                asked[f"the artifacts of {at}"] = partial(SimpleFeatureStore.get_artifacts, **at)
                asked[f"what is known of {at}"] = partial(SimpleFeatureStore.get_feature_info, name="a", **at)
                then = partial(SimpleFeatureStore.get_features, group=group, as_of=line.created_at)
                asked[f"the tables at the time of {at}"] = then
        return {name: (question, answer(question, store)) for name, question in asked.items()}


def answer(question: Question, store: SimpleFeatureStore[Any]) -> Any:
    try:
        return question(store)
    except (NotFoundError, ConfigError) as error:
        return str(error)


def assert_nothing_is_silent(folder: Path, what: str, held: Remains | None = None) -> None:
    """Open the store, which held what is given or the small one's contents, and ask it everything."""
    try:
        store = SimpleFeatureStore(settings(folder / "store"))
    except DETECTED:
        return
    with store:
        for name, (question, right) in questions(held or filled()).items():
            try:
                given = answer(question, store)
            except DETECTED:
                continue
            assert given == right, f"{what}: {name}"


@contextmanager
def placed(held: Remains) -> Iterator[Path]:
    """A disk with that on it."""
    with folder() as made:
        build(held, made / "disk")
        yield made / "disk"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=lambda damage: damage.__name__)
def test_a_damaged_catalog_is_never_believed(damage: Damage) -> None:
    for seed in range(CATALOGS):
        with placed(filled()) as place:
            catalog = place / "store" / "catalog.sqlite3"
            catalog.write_bytes(damage(catalog.read_bytes(), random.Random(seed)))
            assert_nothing_is_silent(place, f"{damage.__name__}, seed {seed}")
        count("corruptions")


def test_a_damaged_header_of_the_catalog_is_never_believed() -> None:
    """One bit of each of the hundred bytes by which SQLite knows its own."""
    for position in range(100):
        with placed(filled()) as place:
            catalog = place / "store" / "catalog.sqlite3"
            content = bytearray(catalog.read_bytes())
            content[position] ^= 1
            catalog.write_bytes(content)
            assert_nothing_is_silent(place, f"byte {position} of the header")
        count("corruptions")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_never_data(damage: Damage) -> None:
    for seed in range(FILES):
        choice = random.Random(seed)
        with placed(filled()) as place:
            files = sorted((place / "store" / "files").iterdir(), key=lambda path: path.read_bytes())
            file = choice.choice(files)
            file.write_bytes(damage(file.read_bytes(), choice))
            assert_nothing_is_silent(place, f"{damage.__name__}, seed {seed}")
        count("corruptions")


def test_files_in_each_others_place_are_not_taken_for_each_other() -> None:
    with placed(filled()) as place:
        names = sorted(path.name for path in (place / "store" / "files").iterdir())
    for one, other in permutations(names, 2):
        with placed(filled()) as place:
            files = place / "store" / "files"
            (files / one).replace(files / "aside")
            shutil.copyfile(files / other, files / one)
            (files / "aside").replace(files / other)
            assert_nothing_is_silent(place, f"{one} and {other} exchanged")
        count("corruptions")


def forgeries() -> list[tuple[str, tuple[Any, ...]]]:
    """Statements that change, remove or repeat one row."""
    made: list[tuple[str, tuple[Any, ...]]] = []
    with placed(filled()) as place, closing(sqlite3.connect(place / "store" / "catalog.sqlite3")) as catalog:
        tables = [name for (name,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in tables:
            cursor = catalog.execute(f"SELECT * FROM {name}")
            columns, rows = [column[0] for column in cursor.description], cursor.fetchall()
            is_this = " AND ".join(f"{column} IS ?" for column in columns)
            for row in rows:
                made.append((f"DELETE FROM {name} WHERE {is_this}", row))
                for number, column in enumerate(columns):
                    for other in others(row[number], [each[number] for each in rows]):
                        made.append((f"UPDATE {name} SET {column} = ? WHERE {is_this}", (other, *row)))
                        copied = (*row[:number], other, *row[number + 1 :])
                        made.append((f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", copied))
    return made


def others(value: Any, column: list[Any]) -> list[Any]:
    """Values to put in its place: those of other rows, its neighbours, nothing, and one of another kind."""
    near: dict[type, list[Any]] = {int: [0, 1, 2, 2**62], str: ["a", "b", "c", "movies", "x"], bytes: [b"", bytes(16)]}
    near_it = [value + 1, value - 1] if isinstance(value, int) else []
    found = [*column, *near.get(type(value), []), *near_it, None, "1", 1]
    return [each for each in dict.fromkeys(found) if each is not value and each != value]


def forge(place: Path, statement: str, values: tuple[Any, ...]) -> bool:
    """Whether SQLite took it."""
    with closing(sqlite3.connect(place / "store" / "catalog.sqlite3")) as catalog, catalog:
        try:
            catalog.execute(statement, values)
        except sqlite3.IntegrityError:
            return False
    return True


def test_forged_rows_are_never_believed() -> None:
    for statement, values in forgeries()[::STRIDE]:
        with placed(filled()) as place:
            if forge(place, statement, values):
                assert_nothing_is_silent(place, f"{statement} {values}")
                count("corruptions")


def test_a_collection_takes_nothing_from_a_damaged_catalog() -> None:
    with placed(filled()) as place, SimpleFeatureStore(settings(place / "store")) as store:
        needed = {store.get_feature_info(name, "movies").id for name in ("a", "b")}
    for statement, values in forgeries():
        if not statement.startswith(("DELETE FROM entries", "UPDATE entries SET file")):
            continue
        with placed(filled()) as place:
            if forge(place, statement, values):
                with SimpleFeatureStore(settings(place / "store")) as store, pytest.raises(CorruptFileError):
                    store.gc(keep_last=1)
                assert {path.stem for path in (place / "store" / "files").iterdir()} >= needed
                count("corruptions")


CHANGES = ["save into a new group", "save into a group", "delete a table", "rollback", "gc"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_page_that_did_not_reach_the_disk_is_noticed(name: str) -> None:
    with placed(filled()) as place:
        catalog = place / "store" / "catalog.sqlite3"
        before = catalog.read_bytes()
        with Workplace(place).opened() as store:
            OPERATIONS[name](Workplace(place), store)
        after, held = catalog.read_bytes(), all_of(place)
    for start in range(0, len(before), PAGE):
        if before[start : start + PAGE] == after[start : start + PAGE]:
            continue
        with placed(held) as place:
            lost = after[:start] + before[start : start + PAGE] + after[start + PAGE :]
            (place / "store" / "catalog.sqlite3").write_bytes(lost)
            assert_nothing_is_silent(place, f"{name}, page {start // PAGE}", held)
        count("corruptions")


def all_of(place: Path) -> Remains:
    with closing(CrashDisk(place, [place / "store" / "catalog.sqlite3"])) as disk:
        return disk.cut(lambda _many: 0)
