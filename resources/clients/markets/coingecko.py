"""CoinGecko's API v3: prices, volumes and capitalisations of coins.

Three plans differ in host and key: keyless and demo share one host, pro has its own; a key of one is refused by the
other. The key goes into a header, so that it is in no URL.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.clock import Clock
from core.errors import InvalidAnswer, QuotaSpent, SettingError, SourceRefused
from core.plain import one_line
from resources.clients.http.api import Answer, HttpApi, Unusable, moved_to

PUBLIC_ROOT = "https://api.coingecko.com/api/v3"
PRO_ROOT = "https://pro-api.coingecko.com/api/v3"
KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}
# The API's own bound for a page of /coins/markets.
PAGE = 250

RETRIED = {408, 429}
NOT_FOUND = 404
LONGEST_WORDS = 200
# The month's credits are spent; it comes with 429, which alone means the minute's limit.
MONTH_SPENT = 10006
REMEDIES = {
    400: "The request itself is wrong: update the client.",
    401: "Check COINGECKO_API_KEY and COINGECKO_PLAN.",
    403: "Check that this machine may reach the API, and COINGECKO_PLAN.",
    404: "Check the coin ids in dbt_project/seeds/marts/markets/dim_asset.csv.",
    1020: "The API's front refuses this machine's address: ask for access, or call from another one.",
    10002: "Set COINGECKO_API_KEY, or COINGECKO_PLAN=keyless.",
    10005: "The plan does not include this: use a larger one.",
    10010: "The key is a pro key: set COINGECKO_PLAN=pro.",
    10011: "The key is a demo key: set COINGECKO_PLAN=demo.",
    10012: "History older than 365 days needs a paid plan: set COINGECKO_PLAN=pro, or ask for newer days.",
}


class CoinGecko:
    """The endpoints this platform reads."""

    def __init__(
        self, plan: str, key: str | None, clock: Clock, root: str | None = None, per_minute: float | None = None
    ):
        self.http = HttpApi(
            name="CoinGecko",
            root=root or (PRO_ROOT if plan == "pro" else PUBLIC_ROOT),
            clock=clock,
            per_minute=per_minute,
            headers=key_headers(plan, key),
        )

    def coin_list(self) -> list[dict[str, Any]]:
        """Every active coin: id, symbol (not unique), name. Entries are as they came: one may lack its id."""
        return self._list("coins/list", {"include_platform": "false"})

    def markets(self, coins: Sequence[str], currency: str) -> list[dict[str, Any]]:
        """The coins' present market figures, one dict per coin; pages end with one that is not full."""
        found: dict[str, dict[str, Any]] = {}
        for page in self._market_pages(coins, currency):
            # Ranks shift between pages: a coin may come twice, and the first is as good as the second.
            found = {entry["id"]: entry for entry in page if isinstance(entry.get("id"), str)} | found
        return list(found.values())

    def _market_pages(self, coins: Sequence[str], currency: str) -> Iterator[list[dict[str, Any]]]:
        parameters = {"vs_currency": currency, "ids": ",".join(coins), "order": "market_cap_desc"}
        # So many coins fill no more pages, whatever comes: one that passes over `page` or `ids` would have no end.
        for number in range(1, len(coins) // PAGE + 2):
            page = self._list("coins/markets", parameters | {"per_page": PAGE, "page": number})
            yield page
            if len(page) < PAGE:
                return

    def market_chart(self, coin: str, currency: str, days: int) -> Mapping[str, list[Any]] | None:
        """Daily points of the last ``days`` days: lists of [Unix milliseconds, value]; None of a coin it does not know.

        The last point may be of this moment rather than of a midnight.
        """
        parameters = {"vs_currency": currency, "days": days, "interval": "daily", "precision": "full"}
        path = f"coins/{coin}/market_chart"
        document = self._get(path, parameters, may_lack=True)
        if document is None:
            return None
        series = ("prices", "market_caps", "total_volumes")
        if not isinstance(document, dict) or not all(isinstance(document.get(name), list) for name in series):
            raise InvalidAnswer(
                f"CoinGecko: {self.http.address(path)} lacks one of {', '.join(series)}. Update the client."
            )
        return document

    def global_figures(self) -> Mapping[str, Any]:
        """Totals over all coins, at this moment."""
        document = self._get("global", {})
        if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
            raise InvalidAnswer(f"CoinGecko: {self.http.address('global')} holds no object `data`. Update the client.")
        return document["data"]

    def _list(self, path: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        document = self._get(path, parameters)
        entries = [entry for entry in document if isinstance(entry, dict)] if isinstance(document, list) else []
        if not isinstance(document, list) or (document and not any(entry.get("id") for entry in entries)):
            raise InvalidAnswer(
                f"CoinGecko: {self.http.address(path, parameters)} is no list of coins. Update the client."
            )
        return [entry if isinstance(entry, dict) else {} for entry in document]

    def _get(self, path: str, parameters: Mapping[str, Any], may_lack: bool = False) -> Any:
        """The document; None for 404 where the thing asked for may be none that it knows."""

        def judge(answer: Answer) -> Any:
            if may_lack and answer.status == NOT_FOUND and error_of(answer)[0] == NOT_FOUND:
                return None
            require_no_error(answer, self.http.address(path, parameters))
            return answer.document

        return self.http.get(path, parameters, judge)


def key_headers(plan: str, key: str | None) -> dict[str, str]:
    """What a request of the plan carries.

    Raises:
        SettingError: when the plan needs a key, and there is none.
    """
    header = KEY_HEADERS.get(plan)
    if header and not key:
        raise SettingError(
            f"COINGECKO_API_KEY is not set, and the {plan} plan needs it. Set it, or COINGECKO_PLAN=keyless."
        )
    return {header: key} if header and key else {}


def require_no_error(answer: Answer, address: str) -> None:
    """See that an answer is a document, and no error under whatever status. address: what was asked, for the message.

    Raises:
        Unusable: when the next answer may be one.
        QuotaSpent: when the month's credits are spent.
        SourceRefused: when the request, the key or the plan is refused.
    """
    code, message = error_of(answer)
    if code is None and answer.document is not None:
        return
    if code is None:
        raise Unusable("the answer is no JSON")
    if code == MONTH_SPENT:
        raise QuotaSpent(
            f"CoinGecko says that the month's credits are spent ({code} {message}), at {address}. Use a larger plan, "
            "set COINGECKO_PLAN=keyless, or run again next month."
        )
    if code in RETRIED or 500 <= code < 600:
        raise Unusable(f"{code} {message}".strip())
    raise SourceRefused(
        f"CoinGecko refuses {address}: {code} {message}. "
        f"{moved_to(answer, 'COINGECKO_URL') or REMEDIES.get(code) or REMEDIES.get(answer.status, REMEDIES[400])}"
    )


def error_of(answer: Answer) -> tuple[int | None, str]:
    """Code and words of an error, in whichever of its three shapes the body has; None when it is none.

    The body's code is told rather than the status: it says more. A status that asks to retry counts first, though.
    """
    document = answer.document if isinstance(answer.document, dict) else {}
    error = document.get("error")
    status = document.get("status") or (error.get("status") if isinstance(error, dict) else None)
    if isinstance(status, dict) and status.get("error_code"):
        code, message = _code(status["error_code"]), _words(status.get("error_message", ""))
    elif isinstance(error, str):
        code, message = None, _words(error)
    elif "1020" in answer.text[:200] and answer.status == 403:
        code, message = 1020, "access denied"
    else:
        code, message = None, "" if answer.status == 200 else _words(answer.text)
    if code != MONTH_SPENT and (answer.status in RETRIED or answer.status >= 500):
        return answer.status, message
    if code is None and (answer.status != 200 or error):
        code = answer.status if answer.status != 200 else 400
    return code, message


def _words(text: Any) -> str:
    return one_line(text, LONGEST_WORDS)


def _code(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 400
