"""What the UI shows of a table: column schema with comments, and the receipt of a write."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from core.tables import Table


def column_schema(table: Table) -> dg.TableSchema:
    """The declared columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.value,
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


def described(table: Table) -> dict[str, Any]:
    """Metadata of a table's asset definitions."""
    return {"dagster/column_schema": column_schema(table), "grain": table.grain, "key": ", ".join(table.key)}


def receipt(rows: int, uri: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of one written partition: rows, a link to what was written, and what else is known."""
    return {"dagster/uri": uri, "rows": rows, **more}


def report(context: dg.OutputContext, partition: date | str, metadata: Mapping[str, Any]) -> None:
    """Attach metadata to one partition's materialization, by its day or key, also in a run of several partitions."""
    context.step_context.add_asset_metadata(metadata, context.asset_key, str(partition))


def link(uri: str) -> dg.MetadataValue:
    """An address to click: a path for a local file, a URL otherwise."""
    parts = urlsplit(uri)
    return dg.MetadataValue.path(parts.path) if parts.scheme == "file" else dg.MetadataValue.url(uri)
