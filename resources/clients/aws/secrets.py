"""Secrets as Secrets Manager holds them: JSON objects, read when a run needs them, so that rotation is seen."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import PermanentError, SettingError, SourceUnavailable
from core.secrecy import keep_secret
from resources.clients.aws.failures import aws_failure, error_code

LONGEST = 1 << 16
SERVER_ERROR = 500
# What the service says, with a status of 400, when it is not to blame on the request.
_LATER = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "RequestTimeout")


class Secrets(Protocol):
    """Where secrets are, by name."""

    def read(self, name: str) -> Mapping[str, str]: ...


class SecretsManager:
    """AWS' own. client: boto3's for it."""

    def __init__(self, client: Any):
        self._client = client

    def read(self, name: str) -> Mapping[str, str]:
        """The values of a secret; they are kept out of messages from now on.

        Raises:
            PermanentError: when there is no such secret, it is no JSON object, or nobody may ask.
            SourceUnavailable: when there is no answer for now.
        """
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except ClientError as error:
            code = error_code(error)
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            subject = f"Secrets Manager: the secret {name!r} cannot be read ({code})"
            if status >= SERVER_ERROR or code in _LATER:
                raise SourceUnavailable(f"{subject}. Run again.") from None
            raise PermanentError(f"{subject}. Check that it is there and that the task's role may read it.") from None
        except BotoCoreError as error:
            remedy = "Check the role or credentials of whoever runs this."
            failure = aws_failure(f"Secrets Manager: no answer for {name!r}", error, remedy)
            raise failure if isinstance(failure, SettingError) else SourceUnavailable(str(failure)) from None
        data = answer["SecretString"].encode() if "SecretString" in answer else answer.get("SecretBinary", b"")
        try:
            if len(data) > LONGEST:
                raise ValueError("too long")
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise PermanentError(f"Secrets Manager: the secret {name!r} is no JSON object. Store it as key and value.")
        values = {str(key): str(value) for key, value in found.items()}
        keep_secret(*(value for key, value in values.items() if key not in ("host", "port", "username", "sid")))
        return values


def need(values: Mapping[str, str], name: str, *keys: str) -> list[str]:
    """The values of these keys.

    Raises:
        PermanentError: naming the secret and the key that is missing.
    """
    for key in keys:
        if not values.get(key):
            raise PermanentError(f"Secrets Manager: the secret {name!r} has no {key!r}. Add the key.")
    return [values[key] for key in keys]
