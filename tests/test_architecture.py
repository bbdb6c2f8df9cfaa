"""The rules that make the names of the rooms true."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import features

ROOT = Path(features.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
DRIVERS = [
    *(f"features.store.codec.{name}_codec" for name in ("pandas", "polars", "pyarrow")),
    "features.engineering.engines.pandas_engine",
    "features.engineering.engines.polars_engine",
]


def name_of(path: Path) -> str:
    return ".".join(("features", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """The modules that a source file imports when it runs, be it on loading or later, in a function."""
    return {name for node in walk(ast.parse(path.read_text(encoding="utf-8"))) for name in imported(node)}


def walk(node: ast.AST):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from walk(child)


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


def within(names: set[str], *packages: str) -> set[str]:
    return {name for name in names for package in packages if name == package or name.startswith(package + ".")}


def of(package: str) -> list[Path]:
    return [path for path in SOURCES if within({name_of(path)}, package)]


@pytest.mark.parametrize("path", of("features.store"), ids=name_of)
def test_the_store_knows_nothing_of_movies(path: Path) -> None:
    assert not within(imports(path), "features.engineering", "features.cli", "features.testing")


@pytest.mark.parametrize("path", of("features.engineering"), ids=name_of)
def test_engineering_knows_nothing_of_the_store(path: Path) -> None:
    assert not within(imports(path), "features.store", "features.cli", "features.testing")


@pytest.mark.parametrize("path", [path for path in SOURCES if path not in of("features.testing")], ids=name_of)
def test_the_library_never_imports_what_it_is_tested_with(path: Path) -> None:
    found = within(imports(path), "features.testing", "pytest", "hypothesis")
    # What is also there for users: the table that `features show --fidelity` prints, and `features stress`.
    shown = {"features.cli.browsing": "features.testing.fidelity", "features.cli.stress": "features.testing.stress"}
    if name_of(path) in shown:
        found -= within(found, shown[name_of(path)])
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_dataframe_library_is_imported_only_in_its_own_rooms(path: Path) -> None:
    name = name_of(path)
    for library in ("pandas", "polars"):
        # Named for the library, or part of the shipped tests, which import what is installed.
        if library not in name and not name.startswith("features.testing"):
            assert not within(imports(path), library), f"{name} imports {library}"


@pytest.mark.parametrize("driver", DRIVERS)
def test_drivers_never_import_each_other(driver: str) -> None:
    (path,) = [path for path in SOURCES if name_of(path) == driver]
    assert not within(imports(path), *(other for other in DRIVERS if other != driver))


def test_sql_and_parquet_each_have_one_place() -> None:
    homes = {
        "sqlalchemy": "features.store.catalog",
        "sqlite3": "features.store.catalog",
        "pyarrow.parquet": "features.store.codec",
        "xxhash": "features.store",
    }
    for path in SOURCES:
        name = name_of(path)
        if name.startswith(("features.testing", "features.engineering", "features.cli")):
            continue
        for module, home in homes.items():
            if within(imports(path), module):
                assert within({name}, home), f"{name} imports {module}"


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "core", "base_utils"}
    assert not [path for path in SOURCES if path.stem in vague]


def test_every_module_says_what_it_is_for() -> None:
    assert not [path for path in SOURCES if path.read_text() and not ast.get_docstring(ast.parse(path.read_text()))]
