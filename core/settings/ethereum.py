"""The Ethereum node, and how it is exported."""

from typing import Annotated, Literal

from core.settings.base import Between, Secret, Settings, Text, setting


class Ethereum(Settings):
    """The Ethereum node, and how it is exported."""

    provider_uri: Secret | None = setting(
        "ETHEREUM_PROVIDER_URI",
        "The Ethereum node: one endpoint or several, comma-separated; http(s)://, ws(s):// or the path of an IPC "
        "socket. Locally the embedded sample chain serves when it is not set.",
        "http://localhost:8545",
    )
    provider_uri_archival: Secret | None = setting(
        "ETHEREUM_PROVIDER_URI_ARCHIVAL",
        "The node for traces, which needs old state; ETHEREUM_PROVIDER_URI when not set.",
        "http://archive:8545",
    )
    tracer: Literal["parity", "geth", "off"] = setting(
        "ETHEREUM_TRACER",
        "How the node traces: parity (trace_block: Erigon, Nethermind, Reth, anvil), geth (callTracer), or off "
        "for a node that cannot; off leaves traces, contracts and tokens out of the schedules.",
        "geth",
        "parity",
    )
    confirmations: Annotated[int, Between(0, 100_000)] = setting(
        "ETHEREUM_CONFIRMATIONS",
        "Blocks above a day's end that make it final where the node does not know the finalized tag.",
        "64",
        64,
    )
    batch_size: Annotated[int, Between(1, 1_000)] = setting(
        "ETHEREUM_BATCH_SIZE",
        "Most calls put into one request; shrinks by itself when the node refuses.",
        "50",
        24,
    )
    max_in_flight: Annotated[int, Between(1, 256)] = setting(
        "ETHEREUM_MAX_IN_FLIGHT",
        "Most requests at a time to each endpoint.",
        "16",
        3,
    )
    calls_per_second: Annotated[float, Between(0.01, 100_000)] | None = setting(
        "ETHEREUM_CALLS_PER_SECOND",
        "Most calls a second to each endpoint; no limit when not set.",
        "100",
    )
    timeout: Annotated[float, Between(1, 3_600)] = setting(
        "ETHEREUM_TIMEOUT",
        "Seconds to wait for the node's answer to a request.",
        "60",
        60,
    )
    verify: Literal["full", "roots", "off"] = setting(
        "ETHEREUM_VERIFY",
        "full proves every block against its header before anything is published, and recomputes senders, prices and "
        "whatever else the header's roots do not bind; roots leaves the recomputing out, off proves nothing, and the "
        "checks say so.",
        "off",
        "full",
    )
    engine: Literal["native", "ethereum-etl"] = setting(
        "ETHEREUM_ENGINE",
        "Who exports: native, or ethereum-etl in an environment of its own, which cannot prove what it exports.",
        "ethereum-etl",
        "native",
    )
    state_changes: Text | None = setting(
        "ETHEREUM_STATE_CHANGES",
        "Balance changes outside transactions to add to the traces of mainnet: genesis, daofork, or both.",
        "genesis,daofork",
    )
