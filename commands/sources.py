"""``make sources``: each room's ``_sources.yml``, written from the declarations of its tables."""

from pathlib import Path

import yaml

from assets.room import Room
from core.sql.versioning import versioned_columns
from core.tables import Table
from definitions import ROOMS
from resources.dbt import PROJECT_DIR

LATE = {
    "loaded_at_field": "last_seen_at",
    "freshness": {
        "warn_after": {"count": 26, "period": "hour"},
        "error_after": {"count": 50, "period": "hour"},
    },
}


class _Whole(yaml.SafeDumper):
    """What is said twice is written twice: YAML's references are nothing to read."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def file_of(room: Room) -> Path:
    """Where dbt reads the room's sources."""
    return PROJECT_DIR / "models/staging" / room.name / "_sources.yml"


def sources_of(room: Room) -> str:
    """The file's content: every declared table with its columns, in the order of the declarations."""
    (schema,) = {table.address.split(".")[0] for table in room.tables}
    declared = {
        "name": room.name,
        "schema": schema,
        "description": f"Declared in assets/{room.name}/tables.py, from where `make sources` writes this file.",
        "tables": [_source(table, table in room.fetched_daily) for table in room.tables],
    }
    return yaml.dump({"sources": [declared]}, Dumper=_Whole, sort_keys=False, width=120, allow_unicode=True)


def _source(table: Table, daily: bool) -> dict[str, object]:
    columns = [{"name": column.name, "description": column.comment} for column in versioned_columns(table)]
    said = {"name": table.name, "description": f"{table.description} Grain: {table.grain}."}
    return said | ({"config": LATE} if daily else {}) | {"columns": columns}


def main() -> None:
    """Write the files of all rooms that have tables for dbt."""
    for room in ROOMS:
        if room.tables:
            file_of(room).parent.mkdir(parents=True, exist_ok=True)
            file_of(room).write_text(sources_of(room), encoding="utf-8")


if __name__ == "__main__":
    main()
