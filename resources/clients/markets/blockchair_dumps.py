"""Blockchair's daily dumps: a table of a chain and UTC day as one gzip file of tab-separated text, no units spent.

A file is fetched to disk, then read line by line, each time its rows are gone through. Its first line names the
columns; an empty cell and ``\\N`` are null. Nothing of this could be tried against the real dumps: their address is a
setting, and what a file holds is checked before any of it is used.
"""

import gzip
import os
import re
import tempfile
import weakref
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import IO, Any
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import DayIncomplete, InvalidAnswer, SettingError, SourceRefused, SourceUnavailable
from core.windows import ONE_DAY, start_of
from resources.clients.http.api import OK, Answer, HttpApi, Unusable
from resources.clients.http.bounded import MOST_UNFOLDED, UNFOLDED_FREELY
from resources.clients.markets.chain_rows import LARGEST, MOST_HEIGHTS, moment, whole

PATTERN = "https://gz.blockchair.com/{chain}/{table}/blockchair_{chain}_{table}_{day}.tsv.gz"
NEEDED = {"blocks": ("id", "hash", "time"), "transactions": ("block_id", "hash", "time")}
NULLS = ("", "\\N")
# No row comes near this; a damaged file may unpack into a line without end.
LONGEST_LINE = 4 << 20
# No chain followed pauses this long: a file that begins later or ends earlier is of an unfinished day.
LONGEST_PAUSE = timedelta(hours=6)
# Most heights whose time is of a neighbouring day; more are a hole.
MOST_STRAYS = 20

NOT_FOUND, TOO_MANY, SERVER_ERRORS = 404, 429, 500


class Dump:
    """The rows of one file, as text by column, then ``more``. One reader at a time."""

    def __init__(self, file: IO[bytes], address: str, needed: Collection[str], most: int | None = None):
        self.address = address
        self._file, self._needed, self._most = file, needed, most
        self._count = 0
        weakref.finalize(self, file.close)
        self.more: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return self._count + len(self.more)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from islice(self.all(), self._most)
        yield from self.more

    def count(self, rows: int) -> None:
        """How many the file was found to hold."""
        self._count = rows if self._most is None else min(rows, self._most)

    def all(self) -> Iterator[dict[str, Any]]:
        """Every row of the file.

        Raises:
            SourceUnavailable: when the file is cut short or damaged.
            InvalidAnswer: when it is no such table.
        """
        lines = self._lines()
        columns = next(lines, "").split("\t")
        if missing := [name for name in self._needed if name not in columns]:
            raise InvalidAnswer(
                f"Blockchair: the dump {self.address} has no column {', '.join(missing)}; its first line is "
                f"{' '.join(columns)[:200]!r}. Set BLOCKCHAIR_SOURCE=api, or update the client."
            )
        for number, line in enumerate(lines, start=2):
            cells = line.split("\t")
            if len(cells) != len(columns):
                raise InvalidAnswer(
                    f"Blockchair: line {number} of the dump {self.address} has {len(cells)} cells where its first "
                    f"has {len(columns)}. Set BLOCKCHAIR_SOURCE=api, or update the client."
                )
            yield {name: None if cell in NULLS else cell for name, cell in zip(columns, cells, strict=True)}

    def _lines(self) -> Iterator[str]:
        packed, unpacked = self._file.seek(0, os.SEEK_END), 0
        self._file.seek(0)
        try:
            with gzip.GzipFile(fileobj=self._file) as text:
                while line := text.readline(LONGEST_LINE):
                    unpacked += len(line)
                    if len(line) == LONGEST_LINE:
                        raise ValueError(f"a line of over {LONGEST_LINE:,} bytes")
                    if unpacked > UNFOLDED_FREELY + MOST_UNFOLDED * packed:
                        raise ValueError(f"{packed:,} bytes unfold to more than {unpacked:,}")
                    yield line.decode().rstrip("\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
            raise _damaged(self.address, str(error)) from error


class BlockchairDumps:
    """The dumps as a ``ChainSource``.

    ``pattern``: the address of a file, with {chain}, {table} and {day} as YYYYMMDD. ``key``: sent with each request.
    """

    units = Decimal(0)

    def __init__(self, clock: Clock, pattern: str | None = None, key: str | None = None):
        pattern = pattern or PATTERN
        parts = urlsplit(pattern)
        if set(re.findall(r"{(.*?)}", pattern)) != {"chain", "table", "day"}:
            raise SettingError(
                f"BLOCKCHAIR_DUMPS_URL={pattern!r}: expected an address with {{chain}}, {{table}} and {{day}}, such as "
                f"{PATTERN}."
            )
        self.clock = clock
        self._path = parts.path.lstrip("/")
        self.http = HttpApi(
            name="Blockchair's dumps",
            root=f"{parts.scheme}://{parts.netloc}",
            clock=clock,
            secret_parameters={"key": key} if key else {},
        )

    @property
    def requests(self) -> int:
        return self.http.requests

    def address_of(self, chain: str, table: str, day: date) -> str:
        return self.http.address(self._path_of(chain, table, day))

    def require_blocks(self, chains: Sequence[str], what: str) -> None:
        """Dumps are under no quota."""

    def require_transactions(self, most: int, days: int, what: str) -> None:
        """Dumps are under no quota."""

    def blocks(self, chain: str, day: date) -> Dump:
        """Every block from the day's lowest to its highest height.

        Those in between that carry a time of the neighbouring day are in that day's dump, and are taken from there.

        Raises:
            DayIncomplete: when the day's dump is not there.
            SourceUnavailable: when it is damaged or does not hold the whole day.
        """
        dump = self._fetch(chain, "blocks", day)
        heights, span = set[int](), Span()
        low, high = LARGEST, 0
        for row in dump.all():
            height = whole(row, "id", f"the dump {dump.address}")
            low, high = min(low, height), max(high, height)
            if high - low >= MOST_HEIGHTS:
                raise InvalidAnswer(
                    f"Blockchair: the dump {dump.address} reaches from height {low} to {high}, over {MOST_HEIGHTS:,} "
                    "blocks. Nothing was written; set BLOCKCHAIR_SOURCE=api for this day."
                )
            if height in heights:
                raise InvalidAnswer(
                    f"Blockchair: the dump {dump.address} holds height {height} twice. Nothing was written; set "
                    "BLOCKCHAIR_SOURCE=api for this day."
                )
            heights.add(height)
            span.add(moment(row, f"the dump {dump.address}"))
        span.require(day, dump.address)
        dump.count(span.rows)
        dump.more = self._strays(chain, day, heights)
        return dump

    def transactions(self, chain: str, day: date, most: int) -> Dump:
        """The file's first ``most`` transactions, or all when there are fewer. PostgreSQL refuses a hash given twice.

        Raises:
            DayIncomplete: when the day's dump is not there.
            SourceUnavailable: when it is damaged or does not hold the whole day.
        """
        dump, span = self._fetch(chain, "transactions", day, most), Span()
        for row in dump.all():
            span.add(moment(row, f"the dump {dump.address}"))
        span.require(day, dump.address)
        dump.count(span.rows)
        return dump

    def _strays(self, chain: str, day: date, heights: set[int]) -> list[dict[str, Any]]:
        """The blocks between the day's heights that it lacks, from the dumps of the days beside."""
        first, last = min(heights), max(heights)
        missing = set(range(first, last)) - heights
        if len(missing) > MOST_STRAYS:
            raise self._hole(chain, day, len(missing), min(missing))
        found: dict[int, dict[str, Any]] = {}
        unpublished = ""
        for beside in (day - ONE_DAY, day + ONE_DAY):
            if not missing - set(found):
                break
            try:
                rows = self._fetch(chain, "blocks", beside)
            except DayIncomplete:
                unpublished = f", and there is no dump of {beside} yet that might"
                continue
            for row in rows.all():
                if (height := whole(row, "id", f"the dump {rows.address}")) in missing:
                    found[height] = row
        if gone := sorted(missing - set(found)):
            raise self._hole(chain, day, len(gone), gone[0], unpublished)
        return list(found.values())

    def _hole(self, chain: str, day: date, lacking: int, first: int, unpublished: str = "") -> SourceUnavailable:
        return SourceUnavailable(
            f"Blockchair: the dump {self.address_of(chain, 'blocks', day)} lacks {lacking} heights between its lowest "
            f"and highest, such as {first}{unpublished}. Nothing was written; run again later, or set "
            "BLOCKCHAIR_SOURCE=api for this day."
        )

    def _fetch(self, chain: str, table: str, day: date, most: int | None = None) -> Dump:
        address = self.address_of(chain, table, day)
        if day >= self.clock.now().date():
            raise DayIncomplete(f"Blockchair: {day} is not over in UTC, so it has no dump {address}. Run again later.")
        file = tempfile.TemporaryFile(prefix="headwater-")  # noqa: SIM115 - closed with the last that reads it
        dump = Dump(file, address, NEEDED[table], most)
        self.http.download(self._path_of(chain, table, day), file, lambda answer: _judge(answer, address))
        return dump

    def _path_of(self, chain: str, table: str, day: date) -> str:
        path = self._path.replace("{chain}", chain).replace("{table}", table)
        return path.replace("{day}", f"{day:%Y%m%d}")


@dataclass
class Span:
    """How many rows a file holds, and from when to when."""

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, moment: datetime) -> None:
        self.rows += 1
        self.first = min(self.first or moment, moment)
        self.last = max(self.last or moment, moment)

    def require(self, day: date, address: str) -> None:
        """All of the day, and nothing else.

        Raises:
            SourceUnavailable: when it is not.
        """
        begin = datetime.fromtimestamp(start_of(day), tz=UTC)
        end = begin + ONE_DAY
        if self.first is None or self.last is None:
            held = "no row"
        elif self.first < begin or self.last >= end:
            held = f"rows of another day ({self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M})"
        elif self.first - begin > LONGEST_PAUSE or end - self.last > LONGEST_PAUSE:
            held = f"{self.first:%H:%M} to {self.last:%H:%M} of the day only"
        else:
            return
        raise SourceUnavailable(
            f"Blockchair: the dump {address} holds {held}. Nothing was written; run again later, or set "
            "BLOCKCHAIR_SOURCE=api for this day."
        )


def _judge(answer: Answer, address: str) -> None:
    if answer.status == OK:
        return
    if answer.status == NOT_FOUND:
        raise DayIncomplete(
            f"Blockchair has no dump {address} (404): it is not published yet, or elsewhere. Run again later; if it "
            "stays so, check BLOCKCHAIR_DUMPS_URL, or set BLOCKCHAIR_SOURCE=api."
        )
    if answer.status == TOO_MANY or answer.status >= SERVER_ERRORS:
        raise Unusable(str(answer.status))
    raise SourceRefused(
        f"Blockchair refuses the dump {address}: {answer.status}. Check BLOCKCHAIR_DUMPS_KEY and BLOCKCHAIR_DUMPS_URL, "
        "or set BLOCKCHAIR_SOURCE=api."
    )


def _damaged(address: str, reason: str) -> SourceUnavailable:
    return SourceUnavailable(
        f"Blockchair: the dump {address} is cut short or damaged ({reason}). Nothing was written; run again, and if it "
        "stays so, set BLOCKCHAIR_SOURCE=api for this day."
    )
