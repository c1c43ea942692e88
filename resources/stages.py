"""Which resources serve the assets. Every stage has the same keys; settings, read at run time, tell the rest."""

from typing import Any

from resources.databridge import DatabridgeResource
from resources.dbt import dbt_resource
from resources.ethereum import EthereumNodeResource
from resources.ethereum_etl import EthereumEtlResource
from resources.exchanges import ExchangesResource
from resources.io_managers.lake import LakeIOManager
from resources.io_managers.objects import ObjectIOManager
from resources.io_managers.postgres import PostgresIOManager
from resources.io_managers.selected import WarehouseIOManager
from resources.markets import BlockchairResource, CoinGeckoResource
from resources.stacks import StacksObjectIOManager, StacksResource


def resources_for(stage: str) -> dict[str, Any]:
    """The resources of a stage, by the keys the assets ask for; the stage given is the one that holds."""
    return {
        "ethereum": EthereumNodeResource(stage=stage),
        "ethereum_etl": EthereumEtlResource(stage=stage),
        "lake": LakeIOManager(stage=stage),
        "objects": ObjectIOManager(stage=stage),
        "warehouse": WarehouseIOManager(stage=stage),
        "postgres": PostgresIOManager(stage=stage),
        "coingecko": CoinGeckoResource(stage=stage),
        "blockchair": BlockchairResource(stage=stage),
        "exchanges": ExchangesResource(stage=stage),
        "databridge": DatabridgeResource(stage=stage),
        "stacks": StacksResource(stage=stage),
        "stacks_objects": StacksObjectIOManager(stage=stage),
        "dbt": dbt_resource(),
    }
