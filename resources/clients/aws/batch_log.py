"""What a Batch job prints, from CloudWatch Logs, read on from where the last reading ended."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class JobLog:
    """One log stream, which need not be there yet. client: boto3's for CloudWatch Logs."""

    def __init__(self, client: Any, group: str, stream: str):
        self._client, self._where = client, {"logGroupName": group, "logStreamName": stream}
        self._token: str | None = None

    def new_lines(self) -> Iterator[str]:
        """Lines that have arrived since the last call. What can not be read now comes with a later call."""
        while True:
            following: dict[str, Any] = {"nextToken": self._token} if self._token else {"startFromHead": True}
            try:
                page = self._client.get_log_events(**self._where, **following)
            except (ClientError, BotoCoreError):
                return  # not made yet, or throttled: the job's end does not depend on its log
            for event in page["events"]:
                yield from event["message"].splitlines()
            # The stream's end, for now, answers with the token that was sent.
            if page["nextForwardToken"] == self._token:
                return
            self._token = page["nextForwardToken"]
