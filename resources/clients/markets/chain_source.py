"""What any source of a chain's blocks and transactions offers, be it asked page by page or fetched as a file."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from core.merging import Rows


class ChainSource(Protocol):
    """Rows of a chain's UTC days, as Blockchair names their fields."""

    @property
    def requests(self) -> int:
        """Requests made so far."""

    @property
    def units(self) -> Decimal:
        """Request units spent so far."""

    def address_of(self, chain: str, table: str, day: date) -> str:
        """Where a day's rows come from, without credentials."""

    def require_blocks(self, chains: Sequence[str], what: str) -> None:
        """Refuse, before the first request, days of these chains that a quota does not cover.

        Raises:
            QuotaSpent: saying what they take and what is left.
        """

    def require_transactions(self, most: int, days: int, what: str) -> None:
        """The same for days of that many single transactions."""

    def blocks(self, chain: str, day: date) -> Rows:
        """Every block from the day's lowest to its highest height."""

    def transactions(self, chain: str, day: date, most: int) -> Rows:
        """The day's first ``most`` transactions, or all when there are fewer."""
