"""DDL: what Redshift declares beyond PostgreSQL is taken out, and kept as facts about the table.

The facts travel in a comment before the statement; the server's own trigger stores them in the client's transaction
(``catalog.sql``), so that a rolled back table leaves none.
"""

from typing import Any

from tests.standins.redshift.sql import (
    Token,
    closing,
    following,
    joined,
    significant,
    split,
    tokens,
    word_at,
    words,
)  # fmt: skip
from tests.standins.redshift.wire import RedshiftError

CONSTRAINTS = {"primary", "unique", "foreign", "constraint"}
# Types that are shorter in Redshift than their name says.
DEFAULT_SIZES = {
    "text": "varchar(256)", "varchar": "varchar(256)", "nvarchar": "varchar(256)", "bpchar": "char(256)",
    "numeric": "numeric(18,0)", "decimal": "numeric(18,0)",
}  # fmt: skip
# A change that changes nothing, so that the trigger sees the facts that the statement brought.
UNCHANGED = "SET (fillfactor = 100)"


def rewritten(parts: list[Token], heads: list[str]) -> tuple[list[Token], dict[str, Any]]:
    """The statement as PostgreSQL takes it, and the facts it declares."""
    facts: dict[str, Any] = {}
    match heads:
        case ["create", *rest] if "table" in rest[:3]:
            parts, facts = _create_table(parts)
        case ["create", *rest] if "view" in rest[:4]:
            parts, facts = _create_view(parts)
        case ["create" | "drop", "schema", *_]:
            parts = _without_database(parts)
        case ["alter", "table", *_]:
            parts, facts = _alter_table(parts)
        case ["vacuum" | "analyze" as command, *_]:
            parts = _maintenance(parts, command)
        case ["grant" | "revoke", *_] | ["alter", "default", "privileges", *_]:
            parts = _without_role_word(parts)
    return parts, facts


def _create_table(parts: list[Token]) -> tuple[list[Token], dict[str, Any]]:
    """Columns stand in the first brackets, unless these belong to an AS."""
    declared: dict[str, Any] = {"kind": "table"}
    head = next((at for at, part in enumerate(parts) if part.word in ("(", "as")), len(parts))
    columns_end = closing(parts, head) if word_at(parts, head) == "(" else head - 1
    query = next((at for at in range(columns_end + 1, len(parts)) if parts[at].word == "as"), len(parts))
    # Attributes stand between the columns (or the name) and the query.
    name, attributes = parts[: min(head, query)], parts[columns_end + 1 : query]
    columns = parts[head : columns_end + 1]
    if word_at(parts, head) == "as":
        name, attributes = _cut_attributes(parts[:head])
        columns = []
    elif words(_cut_attributes(name)[1]):
        # `create table t distkey (a) as ...`: those brackets were no columns.
        name, attributes = _cut_attributes(parts[:query])
        columns = []
    declared |= _attributes(attributes)
    kept = _columns(columns, declared) if columns and query == len(parts) else columns
    return [*name, *kept, Token("space", " "), *parts[query:]], declared


ATTRIBUTES = {"diststyle", "distkey", "sortkey", "compound", "interleaved", "backup", "encode"}


def _cut_attributes(parts: list[Token]) -> tuple[list[Token], list[Token]]:
    at = next((index for index, part in enumerate(parts) if part.word in ATTRIBUTES), len(parts))
    return parts[:at], parts[at:]


def _attributes(parts: list[Token]) -> dict[str, Any]:
    """What DISTSTYLE, DISTKEY, SORTKEY, ENCODE and BACKUP say.

    Raises:
        RedshiftError: when they say something else.
    """
    found: dict[str, Any] = {}
    rest = significant(parts)
    while rest:
        word, rest = rest[0].word, rest[1:]
        if word in ("diststyle", "backup", "encode"):
            found[word], rest = rest[0].word, rest[1:]
        elif word in ("compound", "interleaved"):
            found["sort_type"] = word
        elif word in ("distkey", "sortkey") and word_at(rest, 0) == "(":
            end = closing(rest, 0)
            found[word] = [part.value.lower() for part in rest[1:end] if part.word != ","]
            rest = rest[end + 1 :]
        elif word == "sortkey" and word_at(rest, 0) == "auto":
            rest = rest[1:]
        else:
            raise RedshiftError(f'syntax error at or near "{word}"', "42601")
    return found


def _columns(parts: list[Token], declared: dict[str, Any]) -> list[Token]:
    """The bracket of column definitions, without what Redshift does not enforce."""
    items, required = [], set()
    for item in split(parts[1:-1], ","):
        heads = words(item)
        if heads[0] in CONSTRAINTS:
            if "primary" in heads:
                inside = significant(item)
                opening = next(at for at, part in enumerate(inside) if part.word == "(")
                required |= {part.value.lower() for part in inside[opening + 1 : -1] if part.word != ","}
            continue
        items.append(item if heads[0] == "like" else _column(item, declared))
    for item in items:
        if significant(item)[0].value.lower() in required and "not" not in words(item):
            item.extend(tokens(" NOT NULL"))
    return tokens(f"({','.join(map(joined, items))})")


def _column(parts: list[Token], declared: dict[str, Any]) -> list[Token]:
    """One column's definition."""
    name_at = next(at for at, part in enumerate(parts) if part.kind != "space")
    name = parts[name_at].value.lower()
    kept, at = [*parts[: name_at + 1], Token("space", " ")], name_at + 1
    kept, at = _type(parts, kept, following(parts, name_at))
    while at < len(parts):
        word, after = parts[at].word, following(parts, at)
        if word in ("distkey", "sortkey"):
            declared.setdefault(word, []).append(name)
        elif word == "encode":
            declared.setdefault("encodings", {})[name] = parts[after].word
            at = after
        elif word == "identity":
            end = closing(parts, after)
            seed, step = (joined(piece).strip() for piece in split(parts[after + 1 : end], ","))
            kept += tokens(f"generated by default as identity (start with {seed} increment by {step})")
            at = end
        elif word == "primary":
            kept += tokens("NOT NULL")
            at = after
        elif word == "references":
            brackets = following(parts, _dotted_end(parts, after))
            at = closing(parts, brackets) if word_at(parts, brackets) == "(" else _dotted_end(parts, after)
        elif word == "collate" and word_at(parts, after).startswith("case_"):
            at = after
        elif word != "unique":
            kept.append(parts[at])
        at += 1
    return kept


def _type(parts: list[Token], kept: list[Token], at: int) -> tuple[list[Token], int]:
    """A column's type, with the size that Redshift gives it."""
    word, after = word_at(parts, at), following(parts, at)
    if word == "character" and word_at(parts, after) == "varying":
        word, at, after = "varchar", after, following(parts, after)
    if word in DEFAULT_SIZES and word_at(parts, after) != "(":
        return [*kept, *tokens(DEFAULT_SIZES[word])], at + 1
    sized = {"text": "varchar", "nvarchar": "varchar"}.get(word, word)
    size = word_at(parts, following(parts, after))
    if sized == "varchar" and size == "max":
        return [*kept, *tokens("varchar(65535)")], closing(parts, after) + 1
    if sized == "varchar" and size.isdigit() and int(size) > 65535:
        raise RedshiftError("length for type varchar cannot exceed 65535", "22023")
    return ([*kept, Token("word", sized)], at + 1) if word in DEFAULT_SIZES or word == "varchar" else (kept, at)


def _dotted_end(parts: list[Token], at: int) -> int:
    """The last token of a name that may have a schema."""
    while word_at(parts, following(parts, at)) == ".":
        at = following(parts, following(parts, at))
    return at


def _create_view(parts: list[Token]) -> tuple[list[Token], dict[str, Any]]:
    heads = words(parts)
    declared: dict[str, Any] = {"kind": "view"}
    if heads[-4:] == ["with", "no", "schema", "binding"]:
        at = max(index for index, part in enumerate(parts) if part.word == "with")
        return parts[:at], declared | {"late_binding": True}
    if heads[1] == "materialized":
        query = next(at for at, part in enumerate(parts) if part.word == "as")
        name = next(
            (at for at, part in enumerate(parts[:query]) if part.word in {*ATTRIBUTES, "auto"} and at > 0), query
        )
        return [*parts[:name], Token("space", " "), *parts[query:]], declared
    return parts, declared


def _alter_table(parts: list[Token]) -> tuple[list[Token], dict[str, Any]]:
    """Changes of keys and encodings change facts only; a new column's type gets Redshift's size."""
    at = next((index for index, part in enumerate(parts) if part.word in ("alter", "add") and index > 0), None)
    if at is None:
        return parts, {}
    rest = significant(parts[at + 1 :])
    change = [part.word for part in rest]
    same = [*parts[:at], *tokens(UNCHANGED)]
    if change[:1] in (["distkey"], ["diststyle"], ["sortkey"], ["compound"], ["encode"]):
        named = change[:1] == ["distkey"] and change[1:2] != ["("]
        declared = {"distkey": [rest[1].value.lower()]} if named else _attributes(rest)
        return same, {"kind": "table"} | declared
    if change[:1] == ["column"] and change[2:3] == ["encode"]:
        return same, {"kind": "table", "encodings": {rest[1].value.lower(): change[3]}}
    if change and change[0] in CONSTRAINTS:
        return same, {}
    if parts[at].word == "add":
        column = rest[1:] if change[:1] == ["column"] else rest
        spaced = [token for part in column for token in (part, Token("space", " "))]
        declared = {"kind": "table"}
        return [*parts[:at], *tokens("ADD COLUMN "), *_column(spaced, declared)], declared
    return parts, {}


def _maintenance(parts: list[Token], command: str) -> list[Token]:
    """VACUUM and ANALYZE of a table, without Redshift's own options."""
    options = {"full", "sort", "only", "delete", "reindex", "recluster", "boost", "verbose", "predicate", "all",
               "columns", "to", "percent"}  # fmt: skip
    kept = [part.text for part in significant(parts)[1:] if part.word not in options and part.kind != "number"]
    return tokens(f"{command} {''.join(kept)}")


def _without_database(parts: list[Token]) -> list[Token]:
    """CREATE or DROP SCHEMA database.schema: PostgreSQL's connection is its database."""
    dot = next((at for at, part in enumerate(parts) if part.word == "."), None)
    return parts if dot is None else [*parts[: dot - 1], *parts[dot + 1 :]]


def _without_role_word(parts: list[Token]) -> list[Token]:
    """GRANT ... TO ROLE r: PostgreSQL's roles are named without the word."""
    return [
        part
        for at, part in enumerate(parts)
        if not (part.word == "role" and words(parts[:at])[-1:] in (["grant"], ["revoke"], ["to"], ["from"]))
    ]


def show(parts: list[Token]) -> str | None:
    """The query behind a SHOW of the catalog; nothing when it shows a parameter."""
    heads = [part.word for part in parts]
    names = [part.value for part in parts if part.kind in ("quoted", "word")]
    match heads[1:]:
        case ["tables", "from", "schema", *_]:
            return f"SELECT * FROM redshift_standin.show_tables WHERE schema_name = '{names[-1]}'"
        case ["columns", "from", "table", *_]:
            return (
                "SELECT * FROM pg_catalog.svv_redshift_columns "
                f"WHERE schema_name = '{names[-2]}' AND table_name = '{names[-1]}' ORDER BY ordinal_position"
            )
        case ["schemas", "from", "database", *_]:
            return "SELECT current_database() AS database_name, nspname AS schema_name FROM pg_namespace"
        case ["databases"]:
            return "SELECT datname AS database_name FROM pg_database"
        case ["grants", "on", "table", *_]:
            return (
                "SELECT * FROM pg_catalog.svv_relation_privileges "
                f"WHERE namespace_name = '{names[-2]}' AND relation_name = '{names[-1]}'"
            )
    return None
