"""NFTs by asset as they are published."""

from collections.abc import Mapping
from typing import Any

TOP = 10


def top(values: Mapping[str, float], count: int = TOP) -> dict[str, Any]:
    """The assets with the highest values, by name; the name is the identifier where two of them share one."""
    chosen = sorted(values, key=lambda asset: (-values[asset], asset))[:count]
    names = [_name(asset) for asset in chosen]
    return {
        (name if names.count(name) == 1 else asset): {"value": values[asset], "contract": asset.split("::", 1)[0]}
        for asset, name in zip(chosen, names, strict=True)
    }


def growth(today: Mapping[str, int], before: Mapping[str, int]) -> dict[str, float]:
    """How much more was minted than the day before, in percent, by asset that had mints on both days."""
    return {asset: (count - before[asset]) / before[asset] * 100 for asset, count in today.items() if before.get(asset)}


def _name(asset: str) -> str:
    return asset.rsplit("::", 1)[-1]
