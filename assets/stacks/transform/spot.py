"""The figures of a moment, and the first of each day."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assets.stacks.transform.balances import USTX, distribution, stx
from assets.stacks.transform.prices import Prices
from assets.stacks.transform.stacking import Cycles, apy, stackers
from core.windows import day_of, start_of
from resources.clients.stacks.answers import Bundle, decimal, required, results, whole


@dataclass(frozen=True)
class Moment:
    """What the figures of a moment are made of.

    now: Unix seconds. totals: of the node's database. balances: large ones, µSTX, and how many are not nothing.
    mempool: the newest count. rewards, stacked: satoshi and µSTX of the last complete cycle. cycle_time: when the
    present one began.
    """

    now: int
    node: Bundle
    coin: Bundle
    totals: Mapping[str, Any]
    balances: tuple[list[int], int] | None
    mempool: int | None
    stx_prices: Prices
    btc_prices: Prices
    rewards: int
    stacked: int
    cycle_time: int | None


def spot_stats(moment: Moment) -> dict[str, Any]:
    """Every field of the object; null where something is missing."""
    return _chain(moment) | _stacking(moment) | _balances(moment) | _market(moment)


def _chain(moment: Moment) -> dict[str, Any]:
    totals, whale = moment.totals, moment.totals["whale"]
    fee = totals["median_fee"]
    info = moment.node.document("info")
    return {
        "refresh_ts": moment.now,
        "total_txs_alltime": totals["total_txs_alltime"],
        "total_txs_past24": totals["total_txs_past24"],
        "current_stx_block_height": whole(required(info, "stacks_tip_height"), "stacks_tip_height"),
        "latest_whale_amount": round(stx(whale["amount"]), 2) if whale else None,
        "latest_whale_timestamp": whale["time"] if whale else None,
        "latest_transfer_fee": None if fee is None else round(float(fee) / USTX, 3),
        "now_in_mempool": moment.mempool,
    }


def _stacking(moment: Moment) -> dict[str, Any]:
    pox = moment.node.document("pox")
    cycles, now = Cycles.of(pox), moment.stx_prices.at(moment.now)
    opened = None if moment.cycle_time is None else moment.stx_prices.at(moment.cycle_time)
    stacked = whole(required(pox, "current_cycle", "stacked_ustx"), "stacked_ustx")
    least = whole(required(pox, "current_cycle", "min_threshold_ustx"), "min_threshold_ustx")
    signers = moment.node.pages("signers")
    btc = moment.btc_prices.at(moment.now)
    return {
        "current_cycle_no": cycles.number,
        "cycle_blocks_left": cycles.end - cycles.height,
        "current_cycle_phase": cycles.legacy_phase,
        "pox_phase": cycles.phase,
        "current_cycle_open_price": None if opened is None else round(opened, 2),
        "total_stackers": stackers(results(signers, "signing_key")) if signers else None,
        "total_stacked": round(stx(stacked), 3),
        "total_stacked_usd": None if now is None else round(stx(stacked) * now, 3),
        "slot_minimum": least,
        "slot_minimum_stx": stx(least),
        "stacking_apy": apy(moment.rewards, moment.stacked, cycles.length, btc, now),
    }


def _balances(moment: Moment) -> dict[str, Any]:
    balances, nonzero = moment.balances or ([], None)
    return distribution([stx(balance) for balance in balances]) | {"nonzero_bal_addx": nonzero}


def _market(moment: Moment) -> dict[str, Any]:
    market = required(moment.coin.document("coin"), "market_data")
    change = _usd(market, "ath_change_percentage")
    fee, supply = moment.node.document("fee"), moment.node.document("supply")
    per_byte = None if fee is None else stx(whole(fee, "v2/fees/transfer"))
    price = moment.stx_prices.at(moment.now)
    return {
        "ath": _usd(market, "ath"),
        "perc_from_ath": None if change is None else round(change, 2),
        "mstx_fee": per_byte,
        "usd_fee": None if per_byte is None or price is None else per_byte * price,
        "circulating_supply": None if supply is None else round(stx(whole(required(supply, "total"), "total")), 3),
    }


def _usd(market: Any, name: str) -> float | None:
    """A figure of the coin; None where CoinGecko does not know it: the other figures are none the worse."""
    figures = market.get(name) if isinstance(market, dict) else None
    value = figures.get("usd") if isinstance(figures, dict) else None
    return None if value is None else decimal(value, f"CoinGecko's {name}.usd")


def historical(first_of_days: Iterable[tuple[datetime, str]]) -> dict[str, Any]:
    """Three figures of each day, those of its first snapshot, by the day's midnight."""
    found = {}
    for observed_at, payload in first_of_days:
        figures = json.loads(payload)
        midnight = start_of(day_of(int(observed_at.timestamp())))
        found[str(midnight)] = {
            "median_balance": figures["median_balance"],
            "whale_percent": figures["whale_percent"],
            "stacking_apy": _percent(figures["stacking_apy"]),
        }
    return found


def _percent(text: str | None) -> float | None:
    found = re.fullmatch(r"(-?\d{1,9}\.\d)%", text or "")
    return float(found[1]) if found else None


def missing(figures: Mapping[str, Any]) -> list[str]:
    """The fields without a value."""
    return [name for name, value in figures.items() if value is None]
