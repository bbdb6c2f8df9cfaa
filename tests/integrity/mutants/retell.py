"""Find a seeded bug by schedules, and meet it again by the line printed: ``python -m tests.integrity.mutants.retell
NAME OPERATION OPERATION``.

The two operations run in two processes. The last line of output tells, as JSON, what was violated, the schedule as it
is printed, its line, and what the repetition by that line violated.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from tests.integrity.mutants import by_name
from tests.integrity.mutants.mutant import Seeded


def main(name: str, operations: list[str]) -> None:
    sys.meta_path.insert(0, Seeded(by_name(name)))

    # Only now: these import the store, and with it the mutated module.
    from features.testing.schedule import Scheduler
    from features.testing.searches import exhaustive, replay
    from tests.integrity.lab import play
    from tests.integrity.sessions import OPERATIONS

    def run(scheduler: Scheduler) -> None:
        play(scheduler, [OPERATIONS[each] for each in operations], homes=[0, 1])

    found = caught(lambda: exhaustive(run, preemptions=2))
    story = found.__notes__[0]
    line = story.rsplit('replay("', 1)[1].removesuffix('")')
    again = caught(lambda: run(Scheduler(replay(line))))
    print(json.dumps({"violated": told(found), "story": story, "line": line, "again": told(again)}))


def caught(work: Callable[[], object]) -> Exception:
    try:
        work()
    except Exception as error:
        return error
    raise SystemExit("nothing was found")


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
