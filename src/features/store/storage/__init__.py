"""Where bytes live: write-once files, durable before anyone hears of them. The only place with paths and fsync."""
