"""Which of AWS's failures are tried again."""

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from core.errors import SettingError, TransientError
from resources.clients.aws.failures import aws_failure


def _said(code):
    return ClientError({"Error": {"Code": code, "Message": "so it is"}}, "GetObject")


@pytest.mark.parametrize(
    "error",
    [
        _said("AccessDenied"),
        _said("NoSuchBucket"),
        _said("PermanentRedirect"),
        _said("AuthorizationHeaderMalformed"),
        _said("InvalidBucketName"),
        exceptions.NoCredentialsError(),
        exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        exceptions.InvalidRegionError(region_name="eu central"),
        exceptions.ParamValidationError(report="Invalid bucket name"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_only_a_setting_mends_is_not_tried_again(error):
    told = aws_failure("Lake: cannot read s3://b/k", error, "Check LAKE_URI.")
    assert isinstance(told, SettingError)
    assert "Check LAKE_URI." in str(told)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "RequestTimeout", "ExpiredToken", "503"])
def test_what_passes_by_itself_is(code):
    assert isinstance(aws_failure("Lake: cannot read s3://b/k", _said(code), "Check LAKE_URI."), TransientError)
