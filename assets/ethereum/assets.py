"""The room's assets: each dataset exported to the lake, and loaded into the warehouse from there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg

from assets.conventions import EXPORTS, RANGES, lake_table, warehouse_table
from assets.ethereum.chain_state import CHAIN_KEY
from assets.ethereum.extract import ethereum_etl as etl
from assets.ethereum.extract.engines import Engine, EtlEngine, NativeEngine, Tables, left_out_warning
from assets.ethereum.partitions import DAILY
from assets.ethereum.tables import (
    BLOCKS,
    BLOCKS_META,
    CONTRACTS,
    ERC1155_TRANSFERS,
    ETHER_TRANSFERS,
    LOGS,
    RECEIPTS,
    TABLES,
    TOKEN_TRANSFERS,
    TOKENS,
    TRACES,
    TRANSACTIONS,
    TRANSFERRED_TOKENS,
    WITHDRAWALS,
)
from assets.ethereum.transform import derive
from core.spool import SpooledTable
from core.tables import Table
from core.windows import parse_day
from resources.clients.lake.reading import LakeObject
from resources.ethereum import EthereumNodeResource
from resources.ethereum_etl import EthereumEtlResource
from resources.retries import failures_explained

NODE_POOL = "ethereum_node"
WAREHOUSE_POOL = "warehouse"

# The layers are due at 01:00, 01:30 and 02:00 UTC; two hours later they count as late.
LAKE_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=3))
WAREHOUSE_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="30 3 * * *", lower_bound_delta=timedelta(hours=3))

# What a gap or a jump of the chain shows in first.
PLOTTED = (BLOCKS, TRANSACTIONS)


def _export_step(
    *tables: Table, reads: Sequence[Table] = (), pool: str | None = None, deps: Sequence[dg.AssetKey] = ()
):
    """A step that publishes tables to the lake, a subset of them on demand; it reads others from there."""
    specs = [dg.AssetSpec(**lake_table(table, LAKE_FRESHNESS, plot_rows=table in PLOTTED)) for table in tables]
    return dg.multi_asset(
        outs={
            spec.key.path[-1]: dg.AssetOut.from_spec(spec, io_manager_key="lake", is_required=False) for spec in specs
        },
        ins={table.name: dg.AssetIn(key=table.lake_key, input_manager_key="lake") for table in reads},
        deps=deps,
        partitions_def=DAILY,
        backfill_policy=EXPORTS,
        pool=pool,
        can_subset=len(tables) > 1,
    )


@_export_step(BLOCKS_META, BLOCKS, TRANSACTIONS, WITHDRAWALS, pool=NODE_POOL, deps=[CHAIN_KEY])
def blocks_and_transactions(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
):
    """The UTC day's canonical blocks with their transactions and withdrawals, in one pass over the node."""
    days = [parse_day(key) for key in context.partition_keys]
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.blocks(days))


@_export_step(RECEIPTS, LOGS, reads=[BLOCKS, TRANSACTIONS], pool=NODE_POOL)
def receipts_and_logs(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    blocks: LakeObject,
    transactions: LakeObject,
):
    """Receipts and logs of the blocks in the lake, each checked to belong to that very block."""
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.receipts(blocks, transactions))


@_export_step(TOKEN_TRANSFERS, reads=[LOGS])
def token_transfers(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    logs: LakeObject,
):
    """ERC-20 and ERC-721 transfers, read from the lake's logs."""
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.token_transfers(logs))


@_export_step(ERC1155_TRANSFERS, reads=[LOGS])
def erc1155_transfers(context: dg.AssetExecutionContext, logs: LakeObject):
    """ERC-1155 transfers, one row per token id, read from the lake's logs; ethereum-etl knows none."""
    left_out: list[str] = []
    with failures_explained():
        tables = derive.derive_erc1155_transfers(logs, left_out)
    yield from _outputs(context, tables, {"left_out": len(left_out)}, left_out_warning(left_out))


@_export_step(TRANSFERRED_TOKENS, reads=[TOKEN_TRANSFERS], pool=NODE_POOL)
def transferred_tokens(context: dg.AssetExecutionContext, ethereum: EthereumNodeResource, token_transfers: LakeObject):
    """Symbol, name and decimals of the day's transferred tokens; ethereum-etl asks only those that code announces."""
    with failures_explained():
        engine = NativeEngine(ethereum, context.log.info)
        tables = engine.transferred_tokens(token_transfers)
    yield from _outputs(context, tables, engine.account(), engine.warnings())


@_export_step(ETHER_TRANSFERS, reads=[LOGS])
def ether_transfers(context: dg.AssetExecutionContext, logs: LakeObject):
    """Ether moved and burnt, read from the lake's logs; they tell of it since Amsterdam, and ethereum-etl does not."""
    left_out: list[str] = []
    with failures_explained():
        tables = derive.derive_ether_transfers(logs, left_out)
    yield from _outputs(context, tables, {"left_out": len(left_out)}, left_out_warning(left_out))


@_export_step(TRACES, reads=[BLOCKS], pool=NODE_POOL)
def traces(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    blocks: LakeObject,
):
    """Calls, creations and rewards of the blocks in the lake, from a node that can trace."""
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.traces(blocks))


@_export_step(CONTRACTS, reads=[TRACES])
def contracts(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    traces: LakeObject,
):
    """Contracts created, with the standards they announce, read from the lake's traces."""
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.contracts(traces))


@_export_step(TOKENS, reads=[CONTRACTS], pool=NODE_POOL)
def tokens(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    contracts: LakeObject,
):
    """Symbol, name, decimals and supply of the token contracts created on the day, asked at the newest block."""
    yield from _made(context, ethereum, ethereum_etl, lambda engine: engine.tokens(contracts))


def _made(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    make: Callable[[Engine], Tables],
) -> Iterator[dg.Output[SpooledTable]]:
    """What the engine that ETHEREUM_ENGINE names makes."""
    engine: Engine
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            engine = EtlEngine(ethereum, partial(ethereum_etl.run, context))
        else:
            engine = NativeEngine(ethereum, context.log.info)
        tables = make(engine)
    yield from _outputs(context, tables, engine.account(), engine.warnings())


def _outputs(
    context: dg.AssetExecutionContext, tables: Tables, account: Mapping[str, Any], warnings: Iterable[str]
) -> Iterator[dg.Output[SpooledTable]]:
    """The selected tables, each with the account of the step, whose totals are named as the run's."""
    for warning in warnings:
        context.log.warning(warning)
    totals = {name if isinstance(value, str) else f"run_{name}": value for name, value in account.items()}
    for name in context.op_execution_context.selected_output_names:
        yield dg.Output(tables[name], output_name=name, metadata=totals)


def _warehouse_asset(table: Table) -> dg.AssetsDefinition:
    """The table's days, loaded from the lake by the warehouse's IO manager, replacing these days."""

    @dg.asset(
        **warehouse_table(table, WAREHOUSE_FRESHNESS),
        ins={"days": dg.AssetIn(key=table.lake_key, input_manager_key="lake")},
        io_manager_key="warehouse",
        partitions_def=DAILY,
        backfill_policy=RANGES,
        pool=WAREHOUSE_POOL,
    )
    def load(days: LakeObject) -> LakeObject:
        return days

    return load


LAKE_ASSETS = (
    blocks_and_transactions,
    receipts_and_logs,
    token_transfers,
    erc1155_transfers,
    transferred_tokens,
    ether_transfers,
    traces,
    contracts,
    tokens,
)
WAREHOUSE_ASSETS = tuple(_warehouse_asset(table) for table in TABLES)
