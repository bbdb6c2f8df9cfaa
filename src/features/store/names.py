"""What the catalog is called."""

CATALOG = "catalog.sqlite3"
"""The file in a store's folder that makes it one."""

ELSEWHERE = "catalog.link"
"""The link in its stead where ``catalog_url`` names another place."""
