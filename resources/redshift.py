"""Where Redshift is and how to log in there, by the settings."""

from core.errors import SettingError
from core.settings.base import together
from core.settings.redshift import Redshift
from resources.clients.redshift.login import (
    Login,
    LoginSource,
    login_from_cluster,
    login_from_secret,
    login_from_workgroup,
)
from resources.clients.redshift.warehouse import RedshiftAddress

_SOURCES = ("password", "secret", "cluster", "workgroup")


def redshift_address(given: Redshift) -> RedshiftAddress:
    """Where the warehouse is and how to log in.

    Raises:
        SettingError: naming all that is missing, or contradicts itself.
    """
    (host,), login, dbt_login = together(
        lambda: given.require("host"), lambda: _login(given), lambda: _dbt_login(given)
    )
    return RedshiftAddress(
        host=host,
        port=given.port,
        database=given.database,
        sslmode=given.sslmode,
        serverless=given.workgroup is not None,
        login=login,
        dbt_login=dbt_login,
    )


def _login(given: Redshift) -> LoginSource:
    names = {source: f"REDSHIFT_{source.upper()}" for source in _SOURCES}
    found = [name for source, name in names.items() if getattr(given, source)]
    if len(found) != 1:
        raise SettingError(
            f"Redshift needs exactly one of {', '.join(names.values())}, which say how to log in; "
            f"set {'are ' + ' and '.join(found) if found else 'is none'}."
        )
    if secret := given.secret:
        return lambda: login_from_secret(secret)
    if cluster := given.cluster:
        return lambda: login_from_cluster(cluster, given.database, given.user)
    if workgroup := given.workgroup:
        return lambda: login_from_workgroup(workgroup, given.database)
    user, password = given.require("user", "password")
    login = Login(user, password.get_secret_value())
    return lambda: login


def _dbt_login(given: Redshift) -> LoginSource | None:
    """dbt's own login, where it has one."""
    user, cluster = given.dbt_user, given.cluster
    if user is None:
        return None
    if cluster:
        return lambda: login_from_cluster(cluster, given.database, user)
    (password,) = given.require("dbt_password")
    login = Login(user, password.get_secret_value())
    return lambda: login
