"""Which columns of its parents each column of a model is made of, read from the SQL that dbt compiled."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

# schema, table and column of a parent.
Origin = tuple[str, str, str]


def column_lineage(
    node: Mapping[str, Any], manifest: Mapping[str, Any], translator: DagsterDbtTranslator, target: Path, dialect: str
) -> dg.TableColumnLineage | None:
    """What the UI draws between columns; None for what has no SQL, as a seed. SQL that sqlglot cannot follow has none.

    node: the model in dbt's manifest. target: where the command that built it left what it compiled.
    """
    compiled = target / "compiled" / node["package_name"] / node["original_file_path"]
    if node["resource_type"] != "model" or not compiled.is_file():
        return None
    found_there = (manifest["nodes"].get(name) or manifest["sources"].get(name) for name in node["depends_on"]["nodes"])
    parents = [parent for parent in found_there if parent]
    keys = {(parent["schema"], _table(parent)): translator.get_asset_key(parent) for parent in parents}
    columns = tuple((*place, tuple(parent["columns"])) for place, parent in zip(keys, parents, strict=True))
    found = _origins(compiled.read_text(encoding="utf-8"), dialect, columns)
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(keys[schema, table], name) for schema, table, name in sorted(origins)]
            for column, origins in found.items()
        }
    )


def _table(node: Mapping[str, Any]) -> str:
    return str(node.get("identifier") or node.get("alias") or node["name"])


@cache
def _origins(
    sql: str, dialect: str, parents: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> dict[str, frozenset[Origin]]:
    """By output column, the columns of the parents that its expression reads. parents: schema, table, columns."""
    schema: dict[str, Any] = {}
    for name, table, columns in parents:
        # Types change nothing about where a column comes from.
        schema.setdefault(name, {})[table] = dict.fromkeys(columns, "text")
    try:
        parsed = parse_one(sql, dialect=dialect)
        for relation in parsed.find_all(exp.Table):
            relation.set("catalog", None)
        qualified = qualify(parsed, schema=MappingSchema(schema, dialect=dialect), dialect=dialect)
        scope = build_scope(qualified)
        nodes = lineage(None, qualified, {}, scope=scope, dialect=dialect, trim_selects=False)
    except SqlglotError:
        return {}
    known = {(name, table) for name, table, _ in parents}
    return {
        column: frozenset(
            (leaf.expression.db, leaf.expression.name, leaf.name.rsplit(".", 1)[-1].strip('"'))
            for leaf in node.walk()
            if isinstance(leaf.expression, exp.Table) and (leaf.expression.db, leaf.expression.name) in known
        )
        for column, node in nodes.items()
    }
