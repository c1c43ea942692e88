"""Who may do what with the tables of a warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.sql.ddl import schema_of
from core.sql.dialects import Dialect
from core.sql.names import quoted
from core.tables import Table


@dataclass(frozen=True)
class Roles:
    """Who may do what in the warehouse, besides the owner of the tables; None for nobody."""

    loader: str | None = None
    dbt: str | None = None
    reader: str | None = None


NOBODY = Roles()


def grants(tables: Sequence[Table], roles: Roles, dialect: Dialect) -> list[str]:
    """Statements that give each role what its work takes on the tables, and no more."""
    statements = []
    for schema in dict.fromkeys(map(schema_of, tables)):
        listed = ", ".join(table.address for table in tables if schema_of(table) == schema)
        for role, on_schema, on_tables in (
            (roles.loader, "USAGE", "SELECT, INSERT, DELETE"),
            (roles.dbt, "USAGE, CREATE", "SELECT"),
            (roles.reader, "USAGE", "SELECT"),
        ):
            if role:
                grantee = dialect.grantee.format(quoted(role))
                statements.append(f"GRANT {on_schema} ON SCHEMA {schema} TO {grantee}")
                statements.append(f"GRANT {on_tables} ON TABLE {listed} TO {grantee}")
    return statements
