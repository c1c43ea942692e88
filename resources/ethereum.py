"""The Ethereum node as a resource: endpoints and budgets from the settings, the sample chain without any."""

import dagster as dg

from core.clock import Clock
from core.errors import SettingError
from core.settings.base import revealed
from core.settings.ethereum import Ethereum
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.configured import ReadsSettings
from resources.in_force import origins
from resources.samples import sample_chain, sample_for


class EthereumNodeResource(ReadsSettings, dg.ConfigurableResource):
    """The chain behind ``ETHEREUM_PROVIDER_URI``; each field stands in for the setting of its name."""

    provider_uri: str | None = None
    provider_uri_archival: str | None = None
    tracer: str | None = None
    verify: str | None = None
    engine: str | None = None
    batch_size: int | None = None
    max_in_flight: int | None = None
    calls_per_second: float | None = None
    timeout: float | None = None

    def client(self) -> EthereumNode:
        """The node for blocks, receipts and token calls."""
        return self._node(self._uris())

    def archival_client(self) -> EthereumNode:
        """The node for traces."""
        return self._node(self._archival_uris())

    def tracer_name(self) -> str:
        """``parity`` or ``geth``.

        Raises:
            SettingError: when tracing is switched off.
        """
        tracer = self._settings().tracer
        if tracer == "off":
            raise SettingError("ETHEREUM_TRACER=off: the node cannot trace; set parity or geth to materialize traces.")
        return tracer

    def confirmations(self) -> int:
        """Blocks that make a day final where the node does not know finality."""
        return self._settings().confirmations

    def verify_mode(self) -> str:
        """``full``, ``roots`` or ``off``: what is proved of blocks before they are published."""
        return self._settings().verify

    def engine_name(self) -> str:
        """``native`` or ``ethereum-etl``."""
        return self._settings().engine

    def etl_uri(self, *, archival: bool = False) -> str:
        """The one address that ethereum-etl takes: the first of those configured."""
        return (self._archival_uris() if archival else self._uris()).split(",")[0].strip()

    def state_changes(self) -> list[str]:
        """Kinds of balance changes outside transactions to add to the traces."""
        names = self._settings().state_changes or ""
        return [name.strip() for name in names.split(",") if name.strip()]

    def in_force(self) -> dict[str, str]:
        """The node that is asked, without what may be a key, and how."""
        given, budget = self._settings(), self._budget()
        sample = sample_for(given.provider_uri, self.of_stage())
        node = "sandbox: the embedded sample chain" if sample else origins(self._uris())
        archival = revealed(given.provider_uri_archival)
        return {"Ethereum node": node} | ({"Ethereum node for traces": origins(archival)} if archival else {}) | {
            "Ethereum export": f"{given.engine}, verify {given.verify}, tracer {given.tracer}, at most "
            f"{budget.in_flight} requests of {budget.batch_size} calls at a time"
        }  # fmt: skip

    def _settings(self) -> Ethereum:
        return self.settings(Ethereum)

    def _uris(self) -> str:
        given = self._settings()
        if sample_for(given.provider_uri, self.of_stage()):
            return sample_chain()
        (uris,) = given.require("provider_uri")
        return str(uris.get_secret_value())

    def _archival_uris(self) -> str:
        return revealed(self._settings().provider_uri_archival) or self._uris()

    def _budget(self) -> Budget:
        given = self._settings()
        return Budget(
            batch_size=given.batch_size,
            in_flight=given.max_in_flight,
            per_second=given.calls_per_second,
            timeout=given.timeout,
        )

    def _node(self, uris: str) -> EthereumNode:
        return EthereumNode(uris, self._budget(), self._clock())

    def _clock(self) -> Clock:
        return Clock()
