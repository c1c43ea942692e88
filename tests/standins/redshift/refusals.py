"""What PostgreSQL would take and Redshift does not."""

from collections.abc import Iterator

from tests.standins.redshift.sql import Token, significant, split
from tests.standins.redshift.wire import RedshiftError

SYNTAX, UNSUPPORTED, ACTIVE_TRANSACTION = "42601", "0A000", "25001"

# Words in a row, and what they are.
PHRASES = {
    ("on", "conflict"): "INSERT ... ON CONFLICT",
    ("distinct", "on"): "SELECT DISTINCT ON",
    ("create", "index"): "CREATE INDEX",
    ("create", "unique", "index"): "CREATE INDEX",
    ("drop", "index"): "DROP INDEX",
    ("create", "extension"): "CREATE EXTENSION",
    ("create", "trigger"): "CREATE TRIGGER",
    ("create", "sequence"): "CREATE SEQUENCE",
    ("create", "domain"): "CREATE DOMAIN",
    ("create", "type"): "CREATE TYPE",
    ("add", "column", "if", "not", "exists"): "ADD COLUMN IF NOT EXISTS",
    ("for", "update"): "SELECT ... FOR UPDATE",
    ("intersect", "all"): "INTERSECT ALL",
    ("except", "all"): "EXCEPT ALL",
    ("on", "commit"): "ON COMMIT of temporary tables",
    ("from", "stdin"): "COPY FROM STDIN",
    ("to", "stdout"): "COPY TO STDOUT",
    ("with", "no", "data"): "CREATE TABLE AS ... WITH NO DATA",
    (")", "filter", "("): "FILTER of aggregates",
    ("join", "lateral"): "LATERAL",
    (",", "lateral"): "LATERAL",
    ("array", "["): "arrays",
    ("]", "["): "arrays",
}
WORDS = {
    "returning": "RETURNING",
    "jsonb": "the type jsonb",
    "savepoint": "SAVEPOINT",
    "tablesample": "TABLESAMPLE",
    "bytea": "the type bytea",
    "uuid": "the type uuid",
    "serial": "the type serial",
    "bigserial": "the type bigserial",
    "tsvector": "the type tsvector",
    "hstore": "the type hstore",
}
FUNCTIONS = {
    "array_agg", "string_agg", "unnest", "generate_series", "jsonb_build_object", "json_build_object", "json_agg",
    "jsonb_agg", "row_to_json", "to_json", "to_jsonb", "concat_ws", "format", "gen_random_uuid", "percentile_disc",
    "mode", "pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "to_regclass", "string_to_array",
}  # fmt: skip


def check(parts: list[Token], heads: list[str]) -> None:
    """Refuse what Redshift refuses.

    Raises:
        RedshiftError: naming what it is.
    """
    for phrase, meaning in PHRASES.items():
        size = len(phrase)
        if any(tuple(heads[at : at + size]) == phrase for at in range(len(heads) - size + 1)):
            raise RedshiftError(f"{meaning} is not supported by Redshift", SYNTAX)
    for before, part, after in _neighbours(significant(parts)):
        if part.word in WORDS:
            raise RedshiftError(f"{WORDS[part.word]} is not supported by Redshift", SYNTAX)
        if part.word in FUNCTIONS and after.word == "(":
            raise RedshiftError(f"function {part.word}() is not supported by Redshift", "42883")
        if part.word == "[" and before.kind == "word":
            raise RedshiftError("arrays are not supported by Redshift", UNSUPPORTED)
        if part.word == "json" and before.word == "::":
            raise RedshiftError("the type json is not supported by Redshift", UNSUPPORTED)
    if heads[:2] == ["alter", "table"] and len(split(parts, ",")) > 1:
        raise RedshiftError("ALTER TABLE takes one change at a time in Redshift", SYNTAX)


def _neighbours(parts: list[Token]) -> Iterator[tuple[Token, Token, Token]]:
    nothing = Token("space", "")
    return zip([nothing, *parts], parts, [*parts[1:], nothing], strict=False)
