"""Binance's dumps with the faults that people report of them."""

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from core.errors import InvalidAnswer, SourceRefused
from resources.clients.exchanges.dumps import BinanceDumps
from sandbox.exchanges.binance import packed
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS, World, listings
from tests.standins.clock import ManualClock

FIRST = date(2024, 1, 1)


@pytest.fixture
def server():
    with ExchangeServer(World(listings(["BTC_USDT"]))) as server:
        yield server


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["spot", "futures"])
def dumps(server, clock, request):
    dumps = BinanceDumps(request.param, clock, server.root)
    yield dumps
    dumps.close()


def test_a_day_is_the_apis_day_with_a_header_or_without(server, dumps):
    bars = dumps.day("BTC_USDT", FIRST)

    rows = server.world.rows(server.world.listings["BTC_USDT"], SAMPLE_START_MS, SAMPLE_START_MS + 1440 * MINUTE_MS - 1)
    assert [(bar.open_ms, bar.high, bar.quote_volume, bar.trades) for bar in bars] == [
        (row[0], Decimal(row[2]), Decimal(row[7]), row[8]) for row in rows
    ]


def test_microseconds_since_2025_are_the_same_times(server, clock):
    server.world.now_ms += 400 * 1440 * MINUTE_MS
    bars = BinanceDumps("spot", clock, server.root).day("BTC_USDT", date(2025, 1, 2))

    assert len(bars) == 1440
    assert bars.times[0] == 1_735_776_000_000
    assert next(iter(bars)).close_ms == 1_735_776_059_999


def test_a_missing_day_is_looked_for_in_its_month_and_else_is_none(server, dumps):
    assert dumps.day("BTC_USDT", date(2024, 1, 9)) is None
    server.world.now_ms += 60 * 1440 * MINUTE_MS
    server.faults.append(Fault("daily", 404, "no", times=9))

    bars = dumps.day("BTC_USDT", date(2024, 1, 2))

    assert len(bars) == 1440
    assert bars.times[0] == SAMPLE_START_MS + 1440 * MINUTE_MS


@pytest.mark.parametrize("told", ["0" * 64 + "  BTCUSDT-1m-2024-01-01.zip", "nothing", "", "0" * 64 + "  other.zip"])
def test_a_checksum_that_does_not_match_is_refused(server, dumps, told):
    server.faults.append(Fault(".CHECKSUM", 200, told.encode()))

    with pytest.raises(InvalidAnswer, match="sha256"):
        dumps.day("BTC_USDT", FIRST)


def test_missing_minutes_stay_missing(server, dumps):
    server.world.missing["BTC_USDT"] = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(7)}

    assert len(dumps.day("BTC_USDT", FIRST)) == 1433


def _zip(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


CSV = "BTCUSDT-1m-2024-01-01.csv"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 no zip",
        _zip(("../../etc/passwd", "x")),
        _zip((CSV, "x"), ("more.csv", "y")),
        _zip((CSV, b"\xff\xfe")),
        _zip((CSV, "1,2,3\n")),
        _zip((CSV, "a" * 12 + ",1" * 11 + "\n")),
        _zip((CSV, b"0" * (33 << 20))),
        _zip((CSV, b"a" * 200_000)),
        _zip((CSV, b"1704067200000,1,1,1,1,1,1704067259999,1,1,0,0,0\n" * 50_001)),
        packed([[1e30, *"123456789ab"]], CSV, header=False, micro=False),
    ],
    ids=["empty", "cut", "path", "two", "bytes", "narrow", "words", "bomb", "long", "lines", "time"],
)
def test_a_file_that_is_no_dump_is_our_error(server, dumps, data, monkeypatch):
    monkeypatch.setattr(dumps, "_check", lambda *_: None)
    server.faults.append(Fault(".zip", 200, data))

    with pytest.raises(InvalidAnswer):
        dumps.day("BTC_USDT", FIRST)


def test_a_refusal_is_asked_once_and_maintenance_again(server, dumps, clock):
    server.faults.append(Fault(".zip", 503, b"later"))
    assert len(dumps.day("BTC_USDT", FIRST)) == 1440
    assert clock.slept
    server.faults.append(Fault(".zip", 403, b"no"))
    with pytest.raises(SourceRefused, match="403"):
        dumps.day("BTC_USDT", FIRST)
