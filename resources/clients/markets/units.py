"""Request units of an API that counts them: one counter in PostgreSQL for all runs, a new one each UTC day."""

from datetime import timedelta
from decimal import Decimal

from core.clock import Clock
from core.errors import QuotaSpent
from core.ingest import REQUEST_UNITS
from resources.clients.postgres.database import Postgres


class UnitLedger:
    """What one API's callers have spent today.

    ``per_day``: None where there is no limit; spending is written down all the same. Every charge is a transaction
    of its own, made before the request: a run that breaks off has paid for what it asked.
    """

    def __init__(self, database: Postgres, api: str, per_day: Decimal | None, clock: Clock):
        self.database, self.api, self.per_day, self._clock = database, api, per_day, clock
        self.charged = Decimal(0)
        # An answer may come after the midnight that its request was made before.
        self._charged_on = clock.now().date()
        self._ready = False

    def spent(self) -> Decimal:
        """Units spent today, by all runs."""
        self._prepare()
        found = self.database.records(
            f"SELECT spent FROM {REQUEST_UNITS.address} WHERE api = %s AND day = %s",
            [self.api, self._clock.now().date()],
        )
        return found[0]["spent"] if found else Decimal(0)

    def rest(self) -> Decimal | None:
        """Units left today; None without a limit."""
        return None if self.per_day is None else max(Decimal(0), self.per_day - self.spent())

    def require(self, estimate: Decimal, what: str) -> None:
        """Refuse before the first request when what is left does not cover the estimate.

        Raises:
            QuotaSpent: saying what it takes, what is left, and what to do.
        """
        rest = self.rest()
        if rest is not None and estimate > rest:
            raise QuotaSpent(
                f"{self.api}: {what} takes up to {estimate:,.1f} request units; {rest:,.1f} of today's "
                f"{self.per_day:,.0f} are left until {self._reset()}. {self._remedy(estimate)} Nothing was fetched."
            )

    def charge(self, units: Decimal) -> None:
        """Spend units.

        Raises:
            QuotaSpent: when the day's do not cover them; the counter stays as it is.
        """
        self._prepare()
        self._charged_on = self._clock.now().date()
        with self.database.transaction() as connection:
            connection.execute(
                f"INSERT INTO {REQUEST_UNITS.address} VALUES (%s, %s, 0) ON CONFLICT DO NOTHING".encode(),
                [self.api, self._charged_on],
            )
            done = connection.execute(
                f"UPDATE {REQUEST_UNITS.address} SET spent = spent + %(units)s WHERE api = %(api)s AND day = %(day)s "
                "AND (%(limit)s::numeric IS NULL OR spent + %(units)s <= %(limit)s)".encode(),
                {"units": units, "limit": self.per_day, "api": self.api, "day": self._charged_on},
            )
        if not done.rowcount:
            raise QuotaSpent(
                f"{self.api}: the day's {self.per_day:,.0f} request units are spent, before the fetch was complete; "
                f"they are reset at {self._reset()}. Run again after that. Nothing of this fetch was written."
            )
        self.charged += units

    def refund(self, units: Decimal) -> None:
        """Give back units that a request did not cost after all; with a negative number, take what it cost beyond.

        What the API has taken is taken: it is counted also where it exceeds the day's.
        """
        with self.database.transaction() as connection:
            connection.execute(
                f"UPDATE {REQUEST_UNITS.address} SET spent = spent - %s WHERE api = %s AND day = %s".encode(),
                [units, self.api, self._charged_on],
            )
        self.charged -= units

    def exhaust(self) -> None:
        """The API itself says that the units of the request's day are spent: so does the counter."""
        with self.database.transaction() as connection:
            connection.execute(
                f"UPDATE {REQUEST_UNITS.address} SET spent = %s WHERE api = %s AND day = %s AND spent < %s".encode(),
                [self.per_day, self.api, self._charged_on, self.per_day],
            )

    def _remedy(self, estimate: Decimal) -> str:
        if self.per_day is not None and estimate > self.per_day:
            times = -(-estimate // self.per_day)
            return f"Split it over at least {times:,.0f} days, or raise BLOCKCHAIR_UNITS_PER_DAY with a paid plan."
        return "Run again after that."

    def _prepare(self) -> None:
        if not self._ready:
            self.database.migrate(REQUEST_UNITS)
            self._ready = True

    def _reset(self) -> str:
        tomorrow = self._clock.now().date() + timedelta(days=1)
        return f"{tomorrow} 00:00 UTC"
