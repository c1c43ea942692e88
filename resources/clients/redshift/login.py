"""Who connects to Redshift: a password, a secret of Secrets Manager, or temporary credentials for an IAM identity.

Whichever it is, the outcome is a user and a password, so that the loader and dbt log in alike.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import SettingError
from resources.clients.aws.failures import AWS_FAILURES, aws_failure
from resources.clients.aws.sdk import aws_client

# The longest that Redshift gives them for; a connection outlives them.
CREDENTIALS_SECONDS = 3600


@dataclass(frozen=True)
class Login:
    """A database user and its password."""

    user: str
    password: str = field(repr=False)


# Asked anew for each connection: temporary credentials end, and secrets are rotated.
LoginSource = Callable[[], Login]


def login_from_secret(secret: str, client: Any = None) -> Login:
    """The ``username`` and ``password`` of a secret, by name or ARN.

    Raises:
        SettingError: when it cannot be read or holds something else.
    """
    try:
        client = client or aws_client("secretsmanager")
        value = client.get_secret_value(SecretId=secret)["SecretString"]
    except AWS_FAILURES as error:
        what = f"Secrets Manager: cannot read {secret}"
        raise aws_failure(what, error, "Check REDSHIFT_SECRET and the right secretsmanager:GetSecretValue.") from error
    try:
        found = json.loads(value)
        return Login(found["username"], found["password"])
    except (ValueError, KeyError, TypeError):
        # Not the parser's error, which holds the text it could not read.
        raise SettingError(
            f"REDSHIFT_SECRET={secret!r}: the secret is not a JSON object with username and password, as Redshift's "
            "own secrets are."
        ) from None


def login_from_cluster(cluster: str, database: str, user: str | None, client: Any = None) -> Login:
    """Temporary credentials of a provisioned cluster, for a database user or for the one the IAM identity maps to."""
    asked: dict[str, Any] = {
        "ClusterIdentifier": cluster,
        "DbName": database,
        "DurationSeconds": CREDENTIALS_SECONDS,
    }
    try:
        client = client or aws_client("redshift")
        if user:
            answer = client.get_cluster_credentials(**asked, DbUser=user, AutoCreate=False)
        else:
            answer = client.get_cluster_credentials_with_iam(**asked)
    except AWS_FAILURES as error:
        what = f"Redshift: cluster {cluster} gives no credentials for {user or 'the IAM identity'} on {database}"
        raise aws_failure(
            what, error, "Check REDSHIFT_CLUSTER and the right redshift:GetClusterCredentials."
        ) from error
    return Login(answer["DbUser"], answer["DbPassword"])


def login_from_workgroup(workgroup: str, database: str, client: Any = None) -> Login:
    """Temporary credentials of a serverless workgroup, for the user that the IAM identity maps to."""
    try:
        client = client or aws_client("redshift-serverless")
        answer = client.get_credentials(workgroupName=workgroup, dbName=database, durationSeconds=CREDENTIALS_SECONDS)
    except AWS_FAILURES as error:
        what = f"Redshift: workgroup {workgroup} gives no credentials on {database}"
        remedy = "Check REDSHIFT_WORKGROUP and the right redshift-serverless:GetCredentials."
        raise aws_failure(what, error, remedy) from error
    return Login(answer["dbUser"], answer["dbPassword"])
