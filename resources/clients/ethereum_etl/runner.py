"""Runs commands of ethereum-etl inside its own environment, and tells the Dagster run of it through Pipes.

Started by ``resources/ethereum_etl.py`` with that environment's Python; imports nothing of ours. What ethereum-etl
logs, its progress among it, goes into the run's log. A command that fails is told of by a message, in its own words.
"""

import logging
import os
import re
import sys
from typing import Any
from urllib.parse import urlsplit

# What is shorter is part of too many innocent words.
SHORTEST = 8
# What stands in a command for the node's address, which may hold a key and goes no way that others can read.
PROVIDER, PROVIDER_VARIABLE = "{provider}", "ETHEREUM_ETL_PROVIDER_URI"


class _IntoTheRun(logging.Handler):
    def __init__(self, log: logging.Logger):
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on, at its level."""
        self._log.log(record.levelno, "ethereum-etl: %s", _without_address(record.getMessage()))


def _without_address(text: str) -> str:
    """The text without what in the node's address may be a key: libraries tell of its path alone, too."""
    uri = os.environ[PROVIDER_VARIABLE]
    parts = urlsplit(uri)
    path = uri.partition(parts.netloc)[2]
    secrets = (uri, path, *re.split(r"[/?&=]", path), parts.netloc.rpartition("@")[0], parts.password)
    for secret in sorted((part for part in secrets if part and len(part) >= SHORTEST), key=len, reverse=True):
        text = text.replace(secret, PROVIDER if secret == uri else "***")
    return text


class _Quiet:
    """Standard output or error without the node's address: tracebacks are printed, not logged."""

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, without the address."""
        self._stream.write(_without_address(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def main() -> None:
    """Run the commands that the run passes, up to the first that fails."""
    # Before ethereum-etl's own logging takes hold of them.
    sys.stdout, sys.stderr = _Quiet(sys.stdout), _Quiet(sys.stderr)
    # Both are there, in ethereum-etl's environment only.
    from dagster_pipes import open_dagster_pipes  # noqa: PLC0415
    from ethereumetl.cli import cli  # noqa: PLC0415

    with open_dagster_pipes() as pipes:
        logging.getLogger().addHandler(_IntoTheRun(pipes.log))
        commands: list[list[str]] = pipes.get_extra("commands")
        for words in commands:
            problem = _run(cli, words)
            if problem:
                pipes.report_custom_message({"failed": words[0], "problem": problem})
                return


def _run(cli: Any, words: list[str]) -> str | None:
    """What went wrong, if something did."""
    try:
        cli.main([word.replace(PROVIDER, os.environ[PROVIDER_VARIABLE]) for word in words], standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is told
        return _without_address(f"{type(error).__name__}: {error}")
    return None


if __name__ == "__main__":
    main()
