"""What a pandas frame carries besides its columns: index, attrs, flags, and the kind of its column index."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pandas as pd

from features.store.codec.base import refused

_SCALARS = frozenset([str, int, float, bool, type(None)])


def default_names() -> Any:
    """The dtype that this pandas, with its options as they are, gives to column names. Takes as long as a column."""
    return pd.Index(["a"]).dtype


def check_frame(frame: pd.DataFrame, table: str, usual: Any) -> None:
    """Refuse what would not come back around the columns; ``usual`` is the dtype of ``default_names``.

    Raises:
        UnsupportedDataError: says what, and the next step.
    """
    if type(frame) is not pd.DataFrame:
        kind = type(frame).__name__
        raise refused(table, None, kind, f"a {kind} would come back as a plain DataFrame; wrap it in pd.DataFrame(…)")
    names = frame.columns
    if type(names) is not pd.Index or names.name is not None or names.dtype not in (object, usual):
        because = "its columns carry more than their names; set frame.columns = list(frame.columns)"
        raise refused(table, None, names.dtype, because)
    index = frame.index
    if not (type(index) is pd.RangeIndex and index.start == 0 and index.step == 1 and index.name is None):
        because = (
            "its index would be lost; keep it as a column with reset_index(), or drop it with reset_index(drop=True)"
        )
        raise refused(table, None, index.dtype, because)
    if frame.attrs and not _is_json(frame.attrs):
        because = "its attrs would come back changed; make them a dict of text, numbers, lists and dicts, or clear them"
        raise refused(table, None, None, because)


def frame_note(frame: pd.DataFrame, usual: Any) -> dict[str, Any]:
    """What ``apply_note`` needs; only what differs from a frame made of columns.

    So names of the dtype that pandas gives by itself come back as the reading pandas gives them, with its options as
    they are then: numbers saved with pandas 2 equal the same frame made with pandas 3.
    """
    note: dict[str, Any] = {}
    if frame.attrs:
        note["attrs"] = frame.attrs
    if not frame.flags["allows_duplicate_labels"]:
        note["unique_labels"] = True
    if frame.columns.dtype != usual:
        note["object_names"] = True
    return note


def apply_note(frame: pd.DataFrame, note: dict[str, Any]) -> pd.DataFrame:
    """``frame`` with what ``frame_note`` noted."""
    if "object_names" in note:
        frame.columns = pd.Index(list(frame.columns), dtype=object)
    if "attrs" in note:
        frame.attrs = deepcopy(note["attrs"])
    if "unique_labels" in note:
        frame = frame.set_flags(allows_duplicate_labels=False)
    return frame


def _is_json(value: object) -> bool:
    """Whether JSON gives back ``value``, to the type: no tuples, no numbers as keys, no subclasses, no NaN."""
    try:
        return _is_plain(value) and json.loads(json.dumps(value, allow_nan=False)) == value
    except (ValueError, RecursionError):  # NaN and infinity; a dict that holds itself
        return False


def _is_plain(value: object) -> bool:
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(_is_plain, value))
    return type(value) in _SCALARS
