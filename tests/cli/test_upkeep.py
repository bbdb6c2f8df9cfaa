"""``features check``, ``gc``, ``rollback``, ``delete`` and ``backup``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Run


def a_file(store: Path) -> Path:
    return next((store / "files").iterdir())


def test_check_of_a_sound_store_says_so(run: Run, store: Path) -> None:
    outcome = run("check", "--deep")
    assert outcome.code == 0
    assert "11 files" in outcome.out
    assert "all is well" in outcome.out


def test_check_names_what_is_missing_and_exits_with_1(run: Run, store: Path) -> None:
    lost = a_file(store)
    lost.unlink()
    outcome = run("check")
    assert outcome.code == 1
    assert lost.stem in outcome.out
    assert outcome.out.count("movies/") == 1
    assert "1 problem" in outcome.out
    report = run("check", "--json")
    assert (report.code, report.json["ok"], report.json["problems"][0]["kind"]) == (1, False, "missing")


def test_only_a_deep_check_sees_changed_bytes(run: Run, store: Path) -> None:
    damaged = a_file(store)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert run("check").code == 0
    assert run("check", "--deep").code == 1


def test_check_tells_of_files_of_no_version_without_failing(run: Run, store: Path) -> None:
    (store / "files" / f"{'0' * 32}.parquet").write_bytes(b"left over")
    outcome = run("check")
    assert outcome.code == 0
    assert "features gc" in outcome.out
    store.rename("my store")
    assert "features gc --store 'my store'" in run("check", "--store", "my store").out


def test_a_repair_moves_files_aside_and_says_where(run: Run, store: Path) -> None:
    stray = store / "files" / f"{'0' * 32}.parquet"
    stray.write_bytes(b"left over")
    outcome = run("check", "--repair")
    assert outcome.code == 0
    assert "lost+found" in outcome.out
    assert (store / "lost+found" / stray.name).read_bytes() == b"left over"
    assert not stray.exists()
    assert "no version" not in run("check").out


def test_gc_first_says_what_would_go_then_does_it(run: Run, store: Path) -> None:
    promised = run("gc", "--keep-last", 1, "--dry-run", "--json").json
    assert (promised["versions"], promised["files"], promised["dry_run"]) == (1, 5, True)
    assert "Would drop 1 version and 5 files" in run("gc", "--keep-last", 1, "--dry-run").out
    done = run("gc", "--keep-last", 1, "--json").json
    assert done == {**promised, "dry_run": False}
    assert [one["version"] for one in run("log", "movies", "--json").json["versions"]] == [2]


def test_gc_names_the_largest_number_that_it_takes(run: Run, store: Path) -> None:
    outcome = run("gc", "--keep-last", 2**62)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"--keep-last is {2**62}; it must be a whole number from 1 to {2**62 - 1}" in outcome.err
    assert run("gc", "--keep-last", 2**62 - 1).code == 0


def test_gc_names_its_option_where_a_duration_is_too_long(run: Run, store: Path) -> None:
    outcome = run("gc", "--older-than", "999999d")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--older-than reaches back before the year 1; pass a shorter duration" in outcome.err


def test_gc_spares_versions_younger_than_asked(run: Run, store: Path) -> None:
    assert "Dropped 0 versions" in run("gc", "--keep-last", 1, "--older-than", "30d").out


def test_the_only_version_is_told_as_such(run: Run, store: Path) -> None:
    run("gc", "--keep-last", 1)
    assert "it keeps version 2 alone" in run("show", "movies", "--version", 1).err


@pytest.mark.parametrize("span", ["soon", "30", "d", "-3d", "3 d", "1.5h"])
def test_gc_refuses_what_is_no_duration(run: Run, store: Path, span: str) -> None:
    outcome = run("gc", "--older-than", span)
    assert outcome.code == 2
    assert "30d" in outcome.err


def test_rollback_makes_the_old_version_the_latest(run: Run, store: Path) -> None:
    assert run("rollback", "movies", 1, "--json").json == {"group": "movies", "version": 3, "restored": 1}
    assert run("show", "movies", "basic", "--json").json["rows"] == 10


def test_rollback_to_a_version_that_is_not_there_changes_nothing(run: Run, store: Path) -> None:
    outcome = run("rollback", "movies", 7)
    assert outcome.code == 1
    assert "no version 7" in outcome.err
    assert "it keeps versions 1 to 2" in outcome.err
    assert "versions()" not in outcome.err
    assert len(run("log", "movies", "--json").json["versions"]) == 2


def test_delete_leaves_the_table_out_and_says_how_to_undo_it(run: Run, store: Path) -> None:
    outcome = run("delete", "movies", "text")
    assert outcome.code == 0
    assert run("show", "movies", "text").code == 1
    undo = outcome.out.split("features ")[1].split()
    assert run(*undo).code == 0
    assert run("show", "movies", "text").code == 0


@pytest.mark.parametrize(
    ("typed", "setting", "hint"),
    [
        (("--store", "my store"), "", "features rollback movies 2 --store 'my store'"),
        ((), "my store", "features rollback movies 2"),
    ],
)
def test_the_way_to_undo_names_the_store_where_it_was_typed(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], setting: str, hint: str
) -> None:
    store.rename("my store")
    monkeypatch.setenv("FEATURES_STORE", setting)
    assert run("delete", "movies", "text", *typed).out.rstrip().endswith(f"undo with: {hint}")


def test_delete_of_a_table_that_is_not_there_names_those_that_are(run: Run, store: Path) -> None:
    outcome = run("delete", "movies", "txt")
    assert outcome.code == 1
    assert "'text'" in outcome.err


def test_a_backup_is_a_store_with_the_same_versions(run: Run, store: Path) -> None:
    assert run("backup", "copy", "--json").json["versions"] == 2
    assert run("check", "--deep", "--store", "copy").code == 0
    assert run("log", "movies", "--store", "copy").out == run("log", "movies").out


@pytest.mark.parametrize("target", ["store/inner", "store/files/x", "link/inner", "elsewhere/../store/x"])
def test_a_copy_inside_what_it_copies_is_refused(run: Run, store: Path, target: str) -> None:
    Path("link").symlink_to(store)
    Path("elsewhere").mkdir()
    before = sorted(store.rglob("*"))
    outcome = run("backup", target)
    assert (outcome.code, outcome.out) == (1, "")
    assert "is inside the store that it would copy; name a folder outside" in outcome.err
    assert sorted(store.rglob("*")) == before


def test_a_backup_below_a_file_names_no_option_that_is_not_at_fault(run: Run, store: Path) -> None:
    Path("file").touch()
    outcome = run("backup", "file/below")
    assert outcome.code == 1
    assert "choose another folder" in outcome.err
    assert "--store" not in outcome.err


@pytest.mark.parametrize("target", ["store", "file"])
def test_a_backup_writes_over_nothing(run: Run, store: Path, target: str) -> None:
    Path("file").write_text("mine")
    outcome = run("backup", target)
    assert outcome.code == 1
    assert outcome.err.startswith("error: ")
    assert "a bug" not in outcome.err
    assert Path("file").read_text() == "mine"
