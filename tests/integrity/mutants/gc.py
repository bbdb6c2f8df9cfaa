"""Ways for a collection, or a check, to take or accuse what counts."""

from tests.integrity.mutants.mutant import Mutant

_PAIR = "tests/integrity/test_12_pairs.py::test_two_operations_at_once"
_CONTRACT = "tests/store/test_catalogs.py::TestSqlCatalog"
_STORE = "tests/store/test_feature_store.py"

_SWEEP = """    swept = catalog.sweep(idle, keep_last=keep_last, before=before, dry_run=dry_run)
    doomed = (*swept.dropped, *swept.orphans)
    removed = set(doomed if dry_run else _deleted(storage, doomed))
"""

MUTANTS = (
    Mutant(
        "delete-before-the-versions-are-dropped",
        "features.store.upkeep",
        before=_SWEEP,
        after="""    swept = catalog.sweep(idle, keep_last=keep_last, before=before, dry_run=True)
    doomed = removed = {*swept.dropped, *swept.orphans}
    if not dry_run:
        _deleted(storage, [*doomed])
        catalog.sweep(idle, keep_last=keep_last, before=before)
""",
        killed_by=f"{_PAIR}[load version 1 + collect all but 1-two processes]",
    ),
    Mutant(
        "delete-before-condemning",
        "features.store.upkeep",
        before=_SWEEP,
        after=f"    if not dry_run:\n        _deleted(storage, [*idle])\n{_SWEEP}",
        killed_by=f"{_PAIR}[save a + collect-two processes]",
    ),
    Mutant(
        "ignore-the-condemned",
        "features.store.catalog.committing",
        before='    if head["condemned"] is not None:\n',
        after="    if False:\n",
        killed_by=f"{_CONTRACT}::test_a_condemned_file_can_never_be_committed",
    ),
    Mutant(
        "condemn-nothing",
        "features.store.catalog.sweeping",
        before='    CONDEMN.run_many(connection, [{"file": file} for file in orphans])\n',
        after="",
        killed_by=f"{_CONTRACT}::test_a_condemned_file_can_never_be_committed",
    ),
    Mutant(
        "give-up-when-condemned",
        "features.store.writing",
        before="TakenAwayError) as error:\n            if waiting.now() >= deadline:",
        after="TakenAwayError) as error:\n            if waiting.now() < deadline:",
        killed_by="tests/store/test_feature_store.py::test_a_save_whose_file_was_condemned_writes_another",
    ),
    Mutant(
        "drop-files-that-a-rollback-brought-back",
        "features.store.catalog.sweeping",
        before="tuple(sorted(candidates - referred))",
        after="tuple(sorted(candidates))",
        killed_by=f"{_PAIR}[roll back to 1 + collect all but 1-two processes]",
    ),
    Mutant(
        "drop-one-version-too-many",
        "features.store.catalog.sweeping",
        before="versions.c.version < _newest,",
        after="versions.c.version <= _newest,",
        killed_by=f"{_CONTRACT}::test_a_sweep_by_age_keeps_the_latest",
    ),
    Mutant(
        "drop-files-still-in-reach",
        "features.store.catalog.sweeping",
        before="_out_of_reach = entries.c.end_version <= _oldest",
        after="_out_of_reach = entries.c.first_version < _oldest",
        killed_by=f"{_PAIR}[save a + collect all but 1-two processes]",
    ),
    Mutant(
        "accuse-what-was-saved-meanwhile",
        "features.store.upkeep",
        before="_problem(file, storage, late, deep=deep)",
        after="_problem(file, storage, early, deep=deep)",
        killed_by=f"{_PAIR}[save a + repair-two processes]",
    ),
    Mutant(
        "accuse-what-was-dropped-meanwhile",
        "features.store.upkeep",
        before="        still = {file.id for file in catalog.files()}\n",
        after="        still = {file.id for file in files}\n",
        killed_by=f"{_PAIR}[collect all but 1 + repair-two processes]",
    ),
    Mutant(
        "move-aside-what-was-not-condemned",
        "features.store.upkeep",
        before="        orphans = {*catalog.sweep(orphans).orphans}\n",
        after="        orphans = {*idle}\n",
        killed_by=f"{_PAIR}[save a + repair-two processes]",
    ),
    Mutant(
        "call-orphans-what-was-saved-meanwhile",
        "features.store.upkeep",
        before="    orphans = idle - {file.id for file in catalog.files()} if idle else idle\n",
        after="    orphans = idle\n",
        killed_by=f"{_STORE}::test_a_check_leaves_alone_what_a_save_commits_meanwhile[False-locked]",
    ),
    Mutant(
        "collect-what-another-catalog-knows",
        "features.store.ties",
        before="        if other.exists() and not (catalog.exists() and other.samefile(catalog)):\n",
        after="        if False:\n",
        killed_by="tests/integrity/test_23_surroundings.py::test_files_are_those_of_one_catalog",
    ),
    Mutant(
        "share-a-catalog-with-a-copy",
        "features.store.catalog.sqlite",
        before="self.path.exists() and self.path.stat().st_nlink > 1:",
        after="False:",
        killed_by="tests/integrity/test_23_surroundings.py::test_a_catalog_with_two_names_is_refused",
    ),
)
