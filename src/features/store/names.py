"""What the catalog is called."""

CATALOG = "catalog.sqlite3"
"""The file in a store's folder that makes it one."""

ELSEWHERE = "catalog.link"
"""The link in its stead where ``catalog_url`` names another place."""

STORE = ".store"
"""With a catalog elsewhere and its name, the link beside it to the folder that it is of."""

UNFINISHED = "backup.unfinished"
"""The folder that a backup works in, beside what it copies: while it is there, the copy may not be whole."""
