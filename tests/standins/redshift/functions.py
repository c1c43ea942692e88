"""Redshift's functions that a function of PostgreSQL cannot stand for: the call itself has to be written otherwise."""

from collections.abc import Callable

from tests.standins.redshift.sql import Token, closing, following, split, tokens, word_at, words

UNQUOTED_PARTS = {"dateadd", "date_add", "datediff", "date_diff", "date_part", "date_trunc"}
RENAMED = {"nvl": "coalesce", "date_add": "dateadd", "date_diff": "datediff"}


def rewritten(parts: list[Token]) -> str:
    """The statement with every such call replaced."""
    out, at = [], 0
    while at < len(parts):
        part, opening = parts[at], following(parts, at)
        called = part.kind == "word" and word_at(parts, opening) == "("
        if part.word == "sysdate" and not called:
            out.append("getdate()")
        elif part.word == "approximate" and word_at(parts, opening) == "count":
            pass
        elif part.word == "minus" and word_at(parts, opening) in ("select", "("):
            out.append("except")
        elif part.word in ("numeric", "decimal") and not called and words(parts[:at])[-1:] in (["::"], ["as"]):
            out.append("numeric(18,0)" if _is_type(parts, at) else part.text)
        elif called and part.word == "version" and words(parts[:at])[-1:] != ["."]:
            out.append("redshift_standin.version")  # PostgreSQL's own cannot be replaced
        elif called and part.word in CALLS:
            end = closing(parts, opening)
            text, at = CALLS[part.word](parts, opening, end)
            out.append(text)
        elif called and part.word in RENAMED | dict.fromkeys(UNQUOTED_PARTS):
            out.append(RENAMED.get(part.word, part.text))
            first = following(parts, opening)
            if part.word in UNQUOTED_PARTS and parts[first].kind == "word" and word_at(parts, first + 1) != "(":
                out.append(f"('{parts[first].text}'")
                at = first
        else:
            out.append(part.text)
        at += 1
    return "".join(out)


def _is_type(parts: list[Token], at: int) -> bool:
    """After ``::`` always; after AS when the bracket of a CAST closes."""
    return words(parts[:at])[-1] == "::" or word_at(parts, following(parts, at)) == ")"


def _arguments(parts: list[Token], opening: int, end: int) -> list[str]:
    return [rewritten(piece).strip() for piece in split(parts[opening + 1 : end], ",")]


def _median(parts: list[Token], opening: int, end: int) -> tuple[str, int]:
    (argument,) = _arguments(parts, opening, end)
    return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {argument})", end


def _listagg(parts: list[Token], opening: int, end: int) -> tuple[str, int]:
    """LISTAGG([DISTINCT] x [, delimiter]) [WITHIN GROUP (ORDER BY ...)]."""
    measure, *delimiter = _arguments(parts, opening, end)
    order, within = "", following(parts, end)
    if word_at(parts, within) == "within":
        bracket = following(parts, following(parts, within))
        end = closing(parts, bracket)
        order = " " + rewritten(parts[bracket + 1 : end])
    distinct = "DISTINCT " if measure.lower().startswith("distinct") else ""
    measure = measure[len(distinct) :] if distinct else measure
    return f"string_agg({distinct}({measure})::text, {delimiter[0] if delimiter else repr('')}{order})", end


def _decode(parts: list[Token], opening: int, end: int) -> tuple[str, int]:
    """DECODE(x, value, result, ..., [default]); two arguments are PostgreSQL's own function."""
    value, *rest = _arguments(parts, opening, end)
    if len(rest) == 1:
        return f"decode({value}, {rest[0]})", end
    pairs = zip(rest[::2], rest[1::2], strict=False)
    cases = " ".join(f"WHEN ({value}) IS NOT DISTINCT FROM ({wanted}) THEN {result}" for wanted, result in pairs)
    default = f" ELSE {rest[-1]}" if len(rest) % 2 else ""
    return f"CASE {cases}{default} END", end


def _nvl2(parts: list[Token], opening: int, end: int) -> tuple[str, int]:
    value, present, absent = _arguments(parts, opening, end)
    return f"CASE WHEN ({value}) IS NOT NULL THEN {present} ELSE {absent} END", end


def _convert(parts: list[Token], opening: int, end: int) -> tuple[str, int]:
    """CONVERT(type, x)."""
    type_, value = _arguments(parts, opening, end)
    return f"CAST({value} AS {rewritten(tokens(type_))})", end


CALLS: dict[str, Callable[[list[Token], int, int], tuple[str, int]]] = {
    "median": _median,
    "listagg": _listagg,
    "decode": _decode,
    "nvl2": _nvl2,
    "convert": _convert,
}
