"""Redshift as the warehouse, loaded from the lake on S3."""

import dagster as dg

from core.settings.base import together
from core.settings.lake import Lake
from core.settings.redshift import Redshift as RedshiftSettings
from core.settings.warehouse import Warehouse as WarehouseSettings
from resources.clients.lake.store_of_uri import store_for
from resources.clients.redshift.warehouse import Redshift
from resources.configured import ReadsSettings
from resources.io_managers.warehouse import WarehouseReadsAndWrites, roles
from resources.redshift import redshift_address


class RedshiftIOManager(ReadsSettings, WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the cluster or serverless workgroup behind ``REDSHIFT_HOST``."""

    def warehouse(self) -> Redshift:
        """The plain client.

        Raises:
            SettingError: naming all that is missing or wrong.
        """
        given, lake, named = together(
            lambda: self.settings(RedshiftSettings),
            lambda: self.settings(Lake),
            lambda: roles(self.settings(WarehouseSettings)),
        )
        address, (role,), root = together(
            lambda: redshift_address(given),
            lambda: given.require("iam_role"),
            lambda: lake.root(self.of_stage()),
        )
        return Redshift(address, store_for(root, lake.kms_key), role, named)

    def in_force(self) -> dict[str, str]:
        """Where the warehouse is; no user, no password."""
        return {"Warehouse": f"redshift://{redshift_address(self.settings(RedshiftSettings))}"}
