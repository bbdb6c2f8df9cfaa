"""Ways for what is remembered to be wrong."""

from tests.integrity.mutants.mutant import Mutant

_THREE = "tests/integrity/test_12_pairs.py::test_three_operations_at_once"
_HEADS = "tests/store/test_heads.py"
_PAIR = "tests/integrity/test_12_pairs.py::test_two_operations_at_once"

MUTANTS = (
    Mutant(
        "cache-by-name",
        "features.store.reading",
        before="self._cache.get((table.id, wanted), ",
        after="self._cache.get((table.group, table.name, wanted), ",
        killed_by=f"{_PAIR}[save a + load a twice-one process]",
    ),
    Mutant(
        "hand-out-the-cached-object-itself",
        "features.store.codec.pandas_codec",
        before="            return _copy(source)\n        if",
        after="            return source\n        if",
        killed_by="tests/store/codec/test_in_a_store.py::test_artifacts_and_attrs_of_one_load_are_not_those_of_the_next",
    ),
    Mutant(
        "keep-a-failed-load",
        "features.store.cache",
        before="                del self._loading[key]\n",
        after="                if mine.error is None:\n                    del self._loading[key]\n",
        killed_by="tests/store/test_cache.py::test_a_failed_load_is_not_kept",
    ),
    Mutant(
        "tell-only-one-thread-of-a-failed-load",
        "features.store.cache",
        before="            mine.error, mine.stopped = error, False\n",
        after="            mine.stopped = False\n",
        killed_by=f"{_THREE}[a file is read by two while it is dropped]",
    ),
    Mutant(
        "do-not-wake-who-waits-for-a-failed-load",
        "features.store.cache",
        before="            mine.error, mine.stopped = error, False\n",
        after="            mine.error, mine.stopped = error, False\n            mine.under_way.acquire()\n",
        killed_by=f"{_THREE}[a file is read by two while it is dropped]",
    ),
    Mutant(
        "remember-the-latest-version-for-good",
        "features.store.catalog.sql",
        before="        if remembered == state and group in latest:\n",
        after="        if group in latest:\n",
        killed_by=f"{_PAIR}[save a + load a twice-two processes]",
    ),
    Mutant(
        "look-at-the-state-after-the-rows",
        "features.store.catalog.sql",
        before="            settled = not self._watch.connects and self._watch.state() == state\n",
        after='        self._announce("catalog.read")\n        state, settled = self._watch.state(), True\n',
        killed_by=f"{_PAIR}[save a + load a twice-two processes]",
    ),
    Mutant(
        "take-a-commit-under-way-for-done",
        "features.store.catalog.sql",
        before="            settled = not self._watch.connects and self._watch.state() == state\n",
        after="            settled = True\n",
        killed_by=f"{_HEADS}::test_a_commit_that_came_to_nothing_and_the_next_one_are_told_apart",
    ),
    Mutant(
        "do-not-look-at-the-head",
        "features.store.catalog.heads",
        before="        return head[_COUNTER] if head[_FORMAT] == _JOURNAL else None\n",
        after='        return b"" if head[_FORMAT] == _JOURNAL else None\n',
        killed_by=f"{_PAIR}[save a + load a twice-two processes]",
    ),
    Mutant(
        "close-a-head-that-others-use",
        "features.store.catalog.heads",
        before="            if not self.users and ",
        after="            if ",
        killed_by=f"{_HEADS}::test_closing_one_store_leaves_the_locks_of_another",
    ),
)
