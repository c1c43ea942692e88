"""How a warehouse's table becomes the declared one: what is missing is added, anything else is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from core import warehouse_sql as sql
from core.errors import PermanentError
from core.tables import Table
from core.warehouse_sql import Dialect


@dataclass(frozen=True)
class FoundColumn:
    """A column as the engine's catalog lists it, with its comment and its table's."""

    name: str
    type: str
    comment: str | None = None
    table_comment: str | None = None


def changes(table: Table, dialect: Dialect, found: Sequence[FoundColumn]) -> list[str]:
    """The statements that bring the table up to its declaration; none when it is. No columns found: no table.

    Raises:
        PermanentError: when a column has another type than declared.
    """
    statements = [] if found else sql.create_table(table, dialect)
    known = {column.name: column for column in found}
    for column in sql.stored_columns(table, dialect):
        there, wanted = known.get(column.name), dialect.types[column.type]
        if found and there is None:
            statements.append(sql.add_column(table, column, dialect))
        if there and there.type != wanted:
            raise PermanentError(
                f"{dialect.system}: {table.address}.{column.name} is {there.type}, declared as {wanted}. Only new "
                f"columns are added by themselves. Rename the table away, then load its days again."
            )
        if there is None or there.comment != column.comment:
            statements.append(sql.comment_on_column(table, column))
    if not found or found[0].table_comment != sql.table_comment(table):
        statements.append(sql.comment_on_table(table))
    return statements
