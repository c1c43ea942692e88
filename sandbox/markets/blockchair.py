"""Answers as Blockchair's API gives them: filters, sorting, sums, bounds, request units, and its envelope."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.markets.world import ACCOUNT_CHAINS, Chain, World

MOST_ROWS, MOST_OFFSET, MOST_FILTERS, MOST_SORTS = 100, 10_000, 5, 2
DEFAULT_ROWS = 10
BASE = {"blocks": 2, "transactions": 5, "stats": 1}
NUMBERS = ("id", "block_id")
# What an account chain's transactions may be grouped by.
SORTS = {"type", "failed"}
PARAMETERS = {"q", "s", "a", "limit", "offset", "key"}

Reply = tuple[int, Any]
Test = Callable[[Mapping[str, Any]], bool]


class Wrong(Exception):
    """The request is not one the API takes."""


def envelope(code: int, data: Any = None, **more: Any) -> dict[str, Any]:
    return {"data": data, "context": {"code": code, "api": {"version": "2.0.42"}, **more}}


def failure(code: int, words: str, status: int | None = None) -> Reply:
    return status or code, envelope(code, error=words)


class Blockchair:
    """The API over a world. ``units_per_day``: None for no limit; ``spent`` is what it has counted."""

    def __init__(self, world: World, units_per_day: Decimal | None = None):
        self.world, self.units_per_day, self.spent = world, units_per_day, Decimal(0)

    def answer(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """Status and document for a path below the root."""
        chain_name, _, table = path.strip("/").partition("/")
        chain = self.world.chains.get(chain_name)
        if chain is None or table not in BASE:
            return failure(404, "no such chain or table")
        try:
            return self._answer(chain, table, parameters)
        except Wrong as wrong:
            return failure(400, str(wrong))

    def _answer(self, chain: Chain, table: str, parameters: Mapping[str, str]) -> Reply:
        if unknown := sorted(set(parameters) - PARAMETERS):
            raise Wrong(f"unknown parameters {unknown}")
        limit, offset = int(parameters.get("limit", DEFAULT_ROWS)), int(parameters.get("offset", 0))
        if not 1 <= limit <= MOST_ROWS or not 0 <= offset <= MOST_OFFSET:
            raise Wrong("limit or offset is out of bounds")
        filters = _filters(parameters.get("q", ""))
        cost = Decimal(BASE[table] + len(filters) + (10 if "a" in parameters else 0))
        cost *= 1 + Decimal(max(0, (limit if "a" not in parameters else 0) - DEFAULT_ROWS)) / 100
        if self.units_per_day is not None and self.spent + cost > self.units_per_day:
            return failure(402, "the day's requests are spent")
        self.spent += cost
        if table == "stats":
            return 200, envelope(200, {**_stats(chain)}, state=chain.state, request_cost=cost)
        if "a" in parameters:
            sums = _sums(chain, parameters)
            return 200, envelope(200, sums, state=chain.state, rows=len(sums), request_cost=cost)
        found = _rows(chain, table, parameters.get("q", ""), filters)
        for name, descending in reversed(_sorts(parameters.get("s", "id(desc)"))):
            found = sorted(found, key=lambda row: row[name], reverse=descending)
        page = found[offset : offset + limit]
        about = {"state": chain.state, "limit": limit, "offset": offset, "rows": len(page), "total_rows": len(found)}
        return 200, envelope(200, page, request_cost=cost, **about)


def _expressions(text: str) -> list[tuple[str, str]]:
    found = re.findall(r"(\w+)\(([^()]*)\)", text)
    if ",".join(f"{name}({inner})" for name, inner in found) != text:
        raise Wrong(f"cannot read {text!r}")
    return found


def _filters(text: str) -> list[Test]:
    expressions = _expressions(text) if text else []
    if len(expressions) > MOST_FILTERS:
        raise Wrong("too many filters")
    return [_filter(name, inner) for name, inner in expressions]


def _filter(name: str, inner: str) -> Test:
    if name == "time":
        if not re.fullmatch(r"\d{4}-\d\d(-\d\d)?", inner):
            raise Wrong(f"cannot read time({inner})")
        return lambda row: str(row["time"]).startswith(inner)
    if name not in NUMBERS:
        raise Wrong(f"no filter on {name}")
    strict = "..." in inner
    low, dots, high = inner.partition("..." if strict else "..")
    if not dots:
        low = high = inner
    first = int(low) + strict if low else None
    last = int(high) - strict if high else None
    return lambda row: (first is None or row[name] >= first) and (last is None or row[name] <= last)


def _sorts(text: str) -> list[tuple[str, bool]]:
    sorts = [(name, direction == "desc") for name, direction in _expressions(text)]
    if len(sorts) > MOST_SORTS:
        raise Wrong("too many sortings")
    return sorts


def _rows(chain: Chain, table: str, text: str, filters: list[Test]) -> list[dict[str, Any]]:
    rows = chain.blocks if table == "blocks" else chain.transactions
    # A range of heights is found without looking at every block.
    whole = re.fullmatch(r"id\((\d+)\.\.(\d+)\)", text)
    if table == "blocks" and whole:
        return chain.in_heights(int(whole[1]), int(whole[2]))
    return [row for row in rows if all(test(row) for test in filters)]


def _sums(chain: Chain, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    (_, day), *_ = _expressions(parameters["q"])
    parts = [part for part in parameters["a"].split(",") if part != "date"]
    sorts, wanted = [part for part in parts if "(" not in part], [part for part in parts if "(" in part]
    if unknown := set(sorts) - (SORTS if chain.name in ACCOUNT_CHAINS else set()):
        raise Wrong(f"cannot group by {sorted(unknown)}")
    if date.fromisoformat(day) in chain.sums:
        known = chain.sums[date.fromisoformat(day)]
        plain = {"type": "call", "failed": False}
        return [{"date": day} | {name: plain[name] for name in sorts} | {name: known.get(name) for name in wanted}]
    of_day = [row for row in chain.transactions if row["date"] == day]
    keys = dict.fromkeys(tuple(row[name] for name in sorts) for row in of_day)
    return [
        {"date": day}
        | dict(zip(sorts, key, strict=True))
        | _summed([row for row in of_day if tuple(row[name] for name in sorts) == key], wanted)
        for key in keys
    ]


def _summed(of_day: list[dict[str, Any]], wanted: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in wanted:
        function, field = re.fullmatch(r"(\w+)\((\w*)\)", name).groups()  # type: ignore[union-attr]
        values = [Decimal(row[field]) for row in of_day if field and row[field] is not None]
        found[name] = len(of_day) if function == "count" else (sum(values, Decimal(0)) if values else None)
    return found


def _stats(chain: Chain) -> dict[str, Any]:
    best = chain.blocks[-1]
    yesterday = str(date.fromisoformat(best["date"]) - timedelta(days=1))
    blocks = [row for row in chain.blocks if row["date"] == yesterday]
    circulation = "circulation_approximate" if chain.name in ACCOUNT_CHAINS else "circulation"
    return {
        "blocks": best["id"] + 1,
        "best_block_height": best["id"],
        "best_block_hash": best["hash"].removeprefix("0x"),
        "best_block_time": best["time"],
        "difficulty": best["difficulty"],
        "hashrate_24h": "540000000000000000000",
        circulation: None,
        "blocks_24h": len(blocks),
        "transactions_24h": sum(row["transaction_count"] for row in blocks),
        "mempool_transactions": 0,
        "market_price_usd": None,
        "market_dominance_percentage": None,
    }
