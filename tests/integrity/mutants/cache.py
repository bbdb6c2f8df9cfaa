"""Ways to get the cache wrong."""

from tests.integrity.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "keep-a-failed-load",
        "features.store.cache",
        before="""            with self._lock:
                del self._loading[key]
            mine.error = error
""",
        after="            mine.error = error\n",
        killed_by="tests/store/test_cache.py::test_a_failed_load_is_not_kept",
    ),
)
