"""What a group or a table may be called, and what the catalog is."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from features.errors import InvalidNameError

CATALOG = "catalog.sqlite3"
"""The file in a store's folder that makes it one."""

ELSEWHERE = "catalog.link"
"""The link in its stead where ``catalog_url`` names another place."""

STORE = ".store"
"""With a catalog elsewhere and its name, the link beside it to the folder that it is of."""

UNFINISHED = "backup.unfinished"
"""The folder that a backup works in, beside what it copies: while it is there, the copy may not be whole."""


def check_name(name: object, kind: str) -> str:
    """``name`` in Unicode normal form C, when it is 1 to 255 characters that print and separate nothing.

    Args:
        name: what the caller passed.
        kind: "group" or "table", for the message.

    Raises:
        InvalidNameError: says which character or rule is against it.
    """
    if not isinstance(name, str):
        raise _invalid(name, kind, f"names are text, this is {type(name).__name__}")
    return _normal(str.__str__(name), kind)  # a plain one, whatever class the caller has


@lru_cache(maxsize=1024)
def _normal(name: str, kind: str) -> str:
    """Names are few and asked for again and again; what is refused is not kept."""
    for character in name:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            raise _invalid(name, kind, f"it holds the invisible or unassigned character U+{ord(character):04X}")
        if character in "/\\:@":
            raise _invalid(name, kind, f"it holds {character!r}; use letters, digits, '_', '-' or '.'")
    normal = unicodedata.normalize("NFC", name)
    if not 1 <= len(normal) <= 255:
        raise _invalid(name, kind, f"names have 1 to 255 characters, this one {len(normal)}")
    if normal in {".", ".."}:
        raise _invalid(name, kind, "it means a folder")
    if normal != normal.strip():
        raise _invalid(name, kind, "it has white space around it")
    return normal


def _invalid(name: object, kind: str, reason: str) -> InvalidNameError:
    shown = ascii(name) if isinstance(name, str) else repr(name)
    shown = shown if len(shown) <= 80 else shown[:77] + "…"
    return InvalidNameError(f"{shown} cannot name a {kind}: {reason}", name=name, reason=reason)
