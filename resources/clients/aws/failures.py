"""Failures of the AWS SDK as ours: told apart by whether trying again can help."""

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import HeadwaterError, SettingError, TransientError
from core.plain import one_line

AWS_FAILURES = (ClientError, BotoCoreError)

# What stays wrong until somebody changes a setting, a right or a resource.
_SETTINGS = {
    "403",
    "AccessControlListNotSupported",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationHeaderMalformed",
    "ClusterNotFound",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "InvalidClientTokenId",
    "InvalidRegionError",
    "KMS.DisabledException",
    "KMS.NotFoundException",
    "NoCredentialsError",
    "NoRegionError",
    "NoSuchBucket",
    "ParamValidationError",
    "PartialCredentialsError",
    "PermanentRedirect",
    "ResourceNotFoundException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "ValidationException",
}


def aws_failure(what: str, error: Exception, remedy: str) -> HeadwaterError:
    """The error to raise for one of the SDK's.

    what: the system, the operation and its subject, as the beginning of a sentence. remedy: what to check when it is
    a matter of settings.
    """
    message = f"{what}: {one_line(error, 500)}."
    return (
        SettingError(f"{message} {remedy}")
        if error_code(error) in _SETTINGS
        else TransientError(f"{message} Run again.")
    )


def error_code(error: Exception) -> str:
    """The service's name of the error, or the SDK's when no service spoke."""
    said = getattr(error, "response", None) or {}  # a connection's end has a response, too, which is None
    return said.get("Error", {}).get("Code", type(error).__name__)
