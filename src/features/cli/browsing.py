"""``ls``, ``show`` and ``log``: what a store holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.opening import LARGE, existing_store
from features.cli.options import DEFAULT_STORE, AsJson, Group, StoreFolder, Version, command
from features.cli.screen import brief, counted, json_value, moment_text, print_json, print_table, say, size_text
from features.errors import UnsupportedDataError

if TYPE_CHECKING:
    import pyarrow as pa

    from features.store.feature_store import SimpleFeatureStore
    from features.store.versions import GroupVersion, TableFile

_CELL = 20
_BATCH = 4096
"""Rows that are read at a time."""
_TYPES = {
    "large_string": "string",
    "string_view": "string",
    "large_binary": "binary",
    "double": "float64",
    "float": "float32",
}


def ls(store: StoreFolder = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the groups of a store.

    \b
    Example:  features ls --store store
    """
    with existing_store(store) as opened:
        groups = [
            {"group": one.group, **_version_record(one), "tables": len(one.tables)} for one in opened.latest_versions()
        ]
    if as_json:
        print_json({"store": str(store), "groups": groups})
    elif not groups:
        say(f"The store {store} is empty; fill it with: {command('build', 'MOVIES', store=store)}")
    else:
        print_table(
            {"group": "left", "version": "right", "tables": "right", "size": "right", "saved": "left"},
            (
                (one["group"], one["version"], one["tables"], size_text(one["bytes"]), moment_text(one["created_at"]))
                for one in groups
            ),
        )


def log(group: Group, store: StoreFolder = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the versions of a group, newest first.

    \b
    Example:  features log movies --store store
    """
    with existing_store(store) as opened:
        versions = [_version_record(one) for one in reversed(opened.versions(group))]
    if as_json:
        print_json({"group": group, "versions": versions})
        return
    print_table(
        {"version": "right", "saved": "left", "size": "right", "tables": "left", "message": "left"},
        (
            (
                *(one["version"], moment_text(one["created_at"]), size_text(one["bytes"])),
                *(", ".join(one["tables"]), one["message"] or ""),
            )
            for one in versions
        ),
    )


def _show_fidelity(context: typer.Context, wanted: bool) -> None:
    """Print what each installed library's frames may hold: what comes back exactly, and what is refused and why."""
    if wanted:
        from features.testing.fidelity import fidelity_rows

        rows = fidelity_rows()
        if context.params["as_json"]:
            print_json({"fidelity": [asdict(row) for row in rows]})
        else:
            print_table(
                {"backend": "left", "what": "left", "outcome": "left", "note": "left"},
                ((row.backend, row.what, row.outcome, row.note) for row in rows),
            )
        raise typer.Exit


def show(
    group: Group,
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="One table of it.")] = None,
    version: Version = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many first rows to show.")] = 3,
    _fidelity: Annotated[
        bool,
        # Not eager, as --json must be known; still read before the arguments, so that none is missed.
        typer.Option("--fidelity", callback=_show_fidelity, help="Show what any frame may hold, and exit."),
    ] = False,
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show a group's tables, or one table's columns and first rows.

    What columns mean is told where the library knows it.

    \b
    Example:  features show movies --store store
              features show movies temporal --version 1 --rows 5 --store store
              features show --fidelity
    """
    with existing_store(store) as opened:
        if table is None:
            document = _group_document(opened, group, version)
        else:
            document = _table_document(opened, group, table, version, rows)
    if as_json:
        print_json(document)
    elif table is None:
        _print_group(document)
    else:
        _print_table(document)


def _version_record(version: GroupVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": version.created_at,
        "message": version.message,
        "tables": list(version.tables),
        "bytes": version.bytes,
    }


def _group_document(store: SimpleFeatureStore[Any], group: str, version: int | None) -> dict[str, Any]:
    versions = store.versions(group)
    number = versions[-1].version if version is None else version
    files = store.get_group_info(group, version=number)  # knows whether there is such a version
    artifacts = store.get_artifacts(group, version=number)
    shown = next(one for one in versions if one.version == number)
    return {
        "group": group,
        **_version_record(shown),
        "tables": [_file_record(file) for file in files.values()],
        "artifacts": artifacts,
    }


def _file_record(file: TableFile) -> dict[str, Any]:
    return {
        "table": file.name,
        "rows": file.rows,
        "columns": len(file.schema.names),
        "bytes": file.size,
        "since_version": file.version,
        "file": f"{file.id}.parquet",
    }


def _print_group(document: dict[str, Any]) -> None:
    said = f": {document['message']}" if document["message"] else ""
    say(f"Group {document['group']}, version {document['version']}, {moment_text(document['created_at'])}{said}")
    say()
    print_table(
        {"table": "left", "rows": "right", "columns": "right", "size": "right", "since version": "right"},
        (
            (one["table"], f"{one['rows']:,}", one["columns"], size_text(one["bytes"]), one["since_version"])
            for one in document["tables"]
        ),
    )
    if document["artifacts"]:
        say()
        print_table(
            {"artifact": "left", "value": "left"},
            ((name, brief(value, 60)) for name, value in document["artifacts"].items()),
        )


def _table_document(
    store: SimpleFeatureStore[Any], group: str, table: str, version: int | None, rows: int
) -> dict[str, Any]:
    info = store.get_feature_info(table, group, version=version)
    frame = _first_rows(store, info, version, min(rows, info.rows))
    meanings = _descriptions(info)
    return {
        "group": group,
        **_file_record(info),
        "schema": [
            {"column": field.name, "type": _type_name(field.type), "description": meanings.get(field.name)}
            for field in frame.schema
        ],
        "first_rows": [
            {field: _value(column, at) for field, column in zip(frame.schema.names, frame.columns, strict=True)}
            for at in range(frame.num_rows)
        ],
    }


def _first_rows(store: SimpleFeatureStore[Any], table: TableFile, version: int | None, rows: int) -> pa.Table:
    if table.size > LARGE:
        try:
            scan = store.scan_features([table.name], table.group, version=version)[table.name]
            return scan.head(rows, batch_size=_BATCH, batch_readahead=0, fragment_readahead=0)
        except UnsupportedDataError:  # it has a column that is only read whole
            pass
    return store.get_features([table.name], table.group, version=version)[table.name].slice(0, rows)


def _value(column: pa.ChunkedArray, at: int) -> Any:
    """A value, as Arrow's text where Python cannot hold it."""
    from features.engineering.arrow_values import UNHELD

    try:
        return column[at].as_py()
    except UNHELD:
        return " ".join(str(column.slice(at, 1).to_string()).strip("[]\n ").split())


def _type_name(dtype: pa.DataType) -> str:
    return _TYPES.get(str(dtype), str(dtype))


def _descriptions(table: TableFile) -> dict[str, str]:
    """What the library's own features mean, where this table is one of the processor's."""
    from features.engineering.tmdb_processor import default_features

    if table.schema.names[:1] != ["movie_id"]:
        return {}
    meanings = {one.name: one.description for one in default_features() if one.family == table.name}
    return {"movie_id": "the movie's id, the key of every table", **meanings} if meanings else {}


def _print_table(document: dict[str, Any]) -> None:
    sides = f"{counted(document['rows'], 'row')} × {counted(document['columns'], 'column')}"
    size = f"{sides}, {size_text(document['bytes'])}"
    say(f"Table {document['table']} of group {document['group']}: {size}, since version {document['since_version']}")
    say()
    if any(one["description"] for one in document["schema"]):
        print_table(
            {"column": "left", "type": "left", "description": "left"},
            ((one["column"], one["type"], one["description"] or "") for one in document["schema"]),
        )
    else:
        print_table({"column": "left", "type": "left"}, ((one["column"], one["type"]) for one in document["schema"]))
    first = document["first_rows"]
    if not first:
        return
    say()
    # One line a column, since a table of features is wider than any terminal.
    print_table(
        {"first rows": "left", **{str(at): "left" for at in range(1, len(first) + 1)}},
        (
            (one["column"], *(brief(json_value(row[one["column"]]), _CELL) for row in first))
            for one in document["schema"]
        ),
    )
