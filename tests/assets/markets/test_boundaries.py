"""Whatever CoinGecko, Blockchair or a dump holds: rows that can be stored, or an error of the product's own."""

import gzip
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from assets.markets import extract, extract_chains
from assets.markets.extract_chains import ChainDay
from assets.markets.tables import (
    BLOCKS,
    CHAIN_STATS,
    COIN_LIST,
    GLOBAL_DAILY,
    MARKET_DAILY,
    MARKET_SNAPSHOT,
    TRANSACTIONS,
    TX_DAILY_AGGREGATE,
)
from core.errors import HeadwaterError
from core.merging import content_hash
from core.tables import ColumnType
from resources.clients.http.api import Answer, HttpApi
from resources.clients.http.documents import Unfit, document_of
from resources.clients.markets.blockchair import Blockchair
from resources.clients.markets.blockchair_dumps import BlockchairDumps
from resources.clients.markets.coingecko import CoinGecko
from resources.clients.markets.units import UnitLedger
from sandbox.markets import coingecko, dumps
from sandbox.markets.blockchair import Blockchair as ServedBlockchair
from sandbox.markets.server import _text
from tests.conftest import fuzzed
from tests.standins.markets import DAY, NOW, DayClock, chain, transactions, world

COINS = ["bitcoin", "dogecoin", "ethereum"]
DEEP = "@deep@"
ODD_TEXTS = [
    "", "abc", "1e500000000", "NaN", "Infinity", "-0", "0x1", "2024-01-02", "9999-12-31T23:59:59-23:59", "0001-01-01",
    "\x00", "\ud800", "<img src=x>", "![x](y)", "\n", "9" * 500, "\u0661", DEEP, "synthetic_coinbase",
    "true", "2" * 5000,
]  # fmt: skip
ODD_NUMBERS = [0, -1, 1, 2**31, 2**53, 2**63, 2**64, 2**256, -(2**63), 10**99, 1.5, -0.0, 1e300, 5e-324, 1704240000000]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.integers(),
    st.text(max_size=20),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
BODIES = st.one_of(
    st.text(max_size=60), st.sampled_from(["", "[" * 50_000, '{"a":' * 50_000, "1e500000000", "null", "[[]]"])
)


class Outside:
    """Both sources without a network: answers of the sandbox, one of which is damaged."""

    def __init__(self, data, monkeypatch):
        self.data = data
        ethereum = chain("ethereum", 12)
        bitcoin = chain("bitcoin", 12, transactions=transactions("bitcoin", 30))
        self.world = world([bitcoin, ethereum])
        self.blockchair = ServedBlockchair(self.world)
        self.seen = 0
        self.damaged = data.draw(st.integers(0, 6), "which answer")
        monkeypatch.setattr(HttpApi, "_exchange", lambda api, path, parameters: (self.exchange(path, parameters), None))
        monkeypatch.setattr(HttpApi, "download", lambda api, path, file, judge: self.download(path, file, judge))

    def exchange(self, path, parameters):
        named = {name: str(value) for name, value in parameters.items()}
        if path.startswith(("coins", "global")):
            status, document = coingecko.answer(self.world, path, named)
        else:
            status, document = self.blockchair.answer(path, named)
        text = _text(document)
        if self.seen == self.damaged:
            status, text = self.damage(status, text)
        self.seen += 1
        return Answer(status, document_of(text), text)

    def damage(self, status, text):
        how = self.data.draw(st.sampled_from(["value", "value", "value", "value", "body", "status", "cut"]), "how")
        if how == "body":
            return status, self.data.draw(BODIES)
        if how == "status":
            return self.data.draw(st.sampled_from([200, 204, 301, 400, 402, 404, 429, 430, 500, 503, 1020])), text
        if how == "cut":
            return status, text[: self.data.draw(st.integers(0, len(text)))]
        document = json.loads(text)
        places = list(_places(document))
        holder, key = places[self.data.draw(st.integers(0, len(places) - 1), "where")]
        value = self.data.draw(JSON, "what")
        if isinstance(holder, dict) and self.data.draw(st.integers(0, 9)) == 0:
            del holder[key]
        else:
            holder[key] = value
        deep = "[" * 3000 + "]" * 3000
        return status, json.dumps(document).replace(json.dumps(DEEP), deep)

    def download(self, path, file, judge):
        status, body = dumps.answer(self.world, path.removeprefix("dumps/"))
        judge(Answer(status, None, ""))
        file.write(self.damaged_file(body) if self.seen == 0 else body)
        self.seen += 1

    def damaged_file(self, body):
        how = self.data.draw(st.sampled_from(["cell", "cell", "line", "bytes", "packed", "none"]), "how")
        if how == "packed":
            at, byte = self.data.draw(st.integers(0, len(body) - 1)), self.data.draw(st.binary(max_size=3))
            return body[:at] + byte + body[at + self.data.draw(st.integers(0, 3)) :]
        if how == "none":
            return self.data.draw(st.binary(max_size=100))
        lines = gzip.decompress(body).decode().split("\n")
        at = self.data.draw(st.integers(0, len(lines) - 1), "line")
        if how == "line":
            lines[at : at + self.data.draw(st.integers(0, 1))] = [self.data.draw(st.text(max_size=30))] * 2
        cells = lines[at].split("\t")
        odd = st.one_of(
            st.sampled_from([*ODD_TEXTS, *map(str, ODD_NUMBERS)]), st.text(max_size=10), st.integers().map(str)
        )
        cells[self.data.draw(st.integers(0, len(cells) - 1), "cell")] = self.data.draw(odd, "what")
        lines[at] = "\t".join(cells)
        text = "\n".join(lines).encode("utf-8", "surrogatepass")
        return gzip.compress(text + (self.data.draw(st.binary(max_size=5)) if how == "bytes" else b""), mtime=0)


def _places(document):
    keys = document if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], (dict, list)):
            yield from _places(document[key])


class Ledger(UnitLedger):
    """Without a database."""

    def __init__(self):
        super().__init__(None, "Blockchair", None, DayClock())

    def spent(self):
        return self.charged

    def charge(self, units):
        self.charged += units

    def refund(self, units):
        self.charged -= units

    def exhaust(self):
        pass


def storable(table, row):
    """A row that its table takes: keys that are there, numbers within their columns, text that can be encoded."""
    content_hash(row, table.arrow_schema.names)
    for column in table.columns:
        value = row.get(column.name)
        assert value is not None or column.nullable, column.name
        if value is not None and column.type is ColumnType.BIGINT:
            assert -(2**63) <= value < 2**63
            assert not isinstance(value, bool)
        if value is not None and column.type is ColumnType.NUMERIC:
            assert Decimal(value).is_finite()
            assert len(format(Decimal(value), "f")) < 400
        if isinstance(value, str):
            assert "\x00" not in value
            value.encode()


def tried(table, batches):
    """The rows of all batches, or an error of the product whose sentence can be logged."""
    try:
        for batch in batches():
            assert len(batch.rows) == sum(1 for row in batch.rows)
            for row in batch.rows:
                storable(table, row)
    except HeadwaterError as error:
        event(type(error).__name__)
        str(error).encode()


@fuzzed
@given(st.data())
def test_any_chart(data):
    with pytest.MonkeyPatch.context() as monkeypatch:
        Outside(data, monkeypatch)
        days = data.draw(st.sampled_from([[DAY], [DAY - timedelta(days=1), DAY], [DAY - timedelta(days=2)]]))
        gecko = CoinGecko("keyless", None, DayClock(), root="http://127.0.0.1:1")
        tried(MARKET_DAILY, lambda: (batch for _, batch in extract.market_daily(gecko, COINS, days, NOW)))


@fuzzed
@given(st.data())
def test_any_list_snapshot_or_total(data):
    with pytest.MonkeyPatch.context() as monkeypatch:
        Outside(data, monkeypatch).damaged = 0
        gecko = CoinGecko("keyless", None, DayClock(), root="http://127.0.0.1:1")
        table, batches = data.draw(
            st.sampled_from(
                [
                    (COIN_LIST, lambda: [extract.coin_list(gecko, {"bitcoin", "gone"})]),
                    (MARKET_SNAPSHOT, lambda: [extract.market_snapshot(gecko, COINS)]),
                    (GLOBAL_DAILY, lambda: [batch for _, batch in extract.global_daily(gecko, [DAY], NOW)]),
                ]
            )
        )
        tried(table, batches)


def chain_batches(source, name):
    part = {f"{name}|{DAY}": ChainDay(name, DAY)}
    finality = timedelta(hours=6)
    return {
        BLOCKS: lambda: extract_chains.blocks(source, part, lambda chain, day: {}),
        TRANSACTIONS: lambda: extract_chains.transactions(source, part, 250, lambda chain, heights: {}),
        TX_DAILY_AGGREGATE: lambda: extract_chains.tx_daily_aggregate(
            source, part, NOW, finality, lambda chain, days: days[:1]
        ),
        CHAIN_STATS: lambda: extract_chains.chain_stats(source, ["bitcoin", "ethereum"]),
    }


@fuzzed
@given(st.data())
def test_any_answer_of_blockchair(data):
    with pytest.MonkeyPatch.context() as monkeypatch:
        Outside(data, monkeypatch)
        blockchair = Blockchair(Ledger(), DayClock(), root="http://127.0.0.1:1")
        name = data.draw(st.sampled_from(["bitcoin", "ethereum"]))
        table, batches = data.draw(st.sampled_from(list(chain_batches(blockchair, name).items())))
        tried(table, lambda: (batch for _, batch in batches()))
        assert Decimal(0) <= blockchair.units <= 100_000


@fuzzed
@given(st.data())
def test_any_dump(data):
    with pytest.MonkeyPatch.context() as monkeypatch:
        Outside(data, monkeypatch)
        pattern = "http://127.0.0.1:1/dumps/{chain}/{table}/blockchair_{chain}_{table}_{day}.tsv.gz"
        source = BlockchairDumps(DayClock(), pattern)
        table = data.draw(st.sampled_from([BLOCKS, TRANSACTIONS]))
        batches = chain_batches(source, "bitcoin")[table]
        tried(table, lambda: (batch for _, batch in batches()))


@fuzzed
@given(BODIES | JSON.map(lambda value: json.dumps(value).replace(json.dumps(DEEP), "[" * 3000 + "]" * 3000)))
def test_any_body_is_a_document_or_none_or_unfit(text):
    try:
        document = document_of(text)
    except Unfit:
        return
    json.dumps(document, default=str, ensure_ascii=False).encode()
