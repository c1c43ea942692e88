"""The Ethereum node as a resource: endpoints and budgets from the settings, the sample chain without any."""

import os
from functools import cache

import dagster as dg

from core import settings
from core.clock import Clock
from core.errors import SettingError
from resources.clients.ethereum.node import Budget, EthereumNode


class EthereumNodeResource(dg.ConfigurableResource):
    """The chain behind ``ETHEREUM_PROVIDER_URI``; each field overrides the setting of its name, for tests."""

    provider_uri: str | None = None
    provider_uri_archival: str | None = None
    tracer: str | None = None
    verify: str | None = None
    engine: str | None = None

    def client(self) -> EthereumNode:
        """The node for blocks, receipts and token calls."""
        return self._node(self._uris())

    def archival_client(self) -> EthereumNode:
        """The node for traces."""
        archival = self.provider_uri_archival or settings.ETHEREUM_PROVIDER_URI_ARCHIVAL.read(os.environ)
        return self._node(archival or self._uris())

    def tracer_name(self) -> str:
        """``parity`` or ``geth``.

        Raises:
            SettingError: when tracing is switched off.
        """
        tracer = self.tracer or settings.ETHEREUM_TRACER.require(os.environ)
        if tracer == "off":
            raise SettingError("ETHEREUM_TRACER=off: the node cannot trace; set parity or geth to materialize traces.")
        return tracer

    def confirmations(self) -> int:
        """Blocks that make a day final where the node does not know finality."""
        return settings.ETHEREUM_CONFIRMATIONS.integer(os.environ, least=0)

    def verify_mode(self) -> str:
        """``full`` or ``off``: whether blocks are proved against their headers before they are published."""
        return self.verify or settings.ETHEREUM_VERIFY.require(os.environ)

    def engine_name(self) -> str:
        """``native`` or ``ethereum-etl``."""
        return self.engine or settings.ETHEREUM_ENGINE.require(os.environ)

    def etl_uri(self, *, archival: bool = False) -> str:
        """The one address that ethereum-etl takes: the first of those configured."""
        other = self.provider_uri_archival or settings.ETHEREUM_PROVIDER_URI_ARCHIVAL.read(os.environ)
        return ((other if archival else None) or self._uris()).split(",")[0].strip()

    def state_changes(self) -> list[str]:
        """Kinds of balance changes outside transactions to add to the traces."""
        names = settings.ETHEREUM_STATE_CHANGES.read(os.environ) or ""
        return [name.strip() for name in names.split(",") if name.strip()]

    def _uris(self) -> str:
        uris = self.provider_uri or settings.ETHEREUM_PROVIDER_URI.read(os.environ)
        if uris:
            return uris
        if settings.stage_from(os.environ) == "local":
            return _sample_chain()
        return settings.ETHEREUM_PROVIDER_URI.require(os.environ)

    def _node(self, uris: str) -> EthereumNode:
        return EthereumNode(
            uris,
            Budget(
                batch_size=settings.ETHEREUM_BATCH_SIZE.integer(os.environ),
                in_flight=settings.ETHEREUM_MAX_IN_FLIGHT.integer(os.environ),
                per_second=settings.ETHEREUM_CALLS_PER_SECOND.number(os.environ, least=0.01),
                timeout=settings.ETHEREUM_TIMEOUT.number(os.environ, least=1) or 60,
            ),
            self._clock(),
        )

    def _clock(self) -> Clock:
        return Clock()


@cache
def _sample_chain() -> str:
    """Serves the embedded sample chain from this process, once."""
    from sandbox.ethereum.node import SandboxNode  # noqa: PLC0415 - its recorded answers are not loaded for a real node

    node = SandboxNode()
    node.start()
    return node.uri
