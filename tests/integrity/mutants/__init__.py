"""Bugs seeded into the store, each with the test that kills it: what shows that the tests would notice."""

from tests.integrity.mutants import cache, commit, disk, gc, read
from tests.integrity.mutants.mutant import Mutant

MUTANTS = (*commit.MUTANTS, *gc.MUTANTS, *cache.MUTANTS, *read.MUTANTS, *disk.MUTANTS)


def by_name(name: str) -> Mutant:
    (found,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return found
