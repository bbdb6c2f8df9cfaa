"""``check``, ``gc``, ``rollback``, ``delete`` and ``backup``: looking after a store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.cli.failures import FOUND_WRONG
from features.cli.opening import existing_store, refuse_file
from features.cli.options import DEFAULT_STORE, AsJson, Group, StoreFolder, Table, command, folder, span
from features.cli.screen import counted, print_json, print_table, say, size_text

if TYPE_CHECKING:
    from features.store.versions import CheckReport


def check(
    deep: Annotated[bool, typer.Option("--deep", help="Also read every file and compare its digest.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move damaged files, and those of no version, into lost+found.")
    ] = False,
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Find out whether everything that was stored is still there.

    The exit code is 1 where something is wrong.

    \b
    Example:  features check --deep --store store
    """
    with existing_store(store) as opened:
        report = opened.check(deep=deep, repair=repair)
    if as_json:
        print_json({"ok": report.ok, **asdict(report)})
    else:
        _print_report(report, store)
    if not report.ok:
        raise typer.Exit(FOUND_WRONG)


def _print_report(report: CheckReport, store: Path) -> None:
    if report.problems:
        print_table(
            {"problem": "left", "where": "left", "what": "left"},
            ((one.kind, one.where, one.message.removeprefix(f"{one.where}: ")) for one in report.problems),
        )
        say()
    looked = "sizes and digests" if report.deep else "sizes"
    found = counted(len(report.problems), "problem") if report.problems else "all is well"
    say(f"{counted(report.files, 'file')}, {size_text(report.bytes)}, {looked} compared: {found}")
    if report.quarantined:
        say(f"Moved {counted(len(report.quarantined), 'file')} to {Path(report.quarantined[0]).parent}")
    elif report.orphans:
        left = counted(len(report.orphans), "file")
        say(f"{left} more, of no version: harmless, and removed by {command('gc', store=store)}")
    if report.problems:
        say("Restore a backup, go back with features rollback, or build these tables again")


def gc(
    keep_last: Annotated[
        int | None, typer.Option("--keep-last", metavar="N", min=1, help="Keep the N newest versions of each group.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="SPAN", help="Drop only versions older than 30d, 12h or 2w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Drop old versions, and the files that nothing needs any more.

    The latest version always stays. A version goes only where every limit given lets it go; without limits, only
    files of broken-off saves go.

    \b
    Example:  features gc --keep-last 5 --older-than 30d --dry-run --store store
    """
    limit = span(older_than)
    with existing_store(store) as opened:
        report = opened.gc(keep_last=keep_last, older_than=limit, dry_run=dry_run)
    if as_json:
        print_json(asdict(report))
        return
    did = "Would drop" if dry_run else "Dropped"
    say(f"{did} {counted(report.versions, 'version')} and {counted(report.files, 'file')}, {size_text(report.bytes)}")


def rollback(
    group: Group,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The version to go back to.")],
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make an older version the latest again.

    It becomes a new version, so nothing in between is lost.

    \b
    Example:  features rollback movies 3 --store store
    """
    with existing_store(store) as opened:
        new = opened.rollback(group, version)
    if as_json:
        print_json({"group": group, "version": new, "restored": version})
    else:
        say(f"Version {new} of {group} is now as version {version} was")


def delete(group: Group, table: Table, store: StoreFolder = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Leave a table out of a group from now on.

    That is a new version; older ones keep the table.

    \b
    Example:  features delete movies text --store store
    """
    with existing_store(store) as opened:
        new = opened.delete_feature(table, group)
    if as_json:
        print_json({"group": group, "version": new, "deleted": table})
    else:
        undo = command("rollback", group, new - 1, store=store)
        say(f"Version {new} of {group} is without {table}; undo with: {undo}")


def backup(
    copy: Annotated[Path, typer.Argument(metavar="DIR", parser=folder, help="A new or empty folder.")],
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Copy the whole store to a new folder.

    The copy is of one moment, and can be used as a store.

    \b
    Example:  features backup /backups/today --store store
    """
    refuse_file(copy, called="a backup")
    with existing_store(store) as opened:
        opened.backup(copy)
    with existing_store(copy) as copied:
        stats = copied.get_store_stats()
    if as_json:
        print_json({"backup": str(copy), **{name: stats[name] for name in ("groups", "versions", "files", "bytes")}})
    else:
        copied_all = f"{counted(stats['versions'], 'version')} and {counted(stats['files'], 'file')}"
        say(f"Copied {copied_all}, {size_text(stats['bytes'])}, to {copy}")
