"""The daily dumps, as a loopback server publishes them: what comes, and every way a file may be wrong."""

import errno
import gzip
import io
import re
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DayIncomplete, DiskRefused, InvalidAnswer, SettingError, SourceRefused, SourceUnavailable
from resources.clients.markets.blockchair_dumps import MOST_STRAYS, BlockchairDumps
from sandbox.markets.dumps import packed
from sandbox.markets.server import Fault, MarketServer
from tests.standins.markets import DAY, DayClock, chain, transactions, world

ONE = timedelta(days=1)
SECRET = "never-to-be-seen"


def serving(*chains):
    return MarketServer(world(chains))


def client(market, clock=None, key=None):
    return BlockchairDumps(clock or DayClock(), market.dumps_pattern, key)


def instead(market, body, status=200, **more):
    market.faults.append(Fault("/dumps/", status, body, times=99, **more))
    return market


def rows_of(market, name="bitcoin"):
    return [row for row in market.world.chains[name].blocks if row["date"] == str(DAY)]


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 400), st.sampled_from(["bitcoin", "dogecoin", "ethereum"]))
def test_a_day_comes_whole_and_takes_one_request_and_no_units(per_day, name):
    with serving(chain(name, per_day)) as market:
        dumps = client(market)
        rows = dumps.blocks(name, DAY)
        assert [int(row["id"]) for row in rows] == list(range(1001, 1001 + per_day))
        assert len(rows) == len(list(rows)) == per_day  # a second reading gives the same
        assert (dumps.requests, dumps.units, market.blockchair.spent) == (1, 0, 0)
        path = f"/dumps/{name}/blocks/blockchair_{name}_blocks_20240102.tsv.gz"
        assert [request.path for request in market.requests] == [path]


def test_both_ways_to_write_null_are_null():
    with serving(chain("bitcoin", 5)) as market:
        for row in rows_of(market):
            row |= {"fee_total": None, "weight": None, "guessed_miner": ""}
        market.requests.clear()
        body = gzip.decompress(packed(rows_of(market))).decode()
        assert "\t\\N\t" in body
        assert "\t\t" in body
        for row in client(market).blocks("bitcoin", DAY):
            assert row["fee_total"] is row["weight"] is row["guessed_miner"] is None
            assert row["size"] == "1000000"


def test_the_first_line_decides_the_columns():
    with serving(chain("bitcoin", 5)) as market:
        turned = [dict(reversed([*row.items(), ("new", "x")])) for row in rows_of(market)]
        rows = list(client(instead(market, packed(turned))).blocks("bitcoin", DAY))
        assert [(row["id"], row["new"]) for row in rows] == [(str(1001 + at), "x") for at in range(5)]


def test_a_height_with_a_neighbours_time_is_in_the_neighbours_dump():
    days = (DAY - ONE, DAY, DAY + ONE)
    with serving(chain("bitcoin", 20, days=days)) as market:
        blocks = market.world.chains["bitcoin"]
        first = rows_of(market)[0]["id"]
        for height, time in ((first + 1, f"{DAY - ONE} 23:59:30"), (first + 18, f"{DAY + ONE} 00:00:30")):
            blocks.in_heights(height, height)[0] |= {"time": time, "date": time[:10]}
        dumps = client(market, DayClock(DayClock().now() + ONE))
        assert sorted(int(row["id"]) for row in dumps.blocks("bitcoin", DAY)) == list(range(first, first + 20))
        assert dumps.requests == 3
        # The next day's dump is not there yet: the day waits for it.
        with pytest.raises(SourceUnavailable, match=rf"such as {first + 18}, and there is no dump of 2024-01-03 yet"):
            client(market).blocks("bitcoin", DAY)


@pytest.mark.parametrize("lost", [1, MOST_STRAYS + 1])
def test_a_hole_in_the_heights_is_named(lost):
    with serving(chain("bitcoin", 100)) as market:
        rows = [row for row in rows_of(market) if not 1030 <= row["id"] < 1030 + lost]
        market.world.chains["bitcoin"].blocks[:] = rows + market.world.chains["bitcoin"].blocks[-3:]
        with pytest.raises(SourceUnavailable, match=f"lacks {lost} heights .* such as 1030"):
            client(market).blocks("bitcoin", DAY)


def test_a_height_that_comes_twice_is_refused():
    with serving(chain("bitcoin", 5)) as market:
        rows = rows_of(market)
        with pytest.raises(InvalidAnswer, match="holds height 1003 twice"):
            client(instead(market, packed([*rows, rows[2]]))).blocks("bitcoin", DAY)


def test_a_dump_that_is_not_there_waits():
    with serving(chain("bitcoin", 5, after=0)) as market:
        dumps = client(market)
        with pytest.raises(DayIncomplete, match=r"no dump .*blockchair_bitcoin_blocks_20240102\.tsv\.gz \(404\)"):
            dumps.blocks("bitcoin", DAY)
        assert dumps.requests == 1
        with pytest.raises(DayIncomplete, match="2024-01-03 is not over in UTC"):
            dumps.blocks("bitcoin", DAY + ONE)
        assert dumps.requests == 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda body: body[:-20], "ended before the end-of-stream marker"),
        (lambda body: body[: len(body) // 2], "ended before the end-of-stream marker"),
        (lambda body: body[:-8] + b"\0\0\0\0" + body[-4:], "CRC check failed"),
        (lambda body: body[:50] + b"\xff\0\xff\0\xff" + body[55:], "invalid"),
        (lambda body: b"<html>Welcome</html>", "Not a gzipped file"),
        (lambda body: gzip.compress(b"id\thash\ttime\n\xff\xfe\t1\t2\n"), "can't decode"),
        (lambda body: gzip.compress(b"x" * (5 << 20)), "a line of over"),
    ],
)
def test_a_damaged_dump_is_an_error_that_says_so(damage, said):
    with serving(chain("bitcoin", 150)) as market:
        body = packed(rows_of(market))
        with pytest.raises(SourceUnavailable, match=f"is cut short or damaged .*{said}"):
            client(instead(market, damage(body))).blocks("bitcoin", DAY)


def test_a_transfer_that_breaks_off_is_tried_again():
    with serving(chain("bitcoin", 150)) as market:
        body = packed(rows_of(market))
        broken = {"Content-Length": str(len(body)), "Connection": "close"}
        market.faults.append(Fault("/dumps/", 200, body[:100], broken, times=2))
        market.faults.append(Fault("/dumps/", 503, "later"))
        dumps = client(market)
        assert len(dumps.blocks("bitcoin", DAY)) == 150
        assert dumps.requests == 4


def test_an_outage_is_named_and_the_key_is_not():
    with serving(chain("bitcoin", 5)) as market:
        dumps = client(instead(market, "down", status=503), key=SECRET)
        with pytest.raises(SourceUnavailable, match=r"20240102\.tsv\.gz after 6 attempts \(503\)") as caught:
            dumps.blocks("bitcoin", DAY)
        assert market.requests[0].parameters == {"key": SECRET}
        assert SECRET not in str(caught.value) + repr(dumps.http)
    with serving(chain("bitcoin", 5)) as market, pytest.raises(SourceRefused, match="402.*BLOCKCHAIR_DUMPS_KEY"):
        client(instead(market, "no", status=402)).blocks("bitcoin", DAY)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("", InvalidAnswer, "no column id, hash, time"),
        ("id\thash\ttime\n", SourceUnavailable, "holds no row"),
        ("height\thash\ttime\n1\t2\t3\n", InvalidAnswer, "no column id; its first line is 'height hash time'"),
        ("id\thash\ttime\n1\tx\n", InvalidAnswer, "line 2 .* has 2 cells where its first has 3"),
        ("id\thash\ttime\none\tx\t2024-01-02 00:00:01\n", InvalidAnswer, "'one' in id, which is no height"),
        ("id\thash\ttime\n1\tx\tnoon\n", InvalidAnswer, "'noon' in time, which is no time"),
        ("id\thash\ttime\n1\tx\t2024-01-04 12:00:00\n", SourceUnavailable, "rows of another day"),
        ("id\thash\ttime\n1\tx\t2024-01-02 00:10:00\n", SourceUnavailable, "00:10 to 00:10 of the day only"),
        ("id\thash\ttime\n1\tx\t2024-01-02 23:10:00\n", SourceUnavailable, "23:10 to 23:10 of the day only"),
    ],
)
def test_a_file_that_is_no_whole_day_of_blocks_is_refused(body, error, said):
    with serving(chain("bitcoin", 5)) as market, pytest.raises(error, match=said):
        client(instead(market, gzip.compress(body.encode()))).blocks("bitcoin", DAY)


def test_transactions_come_up_to_the_number_wanted():
    with serving(chain("bitcoin", 10, transactions=transactions("bitcoin", 300))) as market:
        hashes = [row["hash"] for row in market.world.chains["bitcoin"].transactions]
        for most in (1, 250, 1000):
            found = client(market).transactions("bitcoin", DAY, most)
            assert [row["hash"] for row in found] == hashes[:most]
            assert len(found) == min(most, 300)


def test_a_large_dump_is_never_in_memory_as_a_whole():
    rows = transactions("bitcoin", 60_000)
    body = packed(rows)
    unpacked = len(gzip.decompress(body))
    with serving(chain("bitcoin", 10)) as market:
        dumps = client(instead(market, body))
        dumps.transactions("bitcoin", DAY, 10)
        tracemalloc.start()
        try:
            found = dumps.transactions("bitcoin", DAY, 10**6)
            assert sum(Decimal(row["fee"]) for row in found) == 60_000_000
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert unpacked > 8 << 20
    assert peak < 2 << 20


@pytest.mark.parametrize("pattern", ["https://dumps.example.com", "https://x/{chain}/{table}.gz", "https://x/{}"])
def test_an_address_that_names_no_file_is_refused(pattern):
    with pytest.raises(SettingError, match="BLOCKCHAIR_DUMPS_URL="):
        BlockchairDumps(DayClock(), pattern)


def test_the_address_when_none_is_set():
    address = BlockchairDumps(DayClock()).address_of("dogecoin", "transactions", DAY)
    assert address == "https://gz.blockchair.com/dogecoin/transactions/blockchair_dogecoin_transactions_20240102.tsv.gz"


FAR_APART = gzip.compress(b"id\thash\ttime\n1\t0x1\t2024-01-02 00:00:01\n4000000000\t0x2\t2024-01-02 23:59:59\n")
BOMBED = """
import sys
from datetime import date
from core.errors import HeadwaterError
from resources.clients.markets.blockchair_dumps import BlockchairDumps
from tests.standins.markets import DayClock
try:
    BlockchairDumps(DayClock(), sys.argv[1]).blocks("bitcoin", date(2024, 1, 2))
except HeadwaterError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (FAR_APART, "InvalidAnswer .*from height 1 to 4000000000"),
        (gzip.compress(b"id\thash\ttime\n" + b"1\t2\t2024-01-02 00:00:01\n" * 10_000_000, 1), "height 1 twice"),
        (gzip.compress(b"\t" * (1 << 28), 1), "a line of over"),
    ],
    ids=["heights far apart", "many rows", "one line"],
)
def test_a_small_file_that_unfolds_is_refused_in_little_memory(body, said):
    with serving(chain("bitcoin", 5)) as market:
        instead(market, body)
        done = subprocess.run(
            ["bash", "-c", f'ulimit -v 700000; exec {sys.executable} -c "$0" "$1"', BOMBED, market.dumps_pattern],
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert re.search(said, done.stdout), done.stdout + done.stderr[-2000:]


def test_a_file_that_unfolds_beyond_any_honest_one_is_damaged():
    lines = b"1\t2\t2024-01-02 00:00:01\n" * 10
    body = gzip.compress(b"block_id\thash\ttime\n" + lines * 200_000, 9)
    with serving(chain("bitcoin", 5)) as market:
        with pytest.raises(SourceUnavailable, match="unfold to more than"):
            client(instead(market, body)).transactions("bitcoin", DAY, 5)


@pytest.mark.parametrize("step", ["write", "truncate"])
def test_a_full_disk_is_told_at_once(step, monkeypatch):
    class Full(io.BytesIO):
        def refuse(self, *_arguments):
            raise OSError(errno.ENOSPC, "No space left on device")

    setattr(Full, step, Full.refuse)
    with serving(chain("bitcoin", 5)) as market:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_named: Full())
        with pytest.raises(DiskRefused, match=r"cannot keep http.*20240102\.tsv\.gz in .*: No space left.* TMPDIR"):
            client(market).blocks("bitcoin", DAY)
        assert len(market.requests) <= 1  # a full disk is not tried again
