"""Redshift, and how to log in there."""

from typing import Literal

from core.settings.base import Port, Secret, Settings, Text, setting


class Redshift(Settings):
    """Redshift, and how to log in there."""

    host: Text | None = setting(
        "REDSHIFT_HOST",
        "Endpoint of the cluster or of the serverless workgroup.",
        "headwater.123456789012.eu-central-1.redshift-serverless.amazonaws.com",
    )
    port: Port = setting(
        "REDSHIFT_PORT",
        "Its port.",
        "5439",
        5439,
    )
    database: Text = setting(
        "REDSHIFT_DATABASE",
        "Database that the tables are in.",
        "headwater",
        "headwater",
    )
    user: Text | None = setting(
        "REDSHIFT_USER",
        "Database user that loads; with REDSHIFT_CLUSTER alone, the one that the IAM identity maps to when not set.",
        "headwater",
    )
    password: Secret | None = setting(
        "REDSHIFT_PASSWORD",
        "Its password. Instead of one: REDSHIFT_SECRET, REDSHIFT_CLUSTER or REDSHIFT_WORKGROUP.",
        "from-your-secret-store",
    )
    secret: Text | None = setting(
        "REDSHIFT_SECRET",
        "Secret of AWS Secrets Manager, by name or ARN, that holds username and password as JSON.",
        "headwater/redshift",
    )
    cluster: Text | None = setting(
        "REDSHIFT_CLUSTER",
        "Identifier of a provisioned cluster that gives temporary credentials to the IAM identity.",
        "headwater",
    )
    workgroup: Text | None = setting(
        "REDSHIFT_WORKGROUP",
        "Name of a serverless workgroup that gives temporary credentials to the IAM identity.",
        "headwater",
    )
    iam_role: Text | None = setting(
        "REDSHIFT_IAM_ROLE",
        "ARN of the IAM role that Redshift reads the lake with, or default for the one associated as default.",
        "arn:aws:iam::123456789012:role/headwater-copy",
    )
    sslmode: Literal["disable", "verify-ca", "verify-full"] = setting(
        "REDSHIFT_SSLMODE",
        "How the connection is secured: the server's certificate is verified, verify-full its name too; disable "
        "is for tests.",
        "verify-full",
        "verify-full",
    )
    dbt_user: Text | None = setting(
        "REDSHIFT_DBT_USER",
        "Database user that dbt builds with, where it is not the one that loads.",
        "headwater_dbt",
    )
    dbt_password: Secret | None = setting(
        "REDSHIFT_DBT_PASSWORD",
        "Its password; needs none with REDSHIFT_CLUSTER.",
        "from-your-secret-store",
    )
