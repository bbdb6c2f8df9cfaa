"""Ways to get a commit wrong."""

from tests.integrity.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "skip-the-expected-version-check",
        "features.store.catalog.committing",
        before="    _check_expectation(change, latest)\n",
        after="",
        killed_by="tests/store/test_catalogs.py::TestSqlCatalog::test_a_wrong_expectation_changes_nothing",
    ),
    Mutant(
        "ignore-the-condemned",
        "features.store.catalog.committing",
        before='    if head["condemned"] is not None:\n',
        after="    if False:\n",
        killed_by="tests/store/test_catalogs.py::TestSqlCatalog::test_a_condemned_file_can_never_be_committed",
    ),
)
