"""Ways for a read to be torn, or to return what was not saved."""

from tests.integrity.mutants.mutant import Mutant

_PAIR = "tests/integrity/test_12_pairs.py::test_two_operations_at_once"
_CHANGED = "tests/store/test_feature_store.py::test_changed_bytes_are_never_returned_as_data[pyarrow]"
_OTHER = "tests/store/test_feature_store.py::test_a_sound_file_of_another_table_is_never_returned_as_data"

MUTANTS = (
    Mutant(
        "find-each-table-in-a-snapshot-of-its-own",
        "features.store.loading",
        before="{name: read(table, wanted[name]) for name, table in tables.items()}",
        after="""{
            name: read(catalog.snapshot(group, version, as_of).tables[name], wanted[name]) for name in tables
        }""",
        killed_by=f"{_PAIR}[save a and b + load-two processes]",
    ),
    Mutant(
        "read-without-a-transaction",
        "features.store.catalog.sqlite",
        before='            connection.execute("BEGIN")\n',
        after="",
        killed_by=f"{_PAIR}[list versions + collect all but 1-two processes]",
    ),
    Mutant(
        "do-not-look-again-where-a-file-is-gone",
        "features.store.loading",
        before="            if vanished.file == seen:",
        after="            if vanished.file != seen:",
        killed_by=f"{_PAIR}[load version 1 + collect all but 1-two processes]",
    ),
    Mutant(
        "do-not-check-the-digest",
        "features.store.reading",
        before="        if digest != table.digest:\n",
        after="        if False:\n",
        killed_by=_CHANGED,
    ),
    Mutant(
        "check-the-digest-after-parsing",
        "features.store.reading",
        before="""                self._verify(table, source)
                footer = self._footer(table)
                if source is path:
                    self._storage.point("storage.read")
                yield source, footer
""",
        after="""                footer = self._footer(table)
                yield source, footer
                self._verify(table, source)
""",
        killed_by=_CHANGED,
    ),
    Mutant(
        "take-the-rows-that-a-file-has",
        "features.store.codec.footers",
        before="    if file.metadata.num_rows != table.rows:\n",
        after="    if False:\n",
        killed_by=f"{_OTHER}[pyarrow-rows-lie0]",
    ),
    Mutant(
        "take-the-columns-that-a-file-has",
        "features.store.codec.footers",
        before="    if names != table.schema.names:\n",
        after="    if False:\n",
        killed_by=f"{_OTHER}[pyarrow-schema-lie1]",
    ),
    Mutant(
        "take-any-id-for-a-name",
        "features.store.storage.local",
        before="    if not isinstance(file, str) or _ID.fullmatch(file) is None:\n",
        after="    if False:\n",
        killed_by="tests/store/test_storages.py::TestLocalStorage::test_only_ids_of_its_own_making_become_paths",
    ),
    Mutant(
        "open-whatever-has-the-name",
        "features.store.storage.local",
        before="    if not stat.S_ISREG(found.st_mode):\n",
        after="    if False:\n",
        killed_by="tests/store/test_storages.py::TestLocalStorage::test_what_is_no_file_is_neither_followed_nor_waited_for",
    ),
    Mutant(
        "read-on-in-a-catalog-that-was-replaced",
        "features.store.catalog.sqlite",
        before='            self.require_in_place()\n            connection.execute("BEGIN")\n',
        after='            connection.execute("BEGIN")\n',
        killed_by="tests/store/test_feature_store.py::"
        "test_a_store_whose_folder_is_another_one_now_changes_nothing[True-replaced-PERSIST]",
    ),
)
