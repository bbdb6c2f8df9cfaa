"""Movie records become typed feature tables. Knows nothing of the store."""
