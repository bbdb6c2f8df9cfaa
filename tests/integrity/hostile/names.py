"""What somebody might call a group, a table or a column to get out of the store, into a shell, or into SQL."""

from __future__ import annotations

import unicodedata

NAMES = [
    # paths
    "", ".", "..", "../outside", "../../outside/secret", "/etc/passwd", "//host/share", "\\\\host\\share",
    "..\\outside",
    "a/../../outside", "a\\b", "./a", "~", "~root", "$HOME", "%2e%2e%2f", "file:///etc/passwd", "a/", "/",
    "-rf", "--help",
    "catalog.sqlite3", "files", "lost+found", ".hidden", "a.parquet", "*", "?", "[a-z]", "a=b", "{a,b}",
    # characters that end, hide or turn text
    "a\0b", "\0", "a\nb", "a\r\nb", "\t", "\x07", "\x1b[2J", "\x1b]0;title\x07", "\x7f", "\x85", "\u200b",
    "\u202egnp.exe",
    "\u2066a\u2069", "\ufeffa", "\u00ada", "\ud800", "a\udcff", "\ufffe", "\U000e0041", "\U0010ffff", "\ue000",
    "\u2028",
    # spaces
    " ", "a ", " a", "a\u00a0", "\u3000",
    # lengths
    "x" * 255, "x" * 256, "é" * 200, "\U0001f3ac" * 255, "e\u0301" * 200, "x" * 100_000, "\u0344" * 130,
    # Windows
    "CON", "nul", "COM1.txt", "AUX.", "a:b", "a::$DATA", "C:\\x", "a|b", 'a"b', "a<b>c",
    # SQL
    "'; DROP TABLE versions; --", '"; DELETE FROM entries; --', "a' OR '1'='1", "sqlite_master", "rowid",
    ":group", "@group",
    "?1", "$1", "/* a */", "a%", "_", "x'41'", "0", "1e999", "null", "None", "NaN", "-1", "true",
    # templates, shells, markup
    "{0.__class__}", "{group!r}", "%s%n%x", "${jndi:ldap://a}", "`id`", "$(id)", "a;id", "a|id",
    "<script>alert(1)</script>",
    "[bold red]a[/]", ":smile:", "__class__", "__proto__", "=1+1",
    # one name in two spellings, and names that look alike
    "\u00e9", "e\u0301", "\u212b", "\u00c5", "A", "a", "\u0430", "ﬁ", "fi", "İ", "i\u0307", "ß", "ẞ", "ss",
    "\u1100\u1161", "가",
]  # fmt: skip


def normal(name: str) -> str:
    """The form in which a name is kept."""
    return unicodedata.normalize("NFC", name)
