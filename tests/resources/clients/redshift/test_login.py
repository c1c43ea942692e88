"""Who connects to Redshift, by Secrets Manager and Redshift's own temporary credentials (moto, and the SDK's stubs)."""

import json

import boto3
import pytest
from botocore.stub import Stubber

from core.errors import SettingError, TransientError
from core.settings.redshift import Redshift
from resources.clients.redshift.login import login_from_cluster, login_from_secret, login_from_workgroup
from resources.io_managers.redshift import RedshiftIOManager
from resources.redshift import redshift_address


@pytest.fixture
def aws(s3_endpoint, s3_bucket, redshift, monkeypatch):
    """Every AWS service at moto's server, and a warehouse's settings without a way to log in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    for name, value in {
        "REDSHIFT_HOST": redshift.host,
        "REDSHIFT_PORT": str(redshift.port),
        "REDSHIFT_DATABASE": redshift.database,
        "REDSHIFT_IAM_ROLE": "default",
        "LAKE_URI": f"s3://{s3_bucket}/headwater",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def secret(aws):
    """Stores a secret of the test's own; its name."""
    client, names = boto3.client("secretsmanager"), []

    def put(value):
        names.append(f"redshift-{len(names)}-{id(names)}")
        client.create_secret(Name=names[-1], SecretString=value)
        return names[-1]

    yield put
    for name in names:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def cluster(aws):
    client = boto3.client("redshift")
    client.create_cluster(
        ClusterIdentifier="headwater", NodeType="ra3.large", MasterUsername="admin", MasterUserPassword="Admin-secret-1"
    )
    yield "headwater"
    client.delete_cluster(ClusterIdentifier="headwater", SkipFinalClusterSnapshot=True)


def _connects():
    return RedshiftIOManager().warehouse().query("SELECT current_user AS who").to_pylist()[0]["who"]


def test_a_secret_logs_in(secret, redshift, monkeypatch):
    value = json.dumps({"username": redshift.user, "password": redshift.password, "host": "of no interest"})
    monkeypatch.setenv("REDSHIFT_SECRET", secret(value))
    assert _connects() == redshift.user


def test_a_rotated_secret_is_read_anew_for_each_connection(secret, redshift, monkeypatch):
    name = secret(json.dumps({"username": redshift.user, "password": "Old-secret-1"}))
    monkeypatch.setenv("REDSHIFT_SECRET", name)
    warehouse = RedshiftIOManager().warehouse()
    with pytest.raises(SettingError, match="refuses the login"):
        warehouse.query("SELECT 1 AS one")
    rotated = json.dumps({"username": redshift.user, "password": redshift.password})
    boto3.client("secretsmanager").put_secret_value(SecretId=name, SecretString=rotated)
    assert warehouse.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.mark.parametrize(
    "value", ["Plain-secret-1", '{"user": "x", "password": "Plain-secret-1"}', '["Plain-secret-1"]']
)
def test_another_secret_is_refused_without_being_shown(secret, value):
    with pytest.raises(SettingError, match="REDSHIFT_SECRET='redshift-.*username and password") as failed:
        login_from_secret(secret(value))
    assert "Plain-secret-1" not in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.usefixtures("aws")
def test_a_secret_that_is_not_there_is_a_setting():
    with pytest.raises(SettingError, match="cannot read nowhere.*REDSHIFT_SECRET"):
        login_from_secret("nowhere")


def test_a_cluster_gives_credentials_to_the_loader_and_to_dbt(cluster, redshift, monkeypatch):
    monkeypatch.setenv("REDSHIFT_CLUSTER", cluster)
    monkeypatch.setenv("REDSHIFT_USER", redshift.user)
    assert _connects() == redshift.user
    monkeypatch.setenv("REDSHIFT_DBT_USER", "dbt")
    told = RedshiftIOManager().warehouse().dbt_environment()
    assert told["REDSHIFT_DBT_USER"] == "IAM:dbt"
    assert told["REDSHIFT_DBT_PASSWORD"]


@pytest.mark.usefixtures("aws")
def test_a_cluster_that_is_not_there_is_a_setting():
    with pytest.raises(SettingError, match="cluster nowhere gives no credentials for loader.*REDSHIFT_CLUSTER"):
        login_from_cluster("nowhere", "headwater", "loader")


def _stubbed(service, operation, answer, asked):
    client = boto3.client(service, region_name="eu-central-1")
    stubber = Stubber(client)
    stubber.add_response(operation, answer, asked)
    stubber.activate()
    return client


def test_a_cluster_gives_credentials_to_the_iam_identity():
    asked = {"ClusterIdentifier": "headwater", "DbName": "db", "DurationSeconds": 3600}
    answer = {"DbUser": "IAMR:task", "DbPassword": "Temporary-1"}
    client = _stubbed("redshift", "get_cluster_credentials_with_iam", answer, asked)
    login = login_from_cluster("headwater", "db", None, client)
    assert (login.user, login.password) == ("IAMR:task", "Temporary-1")
    assert "Temporary-1" not in repr(login)


def test_a_workgroup_gives_credentials_to_the_iam_identity():
    asked = {"workgroupName": "headwater", "dbName": "db", "durationSeconds": 3600}
    answer = {"dbUser": "IAMR:task", "dbPassword": "Temporary-1"}
    client = _stubbed("redshift-serverless", "get_credentials", answer, asked)
    login = login_from_workgroup("headwater", "db", client)
    assert (login.user, login.password) == ("IAMR:task", "Temporary-1")


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDeniedException", SettingError), ("ThrottlingException", TransientError)]
)
def test_refusals_are_told_from_trouble(code, kind):
    client = boto3.client("redshift-serverless", region_name="eu-central-1")
    stubber = Stubber(client)
    stubber.add_client_error("get_credentials", code, "No.")
    stubber.activate()
    with pytest.raises(kind, match="workgroup headwater gives no credentials on db"):
        login_from_workgroup("headwater", "db", client)


def test_a_workgroup_is_serverless(aws, redshift, monkeypatch):
    monkeypatch.setenv("REDSHIFT_WORKGROUP", "headwater")
    assert redshift_address(Redshift.read()).serverless
    monkeypatch.delenv("REDSHIFT_WORKGROUP")
    monkeypatch.setenv("REDSHIFT_PASSWORD", redshift.password)
    monkeypatch.setenv("REDSHIFT_USER", redshift.user)
    assert not redshift_address(Redshift.read()).serverless
