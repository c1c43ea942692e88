"""Moving a tree of old files over: what is good is copied as it is, what is not is told, hand-kept schemas go along.

The old files are good as they stand; only what was wrong before, and unnoticed, needs a hand.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from assets.databridge.loading import Fault, Loaded, load_tree
from assets.databridge.tables import BridgeTable
from core.errors import InvalidAnswer
from resources.clients.databridge.schema import LONGEST, parse_schema
from resources.clients.databridge.staging import Staging
from resources.clients.lake.object_store import ObjectStore


def move_tree(old: Path, new: Path) -> Loaded:
    """Copy the good files of a tree into another; a file that is there already and says something else stays."""
    loaded, moved, faults = load_tree(old), [], []
    for table in loaded.tables:
        there, data = new / table.path, (old / table.path).read_bytes()
        if there.exists() and there.read_bytes() != data:
            faults.append(Fault(table.path, None, f"{there} says something else; remove one of them."))
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        on_its_way = there.with_name(f".{there.name}.part")
        shutil.copyfile(old / table.path, on_its_way)
        on_its_way.replace(there)
        moved.append(table)
    return Loaded(tuple(moved), (*loaded.faults, *faults))


def move_schemas(
    folder: Path, tables: tuple[BridgeTable, ...], store: ObjectStore
) -> Iterator[tuple[str, Fault | None]]:
    """Store the tables' hand-kept schemas, ``db_<department>_<table>.json``, under the keys where extracts look.

    One that is stored already stays. Yields each schema's key, and what was wrong with it.
    """
    for table in tables:
        file, staging = folder / f"db_{table.department}_{table.table}.json", Staging(store, table.keys)
        if not file.is_file() or store.read(table.keys.schema, LONGEST) is not None:
            continue
        with file.open("rb") as opened:
            data = opened.read(LONGEST + 1)
        try:
            parse_schema(data, file.name)
        except InvalidAnswer as invalid:
            yield table.keys.schema, Fault(file.name, None, str(invalid))
            continue
        store.write(staging.keys.schema, data)
        yield table.keys.schema, None
