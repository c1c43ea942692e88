"""Whatever a node does, an export ends with the right rows, or with a clear failure and no trace in the lake."""

import copy
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from assets.ethereum.extract import exports, receipts
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.errors import HeadwaterError
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.clock import ManualClock
from tests.standins.faulty_node import FaultyNode
from tests.standins.troubled_chain import DAY, TroubledChain, Troubles

SEEDS = range(24)
# Seeds that are not reached in this time, in seconds, are left out: a slow machine tries fewer of them.
ENOUGH = 60
TABLES = (BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, LOGS)


A_DAY_LATER = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=2)


class _Export:
    """One export of the day through some endpoints, its waiting done by hand."""

    def __init__(self, uris, batch_size=8):
        self.lake, self._clock, self.said = Lake(MemoryObjectStore()), ManualClock(A_DAY_LATER), []
        self._uris, self._budget = ",".join(uris), Budget(batch_size=batch_size, in_flight=3, timeout=0.2)

    def run(self):
        """Both steps, each published when it is whole."""
        self._publish(exports.export_blocks(self._step(), [DAY]))
        blocks, transactions = (self.lake.open(table, [DAY]) for table in (BLOCKS, TRANSACTIONS))
        self._publish(receipts.export_receipts(self._step(), blocks, transactions))

    def _step(self):
        node = EthereumNode(self._uris, self._budget, self._clock)
        return exports.Export(node=node, say=self.said.append, monotonic=self._clock.monotonic)

    def _publish(self, tables):
        for spooled in tables.values():
            for day in spooled.days:
                self.lake.publish(spooled.table, spooled, day, run_id="test")

    def rows(self):
        """What the lake holds, by table; None where it holds nothing."""
        found = {table.name: self.lake.manifest(table, DAY) for table in TABLES}
        return {
            table.name: self.lake.open(table, [DAY]).table().to_pylist() if found[table.name] else None
            for table in TABLES
        }


def _honest(chain):
    with FaultyNode(chain.answer) as server:
        export = _Export([server.uri])
        export.run()
        return export.rows()


@pytest.fixture(scope="session")
def started():
    return time.monotonic()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_is_exported_exactly_or_not_at_all(seed, started):
    if time.monotonic() - started > ENOUGH:
        pytest.skip(f"the seeds before took {ENOUGH} s")
    draw, chain = random.Random(seed), TroubledChain()
    shares = [draw.choice([0.05, 0.2, 0.5, 0.9]) for _ in range(draw.choice([1, 1, 2, 3]))]
    troubles = [Troubles(seed * 10 + at, chain if at == 0 else None, share) for at, share in enumerate(shares)]
    servers = [FaultyNode(chain.answer, trouble.behave) for trouble in troubles]
    chains, reorganise = [copy.copy(chain)], chain.reorganise

    def remembered(*how):
        reorganise(*how)
        chains.append(copy.copy(chain))

    chain.reorganise = remembered
    for server in servers:
        server.__enter__()
    export = _Export([server.uri for server in servers], batch_size=draw.choice([1, 5, 8]))
    failure = None
    try:
        export.run()
    except HeadwaterError as error:
        failure = str(error)
    finally:
        for server in servers:
            server.__exit__()
    found = export.rows()
    told = f"seed {seed}: {[trouble.done for trouble in troubles]}: {failure}"
    # Either step left all of its tables or none; the second never without the first.
    exported = {name: rows for name, rows in found.items() if rows is not None}
    assert set(exported) in ({*found}, {BLOCKS.name, TRANSACTIONS.name, WITHDRAWALS.name}, set()), told
    assert (failure is None) == (set(exported) == {*found}), told
    assert failure is None or failure.endswith((".", "published.")), told
    wholes = map(_honest, chains)
    assert any(all(whole[name] == rows for name, rows in exported.items()) for whole in wholes), told
