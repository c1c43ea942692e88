"""Redshift as the warehouse, loaded from the lake on S3."""

import os

import dagster as dg

from core import settings
from core.errors import SettingError
from resources.clients.lake.store_of_uri import store_for
from resources.clients.redshift.login import (
    Login,
    LoginSource,
    login_from_cluster,
    login_from_secret,
    login_from_workgroup,
)
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from resources.io_managers.warehouse import WarehouseReadsAndWrites, roles

_SOURCES = (
    settings.REDSHIFT_PASSWORD,
    settings.REDSHIFT_SECRET,
    settings.REDSHIFT_CLUSTER,
    settings.REDSHIFT_WORKGROUP,
)


class RedshiftIOManager(WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the cluster or serverless workgroup behind ``REDSHIFT_HOST``."""

    def warehouse(self) -> Redshift:
        """The plain client."""
        environ = os.environ
        store = store_for(settings.lake_uri_from(environ), settings.LAKE_KMS_KEY.read(environ))
        return Redshift(redshift_address(), store, settings.REDSHIFT_IAM_ROLE.require(environ), roles())


def redshift_address() -> RedshiftAddress:
    """Where the warehouse is and how to log in.

    Raises:
        SettingError: naming what is missing, or what contradicts itself.
    """
    environ = os.environ
    return RedshiftAddress(
        host=settings.REDSHIFT_HOST.require(environ),
        port=settings.REDSHIFT_PORT.integer(environ),
        database=settings.REDSHIFT_DATABASE.require(environ),
        sslmode=settings.REDSHIFT_SSLMODE.require(environ),
        serverless=settings.REDSHIFT_WORKGROUP.read(environ) is not None,
        login=_login(),
        dbt_login=_dbt_login(),
    )


def _login() -> LoginSource:
    environ = os.environ
    given = [source.name for source in _SOURCES if source.read(environ)]
    if len(given) != 1:
        raise SettingError(
            f"Redshift needs exactly one of {', '.join(source.name for source in _SOURCES)}, which say how to log in; "
            f"set {'are ' + ' and '.join(given) if given else 'is none'}."
        )
    database = settings.REDSHIFT_DATABASE.require(environ)
    if secret := settings.REDSHIFT_SECRET.read(environ):
        return lambda: login_from_secret(secret)
    if cluster := settings.REDSHIFT_CLUSTER.read(environ):
        return lambda: login_from_cluster(cluster, database, settings.REDSHIFT_USER.read(environ))
    if workgroup := settings.REDSHIFT_WORKGROUP.read(environ):
        return lambda: login_from_workgroup(workgroup, database)
    login = Login(settings.REDSHIFT_USER.require(environ), settings.REDSHIFT_PASSWORD.require(environ))
    return lambda: login


def _dbt_login() -> LoginSource | None:
    """dbt's own login, where it has one."""
    environ = os.environ
    user, cluster = settings.REDSHIFT_DBT_USER.read(environ), settings.REDSHIFT_CLUSTER.read(environ)
    if user is None:
        return None
    if cluster:
        return lambda: login_from_cluster(cluster, settings.REDSHIFT_DATABASE.require(environ), user)
    login = Login(user, settings.REDSHIFT_DBT_PASSWORD.require(environ))
    return lambda: login
