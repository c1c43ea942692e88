"""What traces may hold by the EVM's rules, through a whole export into every warehouse: no day is lost for it.

Two reports: an inner call asks for more ether than there is, in 77 digits, and a contract reverts with a reason that
holds NUL characters.
"""

import copy

import pytest

from assets.ethereum.tables import TRACES
from core.windows import DayWindow
from tests.conftest import SAMPLE_DAYS
from tests.standins.faulty_node import FaultyNode
from tests.standins.runs import ConfiguredGraph

DAY = SAMPLE_DAYS[0]
WIDE = 2**255 + 1
REASON = "Reverted: \0\0abc"
NAMES = ("blocks", "transactions", "traces", "contracts")
TABLES = " or ".join(f'key:"lake/ethereum/{name}"' for name in NAMES)
LOADED = 'key:"warehouse/ethereum/traces"'


def _with_a_call(answer, method):
    """The answer for a block with one more inner call in its first transaction, the last of its children."""
    found = copy.deepcopy(answer)
    if method == "trace_block":
        outermost = next(trace for trace in found["result"] if trace["traceAddress"] == [])
        at, outermost["subtraces"] = outermost["subtraces"], outermost["subtraces"] + 1
        action = {"callType": "call", "from": "0x" + "11" * 20, "to": "0x" + "22" * 20, "gas": "0x0", "input": "0x"}
        inner = outermost | {"action": action | {"value": hex(WIDE)}, "error": REASON, "result": None}
        found["result"].append(inner | {"type": "call", "subtraces": 0, "traceAddress": [at]})
        return found
    outermost = found["result"][0]["result"]
    inner = {"type": "CALL", "from": "0x" + "11" * 20, "to": "0x" + "22" * 20, "value": hex(WIDE), "gas": "0x0"}
    outermost.setdefault("calls", []).append(inner | {"gasUsed": "0x0", "input": "0x", "error": REASON})
    return found


@pytest.fixture
def node(recorded_chain):
    """The sample chain, whose first block of the day with a transaction holds such a call."""
    changed = set()

    def answer(request):
        found, method = recorded_chain.answer(request), request["method"]
        if method not in ("trace_block", "debug_traceBlockByHash") or not found.get("result"):
            return found
        changed.add(request["params"][0]) if not changed else None
        return _with_a_call(found, method) if request["params"][0] in changed else found

    with FaultyNode(answer) as server:
        yield server


@pytest.fixture
def configured(request, monkeypatch, tmp_path, node):
    """The graph by settings alone."""
    warehouse, settings = request.param
    uri = str(tmp_path / "lake")
    if warehouse == "redshift":
        redshift, uri = request.getfixturevalue("redshift"), f"s3://{request.getfixturevalue('s3_bucket')}/headwater"
        names = {"HOST": redshift.host, "PORT": str(redshift.port), "DATABASE": redshift.database}
        names |= {"USER": redshift.user, "PASSWORD": redshift.password, "IAM_ROLE": redshift.iam_role}
        settings = settings | {f"REDSHIFT_{name}": value for name, value in names.items()}
    elif warehouse == "postgres":
        request.getfixturevalue("database")
    settings |= {"HEADWATER_STAGE": "test", "HEADWATER_HOME": str(tmp_path / "home"), "LAKE_URI": uri}
    settings |= {"WAREHOUSE": warehouse, "ETHEREUM_PROVIDER_URI": node.uri}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return ConfiguredGraph(tmp_path, node.uri, format=settings.get("LAKE_FORMAT", "parquet"), lake_uri=uri)


WAREHOUSES = [
    ("duckdb", {}),
    ("postgres", {}),
    ("redshift", {}),
    ("duckdb", {"ETHEREUM_TRACER": "geth", "LAKE_FORMAT": "csv"}),
    ("postgres", {"ETHEREUM_TRACER": "geth", "LAKE_FORMAT": "csv"}),
    ("redshift", {"LAKE_FORMAT": "csv"}),
]


@pytest.mark.parametrize("configured", WAREHOUSES, indirect=True, ids=str)
def test_the_day_is_exported_and_loaded_with_the_amount_and_the_reason(configured):
    graph, result = configured, configured.run(f"{TABLES} or {LOADED}", DAY)
    held = graph.lake.open(TRACES, [DAY]).table().to_pylist()
    loaded = graph.warehouse.read(TRACES, DayWindow(DAY, DAY)).to_pylist()
    for rows, reason in ((held, REASON), (loaded, REASON.replace("\0", ""))):
        (odd,) = (row for row in rows if row["value_text"] is not None)
        assert (odd["value"], odd["value_text"], odd["status"]) == (None, str(WIDE), 0)
        assert (odd["error"], odd["from_address"]) == (reason, "0x" + "11" * 20)
        assert all(row["value"] is not None for row in rows if row["call_type"] == "call" and row is not odd)
    assert len(loaded) == len(held)
    traces, _ = (
        {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[-1] == "traces"
    )
    assert traces["values_over_38_digits"] == 1
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
