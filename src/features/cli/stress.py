"""``stress``: many processes at one store, some of them killed, and the verdict on what they saw."""

from __future__ import annotations

import random
import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.failures import FOUND_WRONG
from features.cli.opening import refuse_file
from features.cli.options import AsJson, folder
from features.cli.progress import Stages, stages
from features.cli.screen import counted, print_json, print_table, say
from features.errors import StorageError
from features.store.names import CATALOG

if TYPE_CHECKING:
    from features.store.feature_store import SimpleFeatureStore
    from features.testing.stress.verdict import Verdict
    from features.testing.stress.worker import Plan

_GROUP = re.compile(r"stress-[0-9a-f]{8}-[12]")
_BETWEEN_KILLS = 0.5
"""Seconds at most."""
_GLANCE = 0.25
"""Seconds between two looks at whether all workers are alive, where none is killed."""
_SHOWN_FAULTS = 10


def stress(
    store: Annotated[
        Path,
        typer.Option("--store", metavar="DIR", parser=folder, help="A new or empty folder, or that of an earlier run."),
    ] = Path("stress"),
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, max=64, help="How many share the store.")
    ] = 4,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, max=64, help="In each process.")] = 8,
    seconds: Annotated[int, typer.Option("--seconds", metavar="N", min=1, max=3600, help="How long they work.")] = 20,
    kill: Annotated[bool, typer.Option("--kill", help="Kill processes all the while, and start others.")] = False,
    as_json: AsJson = False,
) -> None:
    """See on your own disk that nothing is lost, torn or stale.

    Processes save, load, delete, roll back and collect garbage in the same groups, all at once. Then all that they
    saw is compared with what one operation at a time could have done, and with what is stored. The store is one of
    its own: a folder that holds anything else is refused. The exit code is 1 where something is wrong.

    \b
    Example:  features stress --store stress --processes 4 --threads 8 --seconds 20 --kill
    """
    from features.testing.stress.verdict import verdict
    from features.testing.stress.worker import Plan

    _require_own(store)
    _opened(store).close()  # a folder that cannot be written is told here, and not by each of the workers
    run = f"stress-{secrets.token_hex(4)}"
    with stages(quiet=as_json) as progress, tempfile.TemporaryDirectory() as journals:
        plan = Plan(store, Path(journals), threads, secrets.randbits(32), groups=(f"{run}-1", f"{run}-2"))
        kills = _press(plan, processes, seconds, progress, kill=kill)
        progress.begin("comparing what was seen with what is stored")
        found = verdict(plan)
    document = _document(found, seconds) | {"store": str(store), "kills": kills}
    if as_json:
        print_json(document)
    else:
        _print_findings(document)
    if not found.ok:
        raise typer.Exit(FOUND_WRONG)


def _require_own(store: Path) -> None:
    """Raise unless nothing in the folder is anybody's: old versions are collected in all of its groups.

    Raises:
        StorageError: it is a file, or holds something else than the groups of earlier runs.
    """
    refuse_file(store)
    folder = store.expanduser()
    if not folder.exists() or not any(folder.iterdir()):
        return
    foreign = "files that are not a store's"
    if (folder / CATALOG).is_file():
        with _opened(store) as opened:
            others = [group for group in opened.list_feature_groups() if not _is_own(group, opened)]
        if not others:
            return
        foreign = f"the group {others[0]}"
    raise StorageError(
        f"{store} holds {foreign}, which this must not touch; name a new folder on the same disk", path=str(store)
    )


def _is_own(group: str, store: SimpleFeatureStore[Any]) -> bool:
    """Whether a run made the group: it has such a name, and such tables, where they were not all deleted."""
    from features.testing.stress.worker import table_of

    made = table_of("").schema.names
    return _GROUP.fullmatch(group) is not None and all(
        file.schema.names == made for file in store.get_group_info(group).values()
    )


def _opened(store: Path) -> SimpleFeatureStore[Any]:
    from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

    return SimpleFeatureStore(FeatureStoreConfig(store, backend="pyarrow", cache_enabled=False))


def _press(plan: Plan, processes: int, seconds: int, progress: Stages, *, kill: bool) -> int:
    """Let the workers at the store for so long; how many were killed. None of them outlives this."""
    from features.testing.stress.crew import Crew

    kills = 0
    with Crew(plan) as crew:
        progress.begin("starting the processes")
        crew.hire(processes)
        crew.open_gate()
        progress.begin("saving and loading", total=1000 * seconds)
        begin = time.monotonic()
        while (left := begin + seconds - time.monotonic()) > 0:
            pause = random.uniform(0, _BETWEEN_KILLS) if kill else _GLANCE  # noqa: S311
            before = time.monotonic()
            crew.watch(min(left, pause))
            if kill and pause < left:
                crew.kill(random.randrange(processes))  # noqa: S311
                kills += 1
                crew.hire(1)
                crew.open_gate()
            progress.advance(int(1000 * (time.monotonic() - before)))
        progress.begin("letting them finish")
        crew.dismiss()
    return kills


def _document(found: Verdict, seconds: int) -> dict[str, Any]:
    kinds = {kind: found.seconds(kind) for kind in ("save", "load", "delete", "rollback", "conflict", "missing")}
    return {
        "ok": found.ok,
        "operations": {kind: _figures(times, seconds) for kind, times in kinds.items()},
        "acknowledged": found.acknowledged,
        "cut_short": found.cut_short,
        "cut_short_and_stored": found.cut_short_and_stored,
        "busy": found.busy,
        "lost": list(found.lost),
        "violations": list(found.violations),
        "problems": list(found.problems),
        "failures": list(found.failures),
    }


def _figures(times: Sequence[float], seconds: int) -> dict[str, float | None]:
    """How many, how many in a second, and below how many milliseconds so many of a hundred of them stayed."""
    milliseconds = {
        f"p{share}_ms": round(1000 * times[min(len(times) - 1, len(times) * share // 100)], 3) if times else None
        for share in (50, 95, 99)
    }
    return {"count": len(times), "per_second": round(len(times) / seconds, 1), **milliseconds}


_CALLED = {"save": "saves", "load": "loads", "delete": "deletions", "rollback": "rollbacks",
           "conflict": "refused: conflict", "missing": "refused: not there"}  # fmt: skip


def _print_findings(document: dict[str, Any]) -> None:
    right = ("done", "per second", "p50 ms", "p95 ms", "p99 ms")
    print_table(
        {"operation": "left", **dict.fromkeys(right, "right")},
        ((_CALLED[kind], *(_shown(figure) for figure in one.values())) for kind, one in document["operations"].items()),
    )
    say()
    operations = sum(one["count"] for one in document["operations"].values())
    say(f"Acknowledged: {counted(document['acknowledged'], 'write')}, {len(document['lost']):,} lost")
    if document["kills"]:
        say(
            f"Killed:       {document['kills']:,} times, which cut {counted(document['cut_short'], 'write')} short; "
            f"{document['cut_short_and_stored']:,} of them had been committed, and are there"
        )
    if document["busy"]:
        say(f"Gave up:      {counted(document['busy'], 'operation')}, having waited too long for others")
    faults = [line for kind in ("lost", "violations", "problems", "failures") for line in document[kind]]
    if not faults:
        say(f"Verdict:      no violation in {operations:,} operations, and every file is as it was saved")
        return
    say(f"Verdict:      {counted(len(faults), 'fault')}")
    for line in faults[:_SHOWN_FAULTS]:
        say(f"  {line}")
    if len(faults) > _SHOWN_FAULTS:
        say(f"  … and {len(faults) - _SHOWN_FAULTS:,} more; see --json")


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:,}"
