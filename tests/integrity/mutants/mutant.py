"""A seeded bug: one substitution in the source of one module, and the test that has to notice."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to get the protocol wrong."""

    name: str
    """What is wrong, in lower case with dashes: how the test of this mutant is selected."""
    module: str
    """Where, for instance ``features.store.catalog.queue``."""
    before: str
    """Text that occurs in the module's source exactly once."""
    after: str
    killed_by: str
    """The node id of a test, from the root of the repository."""

    @property
    def path(self) -> Path:
        """Where the module's source is, found without importing any of its parents."""
        package, *rest = self.module.split(".")
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).parent.joinpath(*rest).with_suffix(".py")

    def applied(self) -> str:
        """The module's source with the bug in it.

        Raises:
            LookupError: ``before`` is not in the source exactly once: the source moved on, and the mutant must too.
        """
        source = self.path.read_text(encoding="utf-8")
        found = source.count(self.before)
        if found != 1:
            raise LookupError(f"mutant {self.name}: its text occurs {found} times in {self.module}:\n{self.before}")
        return source.replace(self.before, self.after)


class _Loader(SourceFileLoader):
    """Compiles the mutated source in place of the file's, past any cached bytecode."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class Seeded(MetaPathFinder):
    """Finds the mutated module before the rest of the import system finds the real one."""

    def __init__(self, mutant: Mutant) -> None:
        if mutant.module in sys.modules:
            raise RuntimeError(f"{mutant.module} has been imported already")
        self._mutant = mutant
        self._source = mutant.applied()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        loader = _Loader(fullname, str(self._mutant.path), self._source)
        return importlib.util.spec_from_loader(fullname, loader, origin=str(self._mutant.path))
