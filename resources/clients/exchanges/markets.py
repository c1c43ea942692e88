"""What an exchange says of a symbol: whether it trades, since when, until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.plain import plain
from resources.clients.exchanges.bars import moment


@dataclass(frozen=True)
class Market:
    """A symbol. pair: as in universes, BTC_USDT. symbol: as ccxt has it. id: the exchange's own.

    status: the exchange's word for it. listed_ms, delisted_ms: None where the exchange does not tell.
    """

    pair: str
    symbol: str
    id: str
    trading: bool
    status: str
    listed_ms: int | None = None
    delisted_ms: int | None = None


def symbol_of(pair: str, contract: str) -> str:
    """ccxt's symbol of a universe's pair: ``BTC/USDT``, or ``BTC/USDT:USDT`` of its perpetual."""
    base, quote = pair.split("_")
    return f"{base}/{quote}:{quote}" if contract == "futures" else f"{base}/{quote}"


def markets_of(documents: Iterable[Mapping[str, Any]], contract: str) -> dict[str, Market]:
    """Markets by pair, of ccxt's: spot, or perpetuals settled in their quote; no dated futures and the like.

    ccxt takes any contract that ends in 2100 for a perpetual; Binance has others of that kind, such as on shares.
    """
    found = {}
    for document in documents:
        kind = "swap" if contract == "futures" else "spot"
        pair = f"{document['base']}_{document['quote']}"
        perpetual = (document.get("info") or {}).get("contractType") in (None, "", "PERPETUAL")
        if document.get("type") == kind and perpetual and document["symbol"] == symbol_of(pair, contract):
            found[pair] = _market(document, pair)
    return found


def _market(document: Mapping[str, Any], pair: str) -> Market:
    info = document.get("info") or {}
    status = plain(info.get("status") or info.get("contractStatus") or info.get("state") or "", 40)
    trading = document.get("active") is not False
    ends = _moment(info.get("deliveryDate")) if not trading else None
    return Market(
        pair, document["symbol"], str(document["id"]), trading, status, _moment(document.get("created")), ends
    )


def _moment(value: object) -> int | None:
    try:
        return moment(value)
    except ValueError:
        return None
