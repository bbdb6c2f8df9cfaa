"""A process that saves until it is told to stop or killed, and says on its output which saves were acknowledged.

Each save makes a new version of a group that all writers share, and of one that is this writer's own. A line is
printed only after the save returned: what stands there was promised.
"""

from __future__ import annotations

import sys

import pyarrow as pa

from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore


def main(folder: str, writer: str, saves: int) -> None:
    store = SimpleFeatureStore(FeatureStoreConfig(folder, backend="pyarrow"))
    print("ready", flush=True)
    sys.stdin.readline()  # the start gate
    for number in range(saves):
        table = pa.table({"writer": [writer] * 20, "number": [number] * 20})
        store.save_features("shared", {f"table-{writer}": table}, message=f"{writer} {number}")
        store.save_features(f"own-{writer}", {"t": table}, message=f"{writer} {number}")
        print(f"saved {number}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
