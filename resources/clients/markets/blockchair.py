"""Blockchair's API: blocks, transactions and daily sums of several chains, paid in request units.

Rows are asked for by ranges of their ascending number, never by an offset: at most 10,100 rows lie within reach of
one query's offset, and what is appended meanwhile would shift it. Each answer names the chain's newest block, its
``state``; pages stay below that of the first answer, and their counts have to add up.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from core.clock import Clock
from core.errors import DayIncomplete, InvalidAnswer, QuotaSpent, SourceMoved, SourceRefused
from resources.clients.http.api import OK, Answer, HttpApi, Unusable, moved_to
from resources.clients.markets.blockchair_envelope import Envelope, Page
from resources.clients.markets.chain_rows import MOST_HEIGHTS, moment, whole
from resources.clients.markets.units import UnitLedger

ROOT = "https://api.blockchair.com"
PAGE = 100
DEFAULT_ROWS = 10
AGGREGATE = 10
BASE_COST = {"stats": 1, "blocks": 2, "transactions": 5, "outputs": 10}
# Most blocks a day, from which an estimate is made before the first answer tells the number.
MOST_BLOCKS = {"bitcoin": 220, "dogecoin": 1900, "ethereum": 7300}
MOST_BLOCKS_ELSEWHERE = 2000

RETRIED = {429, 435}
UNTIL_MIDNIGHT = {402, 436, 437}
BLOCKED = {430, 434}
SERVER_ERRORS = 500

LOG = logging.getLogger("headwater.markets")


def cost(table: str, filters: int, rows: int = 0, aggregated: bool = False) -> Decimal:
    """Request units of one request; ``rows`` is the limit asked for."""
    base = BASE_COST[table] + filters + (AGGREGATE if aggregated else 0)
    return base * (1 + Decimal(max(0, rows - DEFAULT_ROWS)) / 100)


def cost_of_blocks(count: int) -> Decimal:
    """Request units of ``blocks`` for a day of that many: both ends, then every page."""
    pages, rest = divmod(count, PAGE)
    return 2 * cost("blocks", 1, 1) + pages * cost("blocks", 1, PAGE) + (cost("blocks", 1, rest) if rest else 0)


def cost_of_transactions(count: int) -> Decimal:
    """Request units of ``transactions`` for that many, at most: the first page takes fewer filters."""
    pages, rest = divmod(count, PAGE)
    return pages * cost("transactions", 3, PAGE) + (cost("transactions", 3, rest) if rest else 0)


COST_OF_SUMS = cost("transactions", 1, aggregated=True)
COST_OF_STATS = cost("stats", 0)


def estimate_of_blocks(chain: str) -> Decimal:
    """Most request units a day of blocks takes."""
    return cost_of_blocks(MOST_BLOCKS.get(chain, MOST_BLOCKS_ELSEWHERE))


class Blockchair:
    """The endpoints this platform reads, a ``ChainSource``; every request is charged to the ledger."""

    def __init__(
        self,
        ledger: UnitLedger,
        clock: Clock,
        root: str | None = None,
        key: str | None = None,
        per_minute: float | None = None,
    ):
        self.ledger = ledger
        self.http = HttpApi(
            name="Blockchair",
            root=root or ROOT,
            clock=clock,
            per_minute=per_minute,
            secret_parameters={"key": key} if key else {},
        )

    @property
    def requests(self) -> int:
        return self.http.requests

    @property
    def units(self) -> Decimal:
        return self.ledger.charged

    def address_of(self, chain: str, table: str, day: date) -> str:
        return self.http.address(f"{chain}/{table}")

    def require_blocks(self, chains: Sequence[str], what: str) -> None:
        self.ledger.require(sum(map(estimate_of_blocks, chains), Decimal(0)), what)

    def require_transactions(self, most: int, days: int, what: str) -> None:
        self.ledger.require(cost_of_transactions(most) * days, what)

    def blocks(self, chain: str, day: date) -> list[dict[str, Any]]:
        """Every block from the day's lowest to its highest height.

        Miners set their clocks themselves: a height in between may carry a time of the neighbouring day.

        Raises:
            DayIncomplete: when the source has not gone past the day's end.
            SourceMoved: when what was received does not add up.
        """
        where = f"{chain} on {day}"
        first, last, announced = self._reach(chain, day, where)
        self.ledger.require(cost_of_blocks(last - first + 1) - 2 * cost("blocks", 1, 1), where)
        rows: list[dict[str, Any]] = []
        for start in range(first, last + 1, PAGE):
            end = min(start + PAGE - 1, last)
            page = self._page(chain, "blocks", [f"id({start}..{end})"], sort="id(asc)", limit=end - start + 1)
            heights = [whole(row, "id", where) for row in page.rows]
            if heights != list(range(start, end + 1)) or page.total != end - start + 1:
                raise _moved(chain, day, f"heights {start} to {end} came as {len(page.rows)} rows of {page.total}")
            rows += page.rows
        inside = sum(moment(row, where).date() == day for row in rows)
        if inside != announced:
            raise _moved(chain, day, f"{inside} of the blocks received are of that day, {announced} were announced")
        return rows

    def _reach(self, chain: str, day: date, where: str) -> tuple[int, int, int]:
        """The day's lowest and highest height, and how many blocks have a time of that day."""
        of_day = [f"time({day})"]
        lowest = self._page(chain, "blocks", of_day, sort="id(asc)", limit=1)
        if not lowest.rows:
            raise DayIncomplete(f"Blockchair has no block of {chain} for {day}. Run again when the day is over there.")
        highest = self._page(chain, "blocks", of_day, sort="id(desc)", limit=1)
        if not highest.rows:
            raise _moved(chain, day, "its blocks were there, then they were not")
        first, last = (whole(page.rows[0], "id", where) for page in (lowest, highest))
        if last - first >= MOST_HEIGHTS:
            raise InvalidAnswer(
                f"Blockchair: {where} reaches from height {first} to {last}, over {MOST_HEIGHTS:,} blocks. Nothing was "
                "written; run again, and if it stays so, update the client."
            )
        if last >= lowest.state:
            raise DayIncomplete(
                f"Blockchair has no block of {chain} after {day} yet: its newest, {lowest.state}, is of that day. "
                "Run again later."
            )
        return first, last, lowest.total

    def transactions(self, chain: str, day: date, most: int) -> list[dict[str, Any]]:
        """The day's first ``most`` transactions, or all when there are fewer.

        Raises:
            SourceMoved: when the pages do not add up.
        """
        filters = [f"time({day})"]
        rows: list[dict[str, Any]] = []
        expected: int | None = None
        state: int | None = None
        while len(rows) < most:
            limit = min(PAGE, most - len(rows))
            page = self._page(chain, "transactions", filters, sort="id(asc)", limit=limit)
            expected = page.total if expected is None else expected
            state = page.state if state is None else state
            if page.total != expected - len(rows):
                raise _moved(chain, day, f"{page.total} transactions left where {expected - len(rows)} should be")
            rows += page.rows
            if len(rows) >= expected:
                break
            if len(page.rows) != limit:
                raise _moved(chain, day, f"a page of {len(page.rows)} transactions where {limit} were asked for")
            # Pinned: mined later, a transaction of a late block would change the count.
            following = whole(rows[-1], "id", f"{chain} on {day}") + 1
            filters = [f"time({day})", f"id({following}..)", f"block_id(..{state})"]
        numbers = [whole(row, "id", f"{chain} on {day}") for row in rows]
        if any(number >= following for number, following in pairwise(numbers)):
            raise _moved(chain, day, "a transaction came twice")
        return rows

    def sums(self, chain: str, day: date, fields: Sequence[str]) -> tuple[int, Mapping[str, Any]]:
        """Number of the day's transactions and the sums of their fields, with the chain's newest block."""
        state, (found,) = self.sums_by((), chain, day, fields)
        return state, found

    def sums_by(
        self, sorts: Sequence[str], chain: str, day: date, fields: Sequence[str]
    ) -> tuple[int, list[dict[str, Any]]]:
        """The same, a row for each sort of transactions. sorts: the fields that tell them apart."""
        wanted = ",".join(["date", *sorts, "count()", *(f"sum({name})" for name in fields)])
        page = self._page(chain, "transactions", [f"time({day})"], aggregate=wanted)
        found = [row for row in page.rows if str(row.get("date")) == str(day)]
        if len(found) != len(page.rows) or not found or (len(found) > 1 and not sorts):
            raise InvalidAnswer(
                f"Blockchair: the sums of {chain} for {day} came as {len(page.rows)} rows, {len(found)} of that day. "
                "Run again; if it stays so, update the client."
            )
        return page.state, found

    def stats(self, chain: str) -> Mapping[str, Any]:
        """The chain's figures of this moment."""
        path = f"{chain}/stats"
        return self._get(path, {}, COST_OF_STATS).page(self.http.address(path), dict, counted=False).rows

    def _page(
        self,
        chain: str,
        table: str,
        filters: Sequence[str],
        *,
        sort: str | None = None,
        limit: int = 0,
        aggregate: str | None = None,
    ) -> Page:
        parameters: dict[str, Any] = {"q": ",".join(filters)}
        parameters |= {"s": sort} if sort else {}
        parameters |= {"a": aggregate} if aggregate else {}
        parameters |= {"limit": limit} if limit else {}
        units = cost(table, len(filters), limit, aggregated=bool(aggregate))
        envelope = self._get(f"{chain}/{table}", parameters, units)
        return envelope.page(self.http.address(f"{chain}/{table}", parameters), list, counted=not aggregate)

    def _get(self, path: str, parameters: Mapping[str, Any], units: Decimal) -> Envelope:
        return self.http.get(
            path,
            parameters,
            lambda answer: self._judge(answer, self.http.address(path, parameters), units),
            before=lambda: self.ledger.charge(units),
        )

    def _judge(self, answer: Answer, address: str, units: Decimal) -> Envelope:
        envelope = Envelope.of(answer)
        # The envelope's code counts beside the status: either may be the only one that tells.
        code = answer.status if envelope.code in (None, OK) else envelope.code or 0
        words, good = envelope.words, code == envelope.code == OK
        self._settle(units, envelope.cost, units if good else Decimal(0), address)
        if good:
            return envelope
        if code == OK:
            raise Unusable("the answer has no envelope")
        if code in RETRIED or code >= SERVER_ERRORS:
            raise Unusable(f"{code} {words}".strip())
        if code in UNTIL_MIDNIGHT:
            self.ledger.exhaust()
            raise QuotaSpent(
                f"Blockchair says that the day's request units are spent ({code} {words}), at {address}. Nothing of "
                "this fetch was written. Run again after 00:00 UTC, or set BLOCKCHAIR_API_KEY of a larger plan."
            )
        if code in BLOCKED:
            raise SourceRefused(
                f"Blockchair has blocked this caller ({code} {words}), at {address}. Stop all schedules that ask it, "
                "and settle with its support; asking on makes it worse."
            )
        remedy = "The request itself is wrong, or the key: check BLOCKCHAIR_API_KEY, or update the client."
        raise SourceRefused(
            f"Blockchair refuses {address}: {code} {words}. {moved_to(answer, 'BLOCKCHAIR_URL') or remedy}"
        )

    def _settle(self, charged: Decimal, told: Decimal | None, reckoned: Decimal, address: str) -> None:
        """Correct what was charged before a request to what it cost: by the answer, or else by our reckoning."""
        if told is not None and told != reckoned:
            LOG.warning(
                "Blockchair says that %s took %s request units, not %s: its own word counts", address, told, reckoned
            )
        spent = reckoned if told is None else told
        if spent != charged:
            self.ledger.refund(charged - spent)


def _moved(chain: str, day: date, what: str) -> SourceMoved:
    return SourceMoved(
        f"Blockchair: {chain} changed while {day} was read ({what}). Nothing was written; run again in a few minutes."
    )
