"""LunarCrush's two routes, for whoever has a key."""

from typing import Any

DAY = 86_400


def answer(path: str, headers: dict[str, str], now: int) -> tuple[int, Any]:
    """Status and document of a route."""
    if not headers.get("authorization", "").startswith("Bearer "):
        return 401, {"error": "Unauthorized"}
    if path == "public/coins/STX/v1":
        return 200, {"data": {"galaxy_score": 61.5, "alt_rank": 40, "price": 0.4}}
    if path == "public/coins/STX/time-series/v2":
        days = [now - now % DAY - day * DAY for day in range(5)]
        return 200, {"data": [{"time": at, "galaxy_score": 60 + at % 7, "alt_rank": at % 50} for at in days]}
    return 404, {"error": "not found"}
