"""The catalog's layout in SQL.

``entries`` holds intervals: a table's file from ``first_version`` until before ``end_version``. A commit writes only
what changed, and any version is one range query. Arrow schemas and artifacts are kept once per distinct content in
``documents``, so that ten thousand versions of one table do not repeat its schema ten thousand times. What the seals
are of is told in ``seals``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

LAYOUT = 2
"""The layout's number. A store stamped with another one was written by another release and is refused."""

FOREVER = 2**62
"""The ``end_version`` of what is current: a number, so that one key serves current and older versions alike."""

metadata = MetaData()

layout = Table(
    "layout",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("groups", LargeBinary, nullable=False, comment="sum of the seals of all groups' names"),
    Column("seal", LargeBinary, nullable=False),
)

groups = Table(
    "feature_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("oldest", BigInteger, nullable=False, comment="the first version that is still kept"),
    Column("latest", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False, comment="of the latest version; µs since 1970, UTC"),
    Column("seal", LargeBinary, nullable=False, comment="checksum of the row, as are the other seals"),
)

versions = Table(
    "versions",
    metadata,
    Column("group_id", ForeignKey(groups.c.id), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False, comment="µs since 1970, UTC"),
    Column("message", Text),
    Column("artifacts", LargeBinary, comment="digest of a JSON document; null for none"),
    Column("write_id", String, nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False, comment="sum of the seals of all entries of this version"),
    Column("seal", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

entries = Table(
    "entries",
    metadata,
    # In this order, what is current stands together, and finding it takes as long in a long history as in a short one.
    Column("group_id", ForeignKey(groups.c.id), primary_key=True),
    Column("end_version", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("first_version", BigInteger, nullable=False),
    Column("file", String, nullable=False),
    Column("written_version", BigInteger, nullable=False, comment="the version that wrote the file"),
    Column("write_id", String, nullable=False),
    Column("size", BigInteger, nullable=False, comment="in bytes"),
    Column("rows", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="xxh3-128 of the file"),
    Column("schema", LargeBinary, nullable=False, comment="digest of an Arrow IPC schema document"),
    Column("seal", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

documents = Table(
    "documents",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="xxh3-128 of the body"),
    Column("body", LargeBinary, nullable=False),
)

condemned = Table(
    "condemned",
    metadata,
    Column("file", String, primary_key=True),
    sqlite_with_rowid=False,
)
