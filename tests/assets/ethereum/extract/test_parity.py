"""Row for row what ethereum-etl made of the same captured answers, through our own files."""

import csv
import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TOKEN_TRANSFERS, TRACES, TRANSACTIONS
from assets.ethereum.transform import token_events
from assets.ethereum.transform.traces import geth_traces, parity_traces, trace_batch
from resources.clients.ethereum_etl import files as etl_files
from tests.standins.answers import block_batches, receipt_batches
from tests.standins.captured import csv_lines, expected_json, expected_text, header, needs_captured_data, results

pytestmark = needs_captured_data

BLOCK_CASES = ["block_with_logs", "block_without_transactions", "blocks_with_transactions"]
ANY_DAY = date(2015, 8, 7)


def _file(table, batch, tmp_path):
    """The text of the file that the csv lake holds for a batch."""
    path = tmp_path / f"{table.name}.parquet"
    pq.write_table(pa.Table.from_batches([batch]), path)
    with etl_files.write(table, path).open(newline="", encoding="utf-8") as file:
        return file.read()


def _assert_same_csv(ours, theirs):
    """Sorted line by sorted line, in the columns that ethereum-etl had when it was captured."""
    columns = header(theirs)
    assert csv_lines(ours, columns) == csv_lines(theirs)
    assert [name for name in header(ours) if name in columns] == columns
    if theirs:
        assert ours.endswith("\r\n")


def _blocks(case):
    blocks = results(case, "web3_response.eth_getBlockByNumber_0x*_true.json")
    return sorted(blocks, key=lambda block: int(block["number"], 16))


@pytest.mark.parametrize("case", BLOCK_CASES)
@pytest.mark.parametrize("table", [BLOCKS, TRANSACTIONS], ids=lambda table: table.name)
def test_blocks_and_transactions(case, table, tmp_path):
    batches = block_batches(_blocks(f"test_export_blocks_job/{case}"))
    ours = _file(table, batches[table.name], tmp_path)
    _assert_same_csv(ours, expected_text(f"test_export_blocks_job/{case}", f"expected_{table.name}.csv"))


def _receipts():
    found = results("test_export_receipts_job/receipts_with_logs", "web3_response.*.json")
    return sorted(found, key=lambda receipt: int(receipt["transactionIndex"], 16))


@pytest.mark.parametrize("table", [RECEIPTS, LOGS], ids=lambda table: table.name)
def test_receipts_and_logs(table, tmp_path):
    case = "test_export_receipts_job/receipts_with_logs"
    batch = receipt_batches(_receipts())[table.name]
    as_json = [json.loads(line) for line in _json_text(table, batch).splitlines()]
    expected = expected_json(case, f"expected_{table.name}.json")
    names = list(expected[0])
    assert [list(row)[: len(names)] for row in as_json] == [names] * len(expected)
    assert sorted(json.dumps({name: row[name] for name in names}) for row in as_json) == sorted(
        json.dumps(row) for row in expected
    )
    _assert_same_csv(_csv_text(table, batch), expected_text(case, f"expected_{table.name}.csv"))


def _json_text(table, batch):
    return "".join(
        json.dumps({c.name: etl_files._json(c, row[c.name]) for c in table.contract}) + "\n"
        for row in batch.to_pylist()
    )


def _csv_text(table, batch):
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    names = [column.name for column in table.contract]
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in batch.to_pylist())
    return out.getvalue()


def test_logs_file_of_the_lake_is_json_lines_byte_for_byte(tmp_path):
    batch = receipt_batches(_receipts())["logs"]
    expected = expected_text("test_export_receipts_job/receipts_with_logs", "expected_logs.json")
    assert sorted(_file(LOGS, batch, tmp_path).splitlines()) == sorted(expected.splitlines())


@pytest.mark.parametrize("case", ["block_with_create", "block_with_subtraces"])
def test_parity_traces(case, tmp_path):
    (answer,) = results(f"test_export_traces_job/{case}", "web3_response.trace_block_*.json")
    ours = _file(TRACES, trace_batch(parity_traces(answer), ANY_DAY), tmp_path)
    _assert_same_csv(ours, expected_text(f"test_export_traces_job/{case}", "expected_traces.csv"))


def test_geth_traces(tmp_path):
    case = "test_extract_geth_traces_job/block_with_create"
    (answer,) = results(case, "web3_response.debug_traceBlockByNumber_*.json")
    ours = _file(TRACES, trace_batch(geth_traces(1000690, answer), ANY_DAY), tmp_path)
    _assert_same_csv(ours, expected_text(case, "expected_traces.csv"))


def test_token_transfers(tmp_path):
    case = "test_extract_token_transfers_job/logs"
    logs = list(csv.DictReader(io.StringIO(expected_text(case, "logs.csv"), newline="")))
    rows = [row | {name: int(row[name]) for name in ("log_index", "transaction_index", "block_number")} for row in logs]
    batch = pa.RecordBatch.from_pylist([row | {"block_date": ANY_DAY} for row in rows], LOGS.arrow_schema)
    ours = _file(TOKEN_TRANSFERS, token_events.token_transfers(batch, []), tmp_path)
    _assert_same_csv(ours, expected_text(case, "expected_token_transfers.csv"))


@pytest.mark.parametrize(
    ("table", "name"),
    [(BLOCKS, "blocks"), (TRANSACTIONS, "transactions"), (LOGS, "logs"), (TOKEN_TRANSFERS, "token_transfers")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_streamed_rows(table, name):
    """The streaming export's rows hold the same values under the same names."""
    case = "test_stream/blocks_1755634_1755635"
    blocks = _blocks(case)
    receipts = results(case, "web3_response.eth_getTransactionReceipt_*.json")
    batches = block_batches(blocks) | receipt_batches(receipts)
    batches["token_transfers"] = token_events.token_transfers(batches["logs"], [])
    ours = {_identity(row): row for row in map(json.loads, _json_text(table, batches[name]).splitlines())}
    for row in expected_json(case, f"expected_{name}.json"):
        mine = ours.pop(_identity(row))
        for column in table.contract:
            if column.name in row:
                # The stream writes [] where a pre-Shanghai block has no list of withdrawals at all.
                expected = None if row[column.name] == [] and column.name == "withdrawals" else row[column.name]
                assert mine[column.name] == expected, column.name
    assert not ours


def _identity(row):
    return tuple(row.get(name) for name in ("number", "hash", "log_index", "block_number"))
