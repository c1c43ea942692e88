"""The room's assets: each dataset exported to the lake, and loaded into the warehouse from there."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg

from assets.ethereum import derive, etl, extract, receipts
from assets.ethereum.chain_state import CHAIN_KEY
from assets.ethereum.state_changes import mainnet_state_changes
from assets.ethereum.tables import (
    BLOCKS,
    BLOCKS_META,
    CONTRACTS,
    ERC1155_TRANSFERS,
    LOGS,
    RECEIPTS,
    TABLES,
    TOKEN_TRANSFERS,
    TOKENS,
    TRACES,
    TRANSACTIONS,
    WITHDRAWALS,
)
from assets.partitions import ETHEREUM_DAILY, EXPORTS, OWNERS, RANGES
from core.spool import SpooledTable
from core.tables import Table
from core.windows import parse_day
from resources.clients.ethereum_node import EthereumNode
from resources.clients.lake import LakeObject
from resources.descriptions import described
from resources.ethereum import EthereumNodeResource
from resources.ethereum_etl import EthereumEtlResource
from resources.retries import failures_explained

GROUP = "ethereum"
NODE_POOL = "ethereum_node"
WAREHOUSE_POOL = "warehouse"
QUOTED = 10  # complaints quoted in a warning

# The layers are due at 01:00, 01:30 and 02:00 UTC; two hours later they count as late.
LAKE_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=3))
WAREHOUSE_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="30 3 * * *", lower_bound_delta=timedelta(hours=3))


def _export_step(
    *tables: Table, reads: Sequence[Table] = (), pool: str | None = None, deps: Sequence[dg.AssetKey] = ()
):
    """A step that publishes tables to the lake, a subset of them on demand; it reads others from there."""
    specs = [
        dg.AssetSpec(
            table.lake_key,
            description=f"{table.description} Grain: {table.grain}.",
            group_name=GROUP,
            kinds={"python", "s3"},
            owners=OWNERS,
            metadata=described(table),
            freshness_policy=LAKE_FRESHNESS,
        )
        for table in tables
    ]
    return dg.multi_asset(
        outs={
            spec.key.path[-1]: dg.AssetOut.from_spec(spec, io_manager_key="lake", is_required=False) for spec in specs
        },
        ins={table.name: dg.AssetIn(key=table.lake_key, input_manager_key="lake") for table in reads},
        deps=deps,
        partitions_def=ETHEREUM_DAILY,
        backfill_policy=EXPORTS,
        pool=pool,
        can_subset=len(tables) > 1,
    )


@_export_step(BLOCKS_META, BLOCKS, TRANSACTIONS, WITHDRAWALS, pool=NODE_POOL, deps=[CHAIN_KEY])
def blocks_and_transactions(
    context: dg.AssetExecutionContext, ethereum: EthereumNodeResource, ethereum_etl: EthereumEtlResource
):
    """The UTC day's canonical blocks with their transactions and withdrawals, in one pass over the node."""
    export = None
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            tables = etl.export_blocks(_etl(context, ethereum, ethereum_etl), _days(context))
        else:
            export = _export(context, ethereum, ethereum.client())
            tables = extract.export_blocks(export, _days(context))
    yield from _outputs(context, tables, export)


@_export_step(RECEIPTS, LOGS, reads=[BLOCKS, TRANSACTIONS], pool=NODE_POOL)
def receipts_and_logs(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    blocks: LakeObject,
    transactions: LakeObject,
):
    """Receipts and logs of the blocks in the lake, each checked to belong to that very block."""
    export = None
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            tables = etl.export_receipts(_etl(context, ethereum, ethereum_etl), blocks, transactions)
        else:
            export = _export(context, ethereum, ethereum.client())
            tables = receipts.export_receipts(export, blocks, transactions)
    yield from _outputs(context, tables, export)


@_export_step(TOKEN_TRANSFERS, reads=[LOGS])
def token_transfers(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    logs: LakeObject,
):
    """ERC-20 and ERC-721 transfers, read from the lake's logs."""
    left_out: list[str] = []
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            tables = etl.derive_token_transfers(_etl(context, ethereum, ethereum_etl), logs)
        else:
            tables = derive.derive_token_transfers(logs, left_out)
    yield from _outputs(context, tables, left_out=left_out)


@_export_step(ERC1155_TRANSFERS, reads=[LOGS])
def erc1155_transfers(context: dg.AssetExecutionContext, logs: LakeObject):
    """ERC-1155 transfers, one row per token id, read from the lake's logs."""
    left_out: list[str] = []
    with failures_explained():
        tables = derive.derive_erc1155_transfers(logs, left_out)
    yield from _outputs(context, tables, left_out=left_out)


@_export_step(TRACES, reads=[BLOCKS], pool=NODE_POOL)
def traces(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    blocks: LakeObject,
):
    """Calls, creations and rewards of the blocks in the lake, from a node that can trace."""
    export, kinds = None, ethereum.state_changes()
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            work = _etl(context, ethereum, ethereum_etl, archival=True)
            tables = etl.export_traces(work, blocks, ethereum.tracer_name(), kinds)
        else:
            export = _export(context, ethereum, ethereum.archival_client())
            tables = extract.export_traces(export, blocks, ethereum.tracer_name(), mainnet_state_changes(kinds))
    yield from _outputs(context, tables, export)


@_export_step(CONTRACTS, reads=[TRACES])
def contracts(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    traces: LakeObject,
):
    """Contracts created, with the standards they announce, read from the lake's traces."""
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            tables = etl.derive_contracts(_etl(context, ethereum, ethereum_etl), traces)
        else:
            tables = derive.derive_contracts(traces)
    yield from _outputs(context, tables)


@_export_step(TOKENS, reads=[CONTRACTS], pool=NODE_POOL)
def tokens(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    contracts: LakeObject,
):
    """Symbol, name, decimals and supply of the token contracts created on the day, asked at the newest block."""
    export = None
    with failures_explained():
        if ethereum.engine_name() == etl.ENGINE:
            tables = etl.export_tokens(_etl(context, ethereum, ethereum_etl), contracts)
        else:
            export = _export(context, ethereum, ethereum.client())
            tables = extract.export_tokens(export, contracts)
    yield from _outputs(context, tables, export)


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [parse_day(key) for key in context.partition_keys]


def _export(context: dg.AssetExecutionContext, ethereum: EthereumNodeResource, node: EthereumNode) -> extract.Export:
    return extract.Export(
        node=node,
        say=context.log.info,
        monotonic=time.monotonic,
        confirmations=ethereum.confirmations(),
        verify=ethereum.verify_mode(),
    )


def _etl(
    context: dg.AssetExecutionContext,
    ethereum: EthereumNodeResource,
    ethereum_etl: EthereumEtlResource,
    *,
    archival: bool = False,
) -> etl.EtlExport:
    """The same step for ethereum-etl, which the one node's address reaches beside its commands."""
    node = ethereum.archival_client() if archival else ethereum.client()
    run = partial(ethereum_etl.run, context, ethereum.etl_uri(archival=archival))
    return etl.EtlExport(node, run, ethereum.confirmations())


def _outputs(
    context: dg.AssetExecutionContext,
    tables: Mapping[str, SpooledTable],
    export: extract.Export | None = None,
    left_out: Sequence[str] = (),
) -> Iterator[dg.Output[SpooledTable]]:
    """The selected tables, with the account of the step; what got no column or no row is named once."""
    if export and export.reader.unknown:
        context.log.warning(f"The node sends fields that no column takes: {', '.join(sorted(export.reader.unknown))}")
    if left_out:
        shown = "; ".join(left_out[:QUOTED])
        context.log.warning(f"{len(left_out)} events are no transfers that the table can hold: {shown}")
    account: dict[str, Any] = export.account() if export else {}
    for name in context.op_execution_context.selected_output_names:
        yield dg.Output(tables[name], output_name=name, metadata=account | {"left_out": len(left_out)})


def _warehouse_asset(table: Table) -> dg.AssetsDefinition:
    """The table's days, loaded from the lake by the warehouse's IO manager, replacing these days."""

    @dg.asset(
        key=table.warehouse_key,
        ins={"days": dg.AssetIn(key=table.lake_key, input_manager_key="lake")},
        description=f"{table.description} Loaded from the lake, a day at a time. Grain: {table.grain}.",
        io_manager_key="warehouse",
        group_name=GROUP,
        kinds={"python", "duckdb"},
        owners=OWNERS,
        metadata=described(table) | {"dagster/table_name": table.address},
        partitions_def=ETHEREUM_DAILY,
        backfill_policy=RANGES,
        freshness_policy=WAREHOUSE_FRESHNESS,
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
    traces,
    contracts,
    tokens,
)
WAREHOUSE_ASSETS = tuple(_warehouse_asset(table) for table in TABLES)
