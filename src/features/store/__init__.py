"""Feature tables → durable versions. Knows nothing of movies.

``feature_store`` holds the store itself and states the order of effects; ``catalog`` knows what exists, ``storage``
where bytes live, ``codec`` how a frame becomes Parquet and back; ``cache`` keeps decoded files for a while.
"""
