"""Ethereum: a node's chain, day by day, to the lake, the warehouse and daily metrics.

Source: any Ethereum JSON-RPC endpoint (``ETHEREUM_PROVIDER_URI``); tracing needs a node that offers
``trace_block`` or ``debug_traceBlockByHash``.
Flow: node -> ``lake/ethereum/<dataset>`` -> ``warehouse/ethereum/<dataset>`` -> ``marts/ethereum/<model>``.
Grain: one partition per UTC day, by block timestamp; the genesis block belongs to the day of block 1.
Units: wei unless a column says otherwise; addresses and hashes are lower-case hex with ``0x``.
Known gaps: uncle headers, state and storage are not exported; ``latest`` is what token contracts are
asked at, so a token's row describes it as of the export, not as of its creation.
"""
