"""One mutant against its test, in a process of its own: ``python -m tests.integrity.mutants.run NAME``.

The last line of output is the verdict, as JSON. Examples are drawn the same way at every run, and not shrunk.
"""

from __future__ import annotations

import json
import sys

import pytest

from tests.integrity.mutants import by_name
from tests.integrity.mutants.mutant import Seeded
from tests.integrity.profiles import explored


class Verdict:
    """Listens to pytest: the test must fail in its own body, not for want of a module, a fixture or itself."""

    def __init__(self) -> None:
        self.outcome = "survived"
        self.reason = ""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings  # its own pytest plugin has to be first to import it

        # After the conftest has chosen its profile, before any test module has been decorated under it.
        generate = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain, Phase.reuse)]
        settings.register_profile("mutants", settings(), phases=generate, derandomize=True, report_multiple_bugs=False)
        settings.load_profile("mutants")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._broken(str(report.longrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self._broken(f"skipped: {report.longrepr}")
        elif report.failed and report.when != "call":
            self._broken(report.longreprtext)
        elif report.failed and self.outcome == "survived":
            self.outcome = "killed"
            self.reason = report.longreprtext

    def _broken(self, reason: str) -> None:
        self.outcome, self.reason = "broken", reason


def main(name: str) -> None:
    mutant = by_name(name)
    sys.meta_path.insert(0, Seeded(mutant))
    verdict = Verdict()
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", mutant.killed_by], [verdict])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        verdict.outcome = "broken"
    print(json.dumps({"outcome": verdict.outcome, "explored": dict(explored), "reason": verdict.reason[-4000:]}))


if __name__ == "__main__":
    main(sys.argv[1])
