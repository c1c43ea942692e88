"""How a database's table becomes the declared one: what is missing is added, anything else is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import PermanentError
from core.sql import ddl
from core.sql.ddl import Index, Relation
from core.sql.dialects import Dialect


@dataclass(frozen=True)
class FoundColumn:
    """A column as the engine's catalog lists it, with its comment and its table's."""

    name: str
    type: str
    comment: str | None = None
    table_comment: str | None = None


@dataclass(frozen=True)
class FoundIndex:
    """An index as the catalog lists it. ``columns``: with commas between them."""

    name: str
    columns: str
    is_primary: bool = False
    is_unique: bool = False
    is_partial: bool = False


@dataclass(frozen=True)
class Found:
    """What is there of one relation. No columns: no table."""

    columns: Sequence[FoundColumn] = ()
    indexes: Mapping[str, FoundIndex] = field(default_factory=dict)


def changes(relation: Relation, dialect: Dialect, found: Found) -> list[str]:
    """The statements that bring a table up to its declaration; none when it is.

    Raises:
        PermanentError: when a column has another type than declared, or an index or key other columns.
    """
    statements = [] if found.columns else [ddl.create_table(relation, dialect)]
    known = {column.name: column for column in found.columns}
    for column in relation.columns:
        there, wanted = known.get(column.name), dialect.types[column.type]
        if found.columns and there is None:
            statements.append(ddl.add_column(relation.address, column, dialect))
        if there and there.type != wanted:
            raise PermanentError(
                f"{dialect.system}: {relation.address}.{column.name} is {there.type}, declared as {wanted}. Only new "
                f"columns are added by themselves. {_remedy(dialect)}"
            )
        if there is None or there.comment != column.comment:
            statements.append(ddl.comment_on_column(relation, column))
    if found.columns:
        _compare_key(relation, dialect, found)
    statements += [
        ddl.create_index(relation, index)
        for index in relation.indexes
        if not _is_there(relation, index, dialect, found)
    ]
    if not found.columns or found.columns[0].table_comment != relation.comment:
        statements.append(ddl.comment_on_table(relation))
    return statements


def _remedy(dialect: Dialect) -> str:
    if dialect.keyed:
        return "Change it by ALTER TABLE, or rename the table away and fetch its rows again."
    return "Rename the table away, then load its days again."


def _compare_key(relation: Relation, dialect: Dialect, found: Found) -> None:
    if not relation.key:
        return
    there = next((index.columns for index in found.indexes.values() if index.is_primary), "none")
    wanted = ", ".join(relation.key)
    if there != wanted:
        raise PermanentError(
            f"{dialect.system}: the primary key of {relation.address} is {there}, declared as {wanted}. "
            f"{_remedy(dialect)}"
        )


def _is_there(relation: Relation, index: Index, dialect: Dialect, found: Found) -> bool:
    there = found.indexes.get(index.name)
    if there is None:
        return False
    wanted = FoundIndex(index.name, ", ".join(index.columns), False, index.unique, bool(index.where))
    if there != wanted:
        raise PermanentError(
            f"{dialect.system}: the index {index.name} of {relation.address} is {_told(there)}, declared as "
            f"{_told(wanted)}. Drop it, then run again: it is made anew."
        )
    return True


def _told(index: FoundIndex) -> str:
    kind = f"{'unique ' if index.is_unique else ''}on {index.columns}"
    return f"{kind}, of some rows only" if index.is_partial else kind
