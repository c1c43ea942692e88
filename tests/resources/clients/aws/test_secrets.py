"""Secrets over moto's Secrets Manager: text and bytes, what is missing named, no value in any message."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber
from moto import mock_aws

from core.errors import PermanentError, SettingError, SourceUnavailable
from core.secrecy import hidden
from resources.clients.aws.secrets import SecretsManager, need


@pytest.fixture
def client(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def put(client, value):
    name, kind = f"secret-{uuid.uuid4().hex}", "SecretBinary" if isinstance(value, bytes) else "SecretString"
    client.create_secret(Name=name, **{kind: value})
    return name


@pytest.mark.parametrize("binary", [False, True])
def test_values_are_read_as_they_are_and_kept_out_of_messages(client, binary):
    text = json.dumps({"username": "etl", "password": "p$`a'b\" c-very-secret", "port": 1521})
    values = SecretsManager(client).read(put(client, text.encode() if binary else text))
    assert values == {"username": "etl", "password": "p$`a'b\" c-very-secret", "port": "1521"}
    assert "very-secret" not in hidden("login with p$`a'b\" c-very-secret failed")


def test_a_rotated_secret_is_read_anew(client):
    secrets, name = SecretsManager(client), put(client, '{"api_key": "first-key-of-it"}')
    assert secrets.read(name)["api_key"] == "first-key-of-it"
    client.put_secret_value(SecretId=name, SecretString='{"api_key": "second-key-of-it"}')
    assert secrets.read(name)["api_key"] == "second-key-of-it"


def test_what_is_missing_is_named(client):
    with pytest.raises(PermanentError, match="'nothing-there' cannot be read"):
        SecretsManager(client).read("nothing-there")
    values = SecretsManager(client).read(put(client, '{"username": "etl", "password": ""}'))
    with pytest.raises(PermanentError, match="'databridge' has no 'password'"):
        need(values, "databridge", "username", "password")


@pytest.mark.parametrize("value", ["no json of a password", "[1]", "3", "[" * 50_000, b"\xff\xfe", "x" * 65_000])
def test_what_is_no_object_is_refused_without_being_said(client, value):
    with pytest.raises(PermanentError, match="no JSON object") as refused:
        SecretsManager(client).read(put(client, value))
    assert "no json of a password" not in str(refused.value)


def test_a_service_that_is_away_is_tried_again(client, monkeypatch):
    def down(**_):
        from botocore.exceptions import EndpointConnectionError

        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(client, "get_secret_value", down)
    with pytest.raises(SourceUnavailable):
        SecretsManager(client).read("any")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InternalServiceError", 500, SourceUnavailable),
        ("InternalFailure", 500, SourceUnavailable),
        ("ServiceUnavailableException", 503, SourceUnavailable),
        ("ThrottlingException", 400, SourceUnavailable),
        ("TooManyRequestsException", 400, SourceUnavailable),
        ("AccessDeniedException", 400, PermanentError),
        ("InvalidRequestException", 400, PermanentError),
    ],
)
def test_what_the_service_is_to_blame_for_may_pass(client, code, status, kind):
    with Stubber(client) as answers:
        answers.add_client_error("get_secret_value", code, http_status_code=status)
        with pytest.raises(kind, match=f"'any' cannot be read .{code}.") as failed:
            SecretsManager(client).read("any")
    assert ("Run again" in str(failed.value)) == (kind is SourceUnavailable)


def test_without_credentials_the_remedy_is_not_to_try_again(client, monkeypatch):
    def refused(**_):
        raise NoCredentialsError

    monkeypatch.setattr(client, "get_secret_value", refused)
    with pytest.raises(SettingError, match=r"'any'.*Unable to locate credentials.*Check the role or credentials"):
        SecretsManager(client).read("any")
