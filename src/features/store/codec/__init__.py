"""How a frame becomes a Parquet file and back, per dataframe library. The only place with Parquet options.

What a codec takes, it gives back exactly; what it cannot give back, it refuses by name before a byte is written.
"""
