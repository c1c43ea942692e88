"""What makes the tables of a step: our own export, or ethereum-etl's commands, behind the same methods."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Protocol

from assets.ethereum.extract import ethereum_etl as etl
from assets.ethereum.extract import exports, receipts, tokens
from assets.ethereum.transform import derive
from assets.ethereum.transform.state_changes import mainnet_state_changes, require_mainnet
from core.spool import SpooledTable
from resources.clients.ethereum.node import EthereumNode
from resources.clients.lake.reading import LakeObject
from resources.ethereum import EthereumNodeResource

Tables = Mapping[str, SpooledTable]
QUOTED = 10  # events quoted in a warning


class Engine(Protocol):
    """Makes the tables of some days, by table name, from the node or from what the lake holds."""

    def blocks(self, days: Sequence[date]) -> Tables: ...

    def receipts(self, blocks: LakeObject, transactions: LakeObject) -> Tables: ...

    def token_transfers(self, logs: LakeObject) -> Tables: ...

    def traces(self, blocks: LakeObject) -> Tables: ...

    def contracts(self, traces: LakeObject) -> Tables: ...

    def tokens(self, contracts: LakeObject) -> Tables: ...

    def account(self) -> dict[str, Any]:
        """Figures of the step so far."""
        ...

    def warnings(self) -> Iterator[str]:
        """What the step met that has no column or no row."""
        ...


@dataclass
class NativeEngine:
    """Our own export."""

    ethereum: EthereumNodeResource
    say: Callable[[str], None]
    _export: exports.Export | None = None
    _left_out: list[str] = field(default_factory=list)

    def blocks(self, days: Sequence[date]) -> Tables:
        return exports.export_blocks(self._asking(self.ethereum.client()), days)

    def receipts(self, blocks: LakeObject, transactions: LakeObject) -> Tables:
        return receipts.export_receipts(self._asking(self.ethereum.client()), blocks, transactions)

    def token_transfers(self, logs: LakeObject) -> Tables:
        return derive.derive_token_transfers(logs, self._left_out)

    def traces(self, blocks: LakeObject) -> Tables:
        kinds = self.ethereum.state_changes()
        changes = mainnet_state_changes(kinds)
        export = self._asking(self.ethereum.archival_client())
        require_mainnet(kinds, export.node.chain_id)
        return exports.export_traces(export, blocks, self.ethereum.tracer_name(), changes)

    def contracts(self, traces: LakeObject) -> Tables:
        return derive.derive_contracts(traces)

    def tokens(self, contracts: LakeObject) -> Tables:
        return tokens.export_tokens(self._asking(self.ethereum.client()), contracts)

    def transferred_tokens(self, transfers: LakeObject) -> Tables:
        """What ethereum-etl does not know: the tokens of transfers, whatever their code announces."""
        return tokens.export_transferred_tokens(self._asking(self.ethereum.client()), transfers)

    def account(self) -> dict[str, Any]:
        asked = self._export.account() if self._export else {}
        return asked | {"left_out": len(self._left_out)}

    def warnings(self) -> Iterator[str]:
        if self._export and self._export.reader.unknown:
            yield f"The node sends fields that no column takes: {', '.join(sorted(self._export.reader.unknown))}"
        yield from left_out_warning(self._left_out)

    def _asking(self, node: EthereumNode) -> exports.Export:
        self._export = exports.Export(
            node=node,
            say=self.say,
            monotonic=time.monotonic,
            confirmations=self.ethereum.confirmations(),
            verify=self.ethereum.verify_mode(),
        )
        return self._export


@dataclass
class EtlEngine:
    """ethereum-etl. run: runs commands of it against a node's address."""

    ethereum: EthereumNodeResource
    run: Callable[[str, Sequence[etl.Command]], None]

    def blocks(self, days: Sequence[date]) -> Tables:
        return etl.export_blocks(self._asking(), days)

    def receipts(self, blocks: LakeObject, transactions: LakeObject) -> Tables:
        return etl.export_receipts(self._asking(), blocks, transactions)

    def token_transfers(self, logs: LakeObject) -> Tables:
        return etl.derive_token_transfers(self._asking(), logs)

    def traces(self, blocks: LakeObject) -> Tables:
        kinds, export = self.ethereum.state_changes(), self._asking(archival=True)
        require_mainnet(kinds, export.node.chain_id)
        return etl.export_traces(export, blocks, self.ethereum.tracer_name(), kinds)

    def contracts(self, traces: LakeObject) -> Tables:
        return etl.derive_contracts(self._asking(), traces)

    def tokens(self, contracts: LakeObject) -> Tables:
        return etl.export_tokens(self._asking(), contracts)

    def account(self) -> dict[str, Any]:
        return {}

    def warnings(self) -> Iterator[str]:
        """None: what ethereum-etl complains of is in its log."""
        return iter(())

    def _asking(self, *, archival: bool = False) -> etl.EtlExport:
        node = self.ethereum.archival_client() if archival else self.ethereum.client()
        run = partial(self.run, self.ethereum.etl_uri(archival=archival))
        return etl.EtlExport(node, run, self.ethereum.confirmations())


def left_out_warning(left_out: Sequence[str]) -> Iterator[str]:
    """One warning about all events that became no row. left_out: a sentence for each."""
    if left_out:
        shown = "; ".join(left_out[:QUOTED])
        yield f"{len(left_out)} events are no transfers that the table can hold: {shown}"
