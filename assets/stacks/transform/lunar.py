"""LunarCrush's scores, as the old objects show them."""

from typing import Any

from core.errors import InvalidAnswer
from core.plain import one_line
from resources.clients.stacks.answers import decimal, moment, required


def spot(document: Any) -> dict[str, Any]:
    """The scores of now; the rank of 30 days is no longer offered, so it is null."""
    data = required(document, "data")
    return {**_scores(data), "alt_rank_30d": None}


def history(document: Any) -> dict[int, dict[str, Any]]:
    """The scores by moment, Unix seconds."""
    data = required(document, "data")
    if not isinstance(data, list):
        raise InvalidAnswer(f"LunarCrush: data is no list: {one_line(data, 120)}. Fetch it again.")
    return {moment(required(one, "time"), "LunarCrush's time"): _scores(one) for one in data}


def _scores(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise InvalidAnswer(f"LunarCrush: an entry is no object: {one_line(entry, 120)}. Fetch it again.")
    galaxy, rank = entry.get("galaxy_score"), entry.get("alt_rank")
    for value in (galaxy, rank):
        if value is not None:
            decimal(value, "LunarCrush's score")
    return {"galaxy": galaxy, "alt_rank": rank}
