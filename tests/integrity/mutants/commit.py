"""Ways to get a commit wrong."""

from tests.integrity.mutants.mutant import Mutant

_SAVERS = "tests/integrity/test_06_savers.py::test_of_two_savers_one_wins_whatever_the_order"
_PAIR = "tests/integrity/test_12_pairs.py::test_two_operations_at_once"
_THREE = "tests/integrity/test_12_pairs.py::test_three_operations_at_once"
_CONTRACT = "tests/store/test_catalogs.py::TestSqlCatalog"
_SETTINGS = "tests/integrity/test_02_catalog_settings.py"
_STORE = "tests/store/test_feature_store.py"

MUTANTS = (
    Mutant(
        "skip-the-expected-version-check",
        "features.store.catalog.committing",
        before="    _check_expectation(change, latest)\n",
        after="",
        killed_by=f"{_SAVERS}[one process]",
    ),
    Mutant(
        "check-the-expected-version-before-the-transaction",
        "features.store.catalog.sql",
        before="        return self._queue.commit(change, self._commit_together)\n",
        after="""        from dataclasses import replace

        latest = self.groups().get(change.group, [0])[-1]
        if change.expected_version not in (None, latest):
            committing._check_expectation(change, latest)
        return self._queue.commit(replace(change, expected_version=None), self._commit_together)
""",
        killed_by=f"{_SAVERS}[two processes]",
    ),
    Mutant(
        "begin-deferred",
        "features.store.catalog.sqlite",
        before='connection.execute("BEGIN IMMEDIATE")',
        after='connection.execute("BEGIN")',
        killed_by=f"{_PAIR}[save a + save a-two processes]",
    ),
    Mutant(
        "delete-the-files-after-any-error",
        "features.store.writing",
        before="    except FeatureStoreError:  # of ours",
        after="    except Exception:  # of ours",
        killed_by="tests/store/test_feature_store.py::test_what_stops_a_save_that_took_effect_costs_no_file[TimeoutError]",
    ),
    Mutant(
        "stop-without-finding-out-for-the-others",
        "features.store.catalog.queue",
        before="            finally:\n                for request",
        after="            else:\n                for request",
        killed_by="tests/store/test_queue.py::test_what_stops_the_thread_that_committed_is_nothing_to_the_others",
    ),
    Mutant(
        "wait-for-ones-own-commit",
        "features.store.catalog.queue",
        before="        if self._turn._is_owned():\n            raise",
        after="        if False:\n            raise",
        killed_by="tests/store/test_queue.py::test_a_commit_within_a_commit_is_refused_at_once",
    ),
    Mutant(
        "acknowledge-without-commit",
        "features.store.catalog.sql",
        before="""                connection.execute("COMMIT")
                self.point("catalog.committed")
                outcomes[:] = made
""",
        after="                outcomes[:] = made\n",
        killed_by=f"{_PAIR}[save a + load-one process]",
    ),
    Mutant(
        "mix-up-the-outcomes-of-a-batch",
        "features.store.catalog.queue",
        before="zip(batch, outcomes, strict=False)",
        after="zip(batch, reversed(outcomes), strict=False)",
        killed_by=f"{_THREE}[three savers are committed together]",
    ),
    Mutant(
        "commit-a-group-table-by-table",
        "features.store.writing",
        before="        committed = catalog.commit(replace(change, tables=files))\n",
        after="""        if change.message:
            committed = catalog.commit(replace(change, tables=files))
        else:
            for name, file in files.items():
                catalog.commit(replace(change, write_id=change.write_id + name, tables={name: file}))
            committed = Committed(0, {name: file.id for name, file in files.items()}, change.group)
""",
        killed_by=f"{_PAIR}[save a and b + load-two processes]",
    ),
    Mutant(
        "do-not-ask-by-write-id-after-an-error",
        "features.store.catalog.sql",
        before="            committed = self.written_by(change.write_id)\n",
        after="            committed = None\n",
        killed_by="tests/store/test_feature_store.py::test_an_error_after_the_commit_took_effect_is_a_success",
    ),
    Mutant(
        "apply-a-repeated-write-again",
        "features.store.catalog.committing",
        before='    if head["applied"] and (before',
        after='    if not head["applied"] and (before',
        killed_by=f"{_CONTRACT}::test_the_same_write_is_applied_once",
    ),
    Mutant(
        "keep-the-replaced-file-in-the-new-version",
        "features.store.catalog.committing",
        before="        if plan.ended:\n",
        after="        if not plan.ended:\n",
        killed_by=f"{_PAIR}[save a + load-two processes]",
    ),
    Mutant(
        "count-versions-instead-of-numbering-them",
        "features.store.catalog.committing",
        before='    version = (head["latest"] or 0) + 1\n',
        after="""    counting = "SELECT count(*) FROM versions WHERE group_id = ?"
    version = connection.execute(counting, (head["id"] or 0,)).fetchone()[0] + 1
""",
        killed_by=f"{_PAIR}[save a + collect all but 1-two processes]",
    ),
    Mutant(
        "end-a-table-one-version-late",
        "features.store.catalog.statements",
        before="            entries.c.end_version > versions.c.version,\n",
        after="            entries.c.end_version >= versions.c.version,\n",
        killed_by=f"{_PAIR}[delete b + load-two processes]",
    ),
    Mutant(
        "refuse-what-is-being-committed",
        "features.store.catalog.queue",
        before="            if self._withdraw(request) or not isinstance(error, BusyError):\n",
        after="            if self._withdraw(request) or True:\n",
        killed_by="tests/integrity/test_20_waits.py::test_a_save_that_is_refused_among_others_did_not_happen",
    ),
    Mutant(
        "leave-an-interrupted-save-in-the-queue",
        "features.store.catalog.queue",
        before="        except BaseException as error:\n",
        after="        except BusyError as error:\n",
        killed_by=f"{_STORE}::test_a_save_that_was_interrupted_while_it_waited_is_not_made_by_the_next",
    ),
    Mutant(
        "go-on-in-the-journal-mode-of-another-release",
        "features.store.catalog.sqlite",
        before="        if actual.upper() != journal_mode():\n",
        after="        if False:\n",
        killed_by=f"{_STORE}::test_a_log_that_another_release_of_sqlite_began_is_not_used",
    ),
    Mutant(
        "wait-for-a-lock-without-end",
        "features.store.catalog.sqlite",
        before="or now >= deadline:",
        after="or now < 0:",
        killed_by="tests/integrity/test_20_waits.py::test_a_writer_that_hangs_holds_nobody_up_for_longer_than_promised",
    ),
    Mutant(
        "sync-normally",
        "features.store.catalog.sqlite",
        before='"PRAGMA synchronous=FULL"',
        after='"PRAGMA synchronous=NORMAL"',
        killed_by=f"{_SETTINGS}::test_every_connection_syncs_fully_and_keeps_a_journal_that_survives",
    ),
    Mutant(
        "delete-the-journal",
        "features.store.catalog.sqlite",
        before='return "WAL" if fixed else "PERSIST"',
        after='return "WAL" if fixed else "DELETE"',
        killed_by=f"{_SETTINGS}::test_a_log_is_written_ahead_only_where_sqlite_resets_it_safely",
    ),
    Mutant(
        "write-ahead-where-sqlite-may-lose-it",
        "features.store.catalog.sqlite",
        before="release >= (3, 51, 3)",
        after="release >= (3, 37, 0)",
        killed_by=f"{_SETTINGS}::test_a_log_is_written_ahead_only_where_sqlite_resets_it_safely",
    ),
)
