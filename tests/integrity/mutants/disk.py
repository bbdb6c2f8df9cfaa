"""Ways to get the order of a disk's effects wrong, and to believe what is on it."""

from tests.integrity.mutants.mutant import Mutant

CUT = "tests/integrity/test_03_power_cuts.py::test_an_operation_that_is_cut_off_happened_whole_or_not_at_all"
BESIDE = "tests/integrity/test_03_power_cuts.py::test_a_save_acknowledged_while_another_operation_is_half_way_is_kept"
BACKUP = "tests/integrity/test_03_power_cuts.py::test_an_acknowledged_backup_is_whole_whatever_is_cut_off"
FAILED = (
    "tests/integrity/test_16_failing_disks.py"
    "::test_a_change_that_fails_leaves_everything_byte_for_byte_and_one_whose_answer_is_lost_counts"
)
UPKEEP = "tests/integrity/test_16_failing_disks.py::test_upkeep_that_fails_loses_nothing_and_can_be_done_again"
DAMAGE = "tests/integrity/test_17_corruption.py"

MUTANTS = (
    Mutant(
        "do-not-sync-the-file",
        "features.store.storage.local",
        before="""        self._disk.sync(handle)
        return found

    def _write_large""",
        after="        return found\n\n    def _write_large",
        killed_by=f"{CUT}[filled-save into a group]",
    ),
    Mutant(
        "take-a-short-write-for-a-whole-one",
        "features.store.storage.local",
        before="    while rest:  #",
        after="    if rest:  #",
        killed_by="tests/store/test_storages.py::test_bytes_that_the_system_cuts_short_are_refused_and_not_left",
    ),
    Mutant(
        "forget-what-the-disk-told-while-a-file-was-written",
        "features.store.storage.local",
        before="            kept_up()  #",
        after="            #",
        killed_by="tests/store/test_storages.py"
        "::test_an_error_that_the_disk_told_while_a_large_file_was_written_is_not_lost",
    ),
    Mutant(
        "do-not-sync-the-end-of-a-large-file",
        "features.store.storage.local",
        before="            synced = begun(beside, self._disk.sync, handle)\n",
        after="            synced = bool\n",
        killed_by="tests/store/test_storages.py::test_the_end_of_a_large_file_is_synced_once_it_is_written",
    ),
    Mutant(
        "do-not-sync-the-folder",
        "features.store.storage.local",
        before="""            self.point("storage.sync_directory")
            self._disk.sync_folder(self._folder)
""",
        after='            self.point("storage.sync_directory")\n',
        killed_by=f"{CUT}[filled-save into a group]",
    ),
    Mutant(
        "do-not-sync-new-folders-in-their-parents",
        "features.store.storage.folders",
        before="""        for step in missing:
            disk.sync_folder(step.parent)
""",
        after="",
        killed_by=BACKUP,
    ),
    Mutant(
        "trust-a-folder-that-another-is-just-making",
        "features.store.drivers",
        before="        settle_folder(files_folder(config), disk)\n",
        after="        make_folder(files_folder(config), disk)\n",
        killed_by=f"{BESIDE}[bare-open]",
    ),
    Mutant(
        "commit-before-the-names-are-synced",
        "features.store.writing",
        before="""    files = _write(storage, frames, config, staged)
    try:
        committed = catalog.commit(replace(change, tables=files))
""",
        after="""    sync, storage.sync_directory = storage.sync_directory, lambda: None
    files = _write(storage, frames, config, staged)
    try:
        committed = catalog.commit(replace(change, tables=files))
        sync()
        storage.sync_directory = sync
""",
        killed_by=f"{CUT}[filled-save three tables]",
    ),
    Mutant(
        "copy-a-file-without-syncing-it",
        "features.store.storage.local",
        before="""                found = _digest(handle)
                self._disk.sync(handle)
                return found
""",
        after="                return _digest(handle)\n",
        killed_by=BACKUP,
    ),
    Mutant(
        "write-over-what-has-the-name",
        "features.store.storage.disk",
        before='Handle(path, "x+")',
        after='Handle(path, "w+")',
        killed_by="tests/integrity/test_23_surroundings.py::test_a_new_file_is_never_written_over_or_through_another",
    ),
    Mutant(
        "delete-the-files-of-a-commit-in-doubt",
        "features.store.writing",
        before="        raise  # the files may be the committed ones: they stay\n",
        after="        _discard(storage, staged)\n        raise\n",
        killed_by=f"{FAILED}[save into a group]",
    ),
    Mutant(
        "take-every-failed-commit-for-none",
        "features.store.catalog.sql",
        before="        if committed is not None:\n",
        after="        if False:\n",
        killed_by=f"{FAILED}[save into a group]",
    ),
    Mutant(
        "leave-the-files-of-a-refused-commit",
        "features.store.writing",
        before="any other may come after that\n        _discard(storage, staged)\n        raise\n",
        after="any other may come after that\n        raise\n",
        killed_by=f"{FAILED}[save into a group]",
    ),
    Mutant(
        "quarantine-what-could-not-be-read",
        "features.store.upkeep",
        before="if problem.file and problem.kind in _DAMAGED]",
        after="if problem.file]",
        killed_by=f"{UPKEEP}[repair]",
    ),
    Mutant(
        "delete-what-should-be-quarantined",
        "features.store.storage.local",
        before="                self._disk.rename(path, aside / path.name)\n",
        after="                self._disk.unlink(path)\n",
        killed_by=f"{UPKEEP}[repair]",
    ),
    Mutant(
        "hash-only-the-beginning-of-a-file",
        "features.store.storage.base",
        before="    return xxhash.xxh3_128_digest(content)\n",
        after="    return xxhash.xxh3_128_digest(content[:64])\n",
        killed_by=f"{DAMAGE}::test_a_damaged_file_is_never_data[flipped]",
    ),
    Mutant(
        "hash-only-the-beginnings-of-a-large-file",
        "features.store.storage.local",
        before="            digest.update(content)\n",
        after="            digest.update(content[:64])\n",
        killed_by="tests/store/test_storages.py::TestLocalStorage::test_a_large_file_is_digested_to_its_last_byte",
    ),
    Mutant(
        "believe-the-rows-of-tables",
        "features.store.catalog.seals",
        before='    if not _holds(lambda: of_entry(row), row["seal"]):\n',
        after="    if False:\n",
        killed_by=f"{DAMAGE}::test_forged_rows_are_never_believed",
    ),
    Mutant(
        "believe-that-a-version-has-all-its-tables",
        "features.store.catalog.seals",
        before='    if found != version["content"]:\n',
        after="    if False:\n",
        killed_by=f"{DAMAGE}::test_forged_rows_are_never_believed",
    ),
    Mutant(
        "collect-from-a-damaged-catalog",
        "features.store.catalog.sweeping",
        before="""    for damage in inspection.changed_rows(connection):
        raise damage
""",
        after="",
        killed_by=f"{DAMAGE}::test_a_collection_takes_nothing_from_a_damaged_catalog",
    ),
)
