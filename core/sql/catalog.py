"""What PostgreSQL's catalog, which Redshift has as well, says of schemas, tables and indexes."""

from core.sql.names import address_of, literal


def columns(address: str) -> str:
    """The columns of a table or view, with comments."""
    schema, name = address_of(address)
    return (
        "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, "
        "col.description AS comment, tab.description AS table_comment "
        "FROM pg_catalog.pg_attribute AS a "
        "JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_catalog.pg_description AS col ON col.objoid = c.oid AND col.objsubid = a.attnum "
        "LEFT JOIN pg_catalog.pg_description AS tab ON tab.objoid = c.oid AND tab.objsubid = 0 "
        f"WHERE n.nspname = {literal(schema)} AND c.relname = {literal(name)} "
        "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )


def indexes(address: str) -> str:
    """The indexes of a table, the primary key's among them; the columns of each with commas between them."""
    schema, name = address_of(address)
    return (
        "SELECT i.relname AS name, x.indisprimary AS is_primary, x.indisunique AS is_unique, "
        "x.indpred IS NOT NULL AS is_partial, (SELECT string_agg(a.attname, ', ' ORDER BY k.place) "
        "FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) "
        "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum) AS columns "
        "FROM pg_catalog.pg_index AS x "
        "JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid "
        "JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {literal(schema)} AND c.relname = {literal(name)}"
    )


def schema(name: str) -> str:
    return f"SELECT 1 AS found FROM pg_catalog.pg_namespace WHERE nspname = {literal(name)}"
