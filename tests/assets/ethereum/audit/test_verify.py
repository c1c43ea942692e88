"""Others' Parquet held against headers: proved as far as it can be, every change of it found, what is lost named."""

import copy
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from assets.ethereum.audit.foreign import foreign_day
from commands.__main__ import main
from core.errors import DayMissing, LakeDamaged
from resources.clients.lake.local_store import LocalObjectStore
from tests.standins.amsterdam import AFTER, BEFORE, AmsterdamChain
from tests.standins.answers import rows_of_blocks, rows_of_receipts
from tests.standins.faulty_node import FaultyNode

CHAIN = AmsterdamChain()
DAY = AFTER


def _tables(chain=CHAIN, day=DAY):
    """A day as our tables, from the chain's answers."""
    parts = {}
    for number in chain.numbers(day):
        block, receipts = chain.blocks[number], chain.receipts[number]
        for name, rows in (rows_of_blocks(block)[0].tables | rows_of_receipts(block, receipts)[0].tables).items():
            parts.setdefault(name, []).append(rows)
    return {name: pa.Table.from_batches(found) for name, found in parts.items()}


def _write(folder, tables, layout="{table}/date={day}"):
    for name, rows in tables.items():
        path = folder / layout.format(table=name, day=DAY)
        path.mkdir(parents=True)
        pq.write_table(rows, path / "part-00000.snappy.parquet")
    return folder


def _headers(folder, *, whole=True):
    folder.mkdir()
    for number in CHAIN.numbers(DAY):
        block = CHAIN.blocks[number]
        if not whole:
            block = {name: value for name, value in block.items() if name not in ("withdrawals", "transactions")}
        (folder / f"{number}.json").write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": block}))
    return folder


def _verify(source, *options, day=DAY):
    """Exit code, report, and what was said."""
    target = source.parent / "report.json"
    done = CliRunner().invoke(main, ["verify", str(source), str(day), *map(str, options), "--report", str(target)])
    assert target.exists(), done.output
    return done.exit_code, json.loads(target.read_text()), done.output


def _with(tables, table, column, at, value):
    """The tables with one value changed."""
    rows = tables[table].to_pylist()
    rows[at][column] = value
    return tables | {table: pa.Table.from_pylist(rows, tables[table].schema)}


@pytest.mark.parametrize(
    "layout", ["{table}/date={day}", "{table}/block_date={day}", "export/{table}/block_date={day}"]
)
def test_a_true_day_is_proved_in_every_layout(tmp_path, layout):
    source = _write(tmp_path / "lake", _tables(), layout)
    code, report, said = _verify(source, "--headers", _headers(tmp_path / "headers"))
    assert (code, report["passed"], report["findings"]) == (0, True, [])
    assert report["proved"] == dict.fromkeys(("blocks", "transactions", "receipts", "withdrawals"), 3)
    assert report["unproved"] == []
    assert "transactions: 3 of 3 blocks proved" in said
    assert len(list(source.rglob("*.parquet"))) == 5  # read, and left where they are


def test_headers_alone_prove_all_but_transactions(tmp_path):
    source = _write(tmp_path / "lake", _tables())
    code, report, said = _verify(source, "--headers", _headers(tmp_path / "headers", whole=False))
    assert code == 0
    assert report["proved"] == {"blocks": 3, "transactions": 0, "receipts": 3, "withdrawals": 3}
    (why,) = report["unproved"]
    assert why.startswith("transactions: headers alone were given")
    assert why in said


def test_a_node_is_asked_for_the_days_blocks(tmp_path):
    source = _write(tmp_path / "lake", _tables())
    with FaultyNode(CHAIN.answer) as node:
        code, report, _ = _verify(source, "--node", node.uri)
        assert (code, report["proved"]["transactions"]) == (0, 3)
        less = _write(
            tmp_path / "less",
            {name: rows.slice(0, 0) if name == "blocks" else rows for name, rows in _tables().items()},
        )
        code, report, _ = _verify(less, "--node", node.uri)
    assert code == 1
    assert {finding["stated"] for finding in report["findings"]} == {"0 rows"}


CHANGES = [
    ("blocks", "gas_used", 0, 5, "blocks.gas_used"),
    ("blocks", "hash", 1, "0x" + "11" * 32, "blocks.hash"),
    ("transactions", "value", 3, Decimal(7), "transactions[3].value"),
    ("transactions", "from_address", 2, "0x" + "11" * 20, "transactions[2].from_address"),
    ("receipts", "status", 4, 1, "receipts"),
    ("receipts", "effective_gas_price", 4, Decimal(1), "receipts"),
    ("logs", "data", 1, "0x07", "receipts"),
    ("withdrawals", "amount", 1, 7, "withdrawalsRoot"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[0]}.{change[1]}")
def test_a_changed_value_is_found_by_name(tmp_path, change):
    table, column, at, value, field = change
    source = _write(tmp_path / "lake", _with(_tables(), table, column, at, value))
    code, report, said = _verify(source, "--headers", _headers(tmp_path / "headers"))
    assert code == 1
    assert field in {finding["field"] for finding in report["findings"]}
    assert {finding["block"] for finding in report["findings"]} == {4 + (at if table == "blocks" else 0)}
    assert "NOT AS IT IS" in said


@pytest.mark.parametrize("table", ["blocks", "transactions", "receipts", "logs", "withdrawals"])
@pytest.mark.parametrize("change", ["dropped", "twice"])
def test_a_row_too_few_or_too_many_is_found(tmp_path, table, change):
    tables = _tables()
    rows = tables[table]
    changed = rows.slice(1) if change == "dropped" else pa.concat_tables([rows.slice(0, 1), rows])
    source = _write(tmp_path / "lake", tables | {table: changed})
    code, report, _ = _verify(source, "--headers", _headers(tmp_path / "headers"))
    assert (code, report["found"] > 0) == (1, True)


def test_the_aws_layout_is_read_and_its_lost_digits_are_named(tmp_path):
    """Receipts in the transactions' rows, topics as lists, amounts as floating point, times as timestamps."""
    tables = _tables()
    transactions, receipts, logs, blocks = (tables[name] for name in ("transactions", "receipts", "logs", "blocks"))
    for name in ("cumulative_gas_used", "gas_used", "contract_address", "root", "status", "effective_gas_price"):
        transactions = transactions.append_column(f"receipt_{name}", receipts.column(name))
    at = transactions.schema.get_field_index("value")
    transactions = transactions.set_column(at, "value", transactions.column("value").cast(pa.float64()))
    topics = pa.array([text.split(",") for text in logs.column("topics").to_pylist()])
    logs = logs.set_column(logs.schema.get_field_index("topics"), "topics", topics)
    stamps = blocks.column("timestamp").cast(pa.timestamp("s"))
    blocks = blocks.set_column(blocks.schema.get_field_index("timestamp"), "timestamp", stamps).drop(["requests_hash"])
    source = _write(tmp_path / "lake", {"blocks": blocks, "transactions": transactions, "logs": logs})
    code, report, said = _verify(source, "--headers", _headers(tmp_path / "headers"))
    assert (code, report["findings"]) == (0, [])
    assert report["proved"] == dict.fromkeys(("blocks", "transactions", "receipts", "withdrawals"), 3)
    assert any(why.startswith("transactions.value: double is a floating point") for why in report["unproved"])
    assert "blocks.requests_hash: missing" in report["unproved"]
    assert "receipts.blob_gas_price: missing" in report["unproved"]
    assert "not proved: transactions.value" in said


def test_two_lakes_are_compared_row_by_row(tmp_path):
    first = _write(tmp_path / "first", _tables())
    second = _write(tmp_path / "second", _tables(), "export/{table}/block_date={day}")
    code, report, _ = _verify(first, "--against", second)
    assert (code, report["findings"]) == (0, [])
    changed = _with(_tables(), "receipts", "contract_address", 7, "0x" + "22" * 20)
    changed["logs"] = changed["logs"].slice(1)
    code, report, _ = _verify(first, "--against", _write(tmp_path / "third", changed))
    assert code == 1
    told = {(one["table"], one["column"]) for one in report["findings"]}
    assert told == {("receipts", "contract_address"), ("logs", "only in the first")}


def test_a_header_that_is_none_is_refused(tmp_path):
    headers = _headers(tmp_path / "headers")
    block = copy.deepcopy(CHAIN.blocks[5]) | {"gasUsed": "0x1"}
    (headers / "5.json").write_text(json.dumps(block))
    source = _write(tmp_path / "lake", _tables())
    done = CliRunner().invoke(main, ["verify", str(source), str(DAY), "--headers", str(headers)])
    assert done.exit_code == 1
    assert "5.json is not what its own header commits to: block 5: hash is" in done.output
    (headers / "5.json").write_text("[1, 2")
    done = CliRunner().invoke(main, ["verify", str(source), str(DAY), "--headers", str(headers)])
    assert "5.json is no answer of eth_getBlockByNumber" in done.output


def test_what_is_not_there_or_no_parquet_is_said(tmp_path):
    source = _write(tmp_path / "lake", _tables())
    with pytest.raises(DayMissing, match=f"no Parquet of blocks of {BEFORE}"):
        foreign_day(LocalObjectStore(source), BEFORE)
    next((source / f"logs/date={DAY}").iterdir()).write_bytes(b"PAR1 and no more")
    with pytest.raises(LakeDamaged, match="logs/date.*part-00000.snappy.parquet is no Parquet file"):
        foreign_day(LocalObjectStore(source), DAY)


@pytest.mark.parametrize("options", [[], ["--node", "http://127.0.0.1:1", "--against", "x"]])
def test_one_thing_to_hold_it_against_is_asked_for(tmp_path, options):
    done = CliRunner().invoke(main, ["verify", str(tmp_path), str(DAY), *options])
    assert done.exit_code == 2
    assert "Give one of --node, --headers and --against" in done.output


@pytest.mark.parametrize("option", ["--headers", "--against"])
def test_a_place_that_is_none_is_told_as_it_was_given(tmp_path, option):
    """And not as the setting LAKE_URI, which nobody has set."""
    source = "gs://chain" if option == "--headers" else str(_write(tmp_path / "lake", _tables()))
    other = str(tmp_path) if option == "--headers" else "gs://chain"
    done = CliRunner().invoke(main, ["verify", source, str(DAY), option, other])
    assert done.exit_code == 2
    assert "'gs://chain' is neither a directory nor s3://bucket/prefix." in done.output
    assert "LAKE_URI" not in done.output


def test_a_report_that_cannot_be_written_hides_nothing_that_was_found(tmp_path):
    source, target = _write(tmp_path / "lake", _tables()), tmp_path / "nowhere" / "report.json"
    done = CliRunner().invoke(
        main, ["verify", str(source), str(DAY), "--against", str(source), "--report", str(target)]
    )
    assert done.exit_code == 1
    assert f"cannot write {target}: No such file or directory. What was found stands above." in done.output
