"""CloudFront, told which objects have changed, so that it fetches these anew and no others."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from resources.clients.aws.failures import AWS_FAILURES, aws_failure
from resources.clients.aws.sdk import aws_client


class Cdn:
    """One distribution. client: boto3's for CloudFront."""

    def __init__(self, distribution: str, client: Any = None):
        self.distribution = distribution
        # The service has one region; the SDK asks for one all the same.
        self._client = client or aws_client("cloudfront", region_name="us-east-1")

    def __str__(self) -> str:
        return f"CloudFront {self.distribution}"

    def invalidate(self, keys: Sequence[str], reference: str) -> str:
        """Have the objects of these keys fetched anew. The invalidation's id.

        reference: what the request goes by; CloudFront answers a second one of the same with the first one's id.

        Raises:
            SettingError: when there is no such distribution, or the credentials may not do it.
            TransientError: when CloudFront does not answer, or has too many under way.
        """
        paths = [f"/{quote(key)}" for key in sorted(keys)]
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
        try:
            answer = self._client.create_invalidation(DistributionId=self.distribution, InvalidationBatch=batch)
        except AWS_FAILURES as error:
            remedy = "Check STACKS_CDN_DISTRIBUTION and the credentials' right to cloudfront:CreateInvalidation."
            raise aws_failure(f"{self}: cannot invalidate {', '.join(paths[:5])}", error, remedy) from error
        return str(answer["Invalidation"]["Id"])
