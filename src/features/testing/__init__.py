"""What this library tests itself with, for those who write a driver, an engine or a store of their own.

Each seam ships the tests that any implementation must pass: ``storage_contract``, ``catalog_contract``,
``codec_contract``, ``engine_contract``. Subclass one, say how to open yours, and pytest does the rest. ``model`` is
the perfect store, in memory; ``memory_catalog`` a catalog without a disk; ``strategies`` makes frames and names;
``schedule`` lets a test choose the order in which threads take turns, ``searches`` has ways to choose it, ``history``
tells whether what they saw could have happened one operation at a time; ``stress`` puts a store under load by many
processes, kills some, and judges what they saw.
The library itself never imports any of this; of the command line, ``stress`` and ``show --fidelity`` do.
"""
