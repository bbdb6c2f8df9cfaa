"""How near the store is to the least that saving and loading can cost, in size, in a crowd, and with a long history.

The store takes turns with what it is made of: the library's own Parquet writer with a sync of file and folder and a
bare commit, and its own reader; with one thread or process and many; and with a store of ten versions or groups and
one of ten thousand. Without ``--backend`` the first part is measured on each library that is installed, the others on
the default one. These are the project's own targets: a FAIL is something to work on, not something broken.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from measuring import Report, settings_from  # first: it finds a clone's src
from store_crowd import compare_crowds
from store_growth import compare_growth
from store_sizes import compare_cached, compare_sizes


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How much longer than the bare writer and a commit takes a save, and a load than the bare reader?",
        "How much more do eight threads or four processes save than one, and does any of them wait for long?",
        "What do ten thousand versions, or groups, cost a save, a load, opening and collection?",
    )
    with settings.folder() as folder:
        report = Report("store_limits", settings, questions, folder)
        for backend in settings.backends:
            changed = compare_sizes(report, folder, backend, quick=settings.quick)
            report.require(f"{backend}: tables that came back changed from a size", changed, "==", 0, "tables")
            compare_cached(report, folder, backend, quick=settings.quick)
        compare_crowds(report, folder, settings.backend, quick=settings.quick)
        compare_growth(report, folder, settings.backend, quick=settings.quick)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
