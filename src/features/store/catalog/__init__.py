"""What exists: which groups, which versions, which file each version's tables are in. The only place with SQL."""
