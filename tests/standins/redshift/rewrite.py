"""From Redshift's SQL to PostgreSQL's: what a statement becomes, and what Redshift would refuse."""

import json
from dataclasses import dataclass
from enum import Enum

from tests.standins.redshift import functions, refusals, tables
from tests.standins.redshift.sql import Token, joined, significant, statements, words

# Settings that only Redshift knows; kept under a prefix that PostgreSQL takes anything for.
REDSHIFT_SETTINGS = {
    "query_group", "enable_result_cache_for_session", "wlm_query_slot_count", "analyze_threshold_percent",
    "describe_field_name_in_uppercase", "json_serialization_enable", "enable_case_sensitive_identifier",
    "downcase_delimited_identifier", "error_on_nondeterministic_update", "spectrum_enable_pseudo_columns",
}  # fmt: skip


class Action(Enum):
    """What the proxy does itself."""

    COPY = "copy"
    COMMITTING = "truncate"


@dataclass(frozen=True)
class Planned:
    """A statement: as the client wrote it, as PostgreSQL gets it, and who carries it out (PostgreSQL, if nobody)."""

    original: str
    sql: str
    action: Action | None = None
    tag: str = ""
    query_group: str | None = None


NOTHING = Planned("", "")


def plan(query: str) -> list[Planned]:
    """The statements of a query string.

    Raises:
        RedshiftError: when one is not Redshift's SQL.
    """
    return [_planned(parts) for parts in statements(query)]


def _planned(parts: list[Token]) -> Planned:
    original, heads = joined(parts), words(parts)
    refusals.check(parts, heads)
    if heads[0] == "copy":
        return Planned(original, "", Action.COPY)
    if heads[0] == "truncate":
        return Planned(original, original, Action.COMMITTING, "TRUNCATE TABLE")
    if heads[0] in ("set", "reset", "show"):
        return _setting(parts, heads, original)
    if heads[:1] == ["delete"] and heads[1] != "from":
        original = original.replace(significant(parts)[0].text, "DELETE FROM", 1)
        return Planned(original, functions.rewritten(list(next(statements(original)))))
    rewritten, declared = tables.rewritten(parts, heads)
    note = f"/*redshift {json.dumps(declared)} */ " if declared else ""
    return Planned(original, note + functions.rewritten(rewritten))


def _setting(parts: list[Token], heads: list[str], original: str) -> Planned:
    """SET, RESET and SHOW, of parameters or of what is in the catalog."""
    catalog = tables.show(significant(parts)) if heads[0] == "show" else None
    if catalog:
        return Planned(original, catalog)
    at = 2 if heads[1:2] in (["session"], ["local"]) else 1
    name = heads[at] if len(heads) > at else ""
    if name not in REDSHIFT_SETTINGS:
        return Planned(original, original)
    kept = [Token("word", f"redshift.{name}") if part.word == name else part for part in parts]
    group = None
    if name == "query_group":
        group = "default" if heads[0] == "reset" else significant(parts)[-1].value if heads[0] == "set" else None
    if heads[0] == "reset":
        return Planned(original, f"SET redshift.{name} TO DEFAULT", query_group=group)
    if heads[0] == "show":
        return Planned(original, f"SELECT coalesce(current_setting('redshift.{name}', true), 'unset') AS {name}")
    return Planned(original, joined(kept), query_group=group)
