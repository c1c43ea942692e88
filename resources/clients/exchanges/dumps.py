"""Binance's public dumps, the second vendor: a zip of one csv for each symbol and day or month, with its checksum.

Known faults of theirs, met here: files and minutes that are missing, checksums that do not match, microseconds instead
of milliseconds (spot, since 2025), and a header line in newer files of futures.
"""

import csv
import hashlib
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date

import requests

from core.clock import Clock
from core.errors import InvalidAnswer, SourceRefused
from core.plain import one_line
from core.windows import end_of, start_of
from resources.clients.exchanges.bars import LAST_MS
from resources.clients.exchanges.bounded import BoundedAdapter
from resources.clients.exchanges.columns import Bars, bars_of_rows, distinct
from resources.clients.exchanges.retrying import MayPass, Patience
from resources.clients.http.bounded import seconds_to_wait

ROOT = "https://data.binance.vision"
MARKETS = {"spot": "spot", "futures": "futures/um"}
# A month of minutes is 44,640 lines of some 130 bytes.
MOST_ZIPPED, MOST_CSV, MOST_LINES = 16 << 20, 32 << 20, 50_000
COLUMNS = 12
OK, MISSING = 200, 404
TRY_AGAIN = {418, 429}
_SHA256 = re.compile(rb"([0-9a-f]{64})\s+\*?([A-Za-z0-9.\-]+)\s*")
_ID = re.compile(r"[A-Z0-9]{1,40}")


class BinanceDumps:
    """The dumps of one contract, ``spot`` or ``futures``."""

    def __init__(self, contract: str, clock: Clock | None = None, root: str = ROOT):
        self.contract, self.root, self.clock = contract, root.rstrip("/"), clock or Clock()
        self.name, self.patience = f"Binance dumps {contract}", Patience(self.clock)
        self._http = BoundedAdapter(MOST_ZIPPED)
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, self._http)
        self.requests = 0

    def day(self, pair: str, day: date) -> Bars | None:
        """The symbol's bars of a day, by open time, from the day's dump or else the month's; None without either.

        Raises:
            InvalidAnswer: when a file does not match its checksum, or cannot be read.
            SourceUnavailable, SourceRefused: when no usable answer came.
        """
        symbol = pair.replace("_", "")
        if not _ID.fullmatch(symbol):
            raise ValueError(f"currency pair {pair[:40]!r} is none")
        for span, label in (("daily", f"{day}"), ("monthly", f"{day:%Y-%m}")):
            name = f"{symbol}-1m-{label}.zip"
            path = f"data/{MARKETS[self.contract]}/{span}/klines/{symbol}/1m/{name}"
            data = self._file(path)
            if data is not None:
                self._check(path, name, data)
                start, end = start_of(day) * 1000, end_of(day) * 1000
                bars = bars_of_rows(list(self._rows(name, data)), f"{self.name} {name}")
                return distinct(bars.where((bars.times >= start) & (bars.times < end)), f"{self.name} {name}")[0]
        return None

    def _check(self, path: str, name: str, data: bytes) -> None:
        listed = self._file(f"{path}.CHECKSUM")
        found = _SHA256.fullmatch(listed or b"")
        sha256 = hashlib.sha256(data).hexdigest()
        if found is None or found[2].decode() != name or found[1].decode() != sha256:
            told = found[1].decode()[:12] if found else str(listed and listed[:60])
            raise InvalidAnswer(
                f"{self.name}: {name} has sha256 {sha256[:12]}..., its CHECKSUM file says {told}. Nothing of it was "
                "taken; run again, the file may be being replaced."
            )

    def _rows(self, name: str, data: bytes) -> Iterator[list[str | int]]:
        for at, row in enumerate(self._lines(name, data)):
            if at == 0 and row and row[0] == "open_time":
                continue
            if len(row) != COLUMNS:
                raise InvalidAnswer(
                    f"{self.name}: line {at + 1} of {name} has {len(row)} fields; {COLUMNS} were expected"
                )
            yield [_milliseconds(row[0]), *row[1:6], _milliseconds(row[6]), *row[7:]]

    def _lines(self, name: str, data: bytes) -> Iterator[list[str]]:
        lines = csv.reader(io.StringIO(_unzipped(name, data, self.name)))
        try:
            yield from itertools.islice(lines, MOST_LINES)
            more = next(lines, None) is not None
        except csv.Error as error:
            raise InvalidAnswer(
                f"{self.name}: {name} is no csv ({one_line(error, 200)}). Nothing of it was taken; run again."
            ) from None
        if more:
            raise InvalidAnswer(f"{self.name}: {name} has more than {MOST_LINES:,} lines. Nothing of it was taken.")

    def _file(self, path: str) -> bytes | None:
        def ask() -> bytes | None:
            self.requests += 1
            try:
                response = self._session.get(f"{self.root}/{path}", timeout=10, allow_redirects=False)
            except requests.RequestException as error:
                raise MayPass(type(error).__name__) from None
            if response.status_code == OK:
                return response.content
            if response.status_code == MISSING:
                return None
            if response.status_code in TRY_AGAIN or response.status_code >= 500:
                wait = seconds_to_wait(self._http.retry_after, self.clock.now())
                raise MayPass(f"status {response.status_code}", response.status_code, wait)
            raise SourceRefused(
                f"{self.name}: {path} was refused with status {response.status_code}. Check EXCHANGES_DUMPS_URL."
            )

        return self.patience.call(f"{self.name}: {path}", ask)

    def close(self) -> None:
        """Let its connections go."""
        self._session.close()


def _milliseconds(text: str) -> str | int:
    """Milliseconds of a time that may be in microseconds; what is no number stays, for the bar to refuse."""
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return int(text) // 1000 if int(text) > LAST_MS else int(text)
    return text


def _unzipped(name: str, data: bytes, source: str) -> str:
    expected = name.replace(".zip", ".csv")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            if members != [expected]:
                raise ValueError(f"it holds {one_line(members, 80)}")
            with archive.open(expected) as file:
                text = file.read(MOST_CSV + 1)
        if len(text) > MOST_CSV:
            raise ValueError(f"it unfolds to more than {MOST_CSV:,} bytes")
        return text.decode("ascii")
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InvalidAnswer(
            f"{source}: {name} is no zip of {expected} ({one_line(error, 200)}). Nothing of it was taken; run again."
        ) from None
