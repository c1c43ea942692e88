"""The real Ethereum client behind the sample chain: Foundry's anvil, from the npm registry.

Its flags make a chain that depends on nothing but the script: no clock (genesis at timestamp 0,
blocks only when asked for), fixed accounts, transactions mined in the order they were sent.
"""

import platform
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from sandbox.ethereum import npm
from sandbox.ethereum.rpc import Rpc

ANVIL_VERSION = "1.7.1"
CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNTS = 48

FLAGS = (
    *("--chain-id", str(CHAIN_ID)),
    *("--timestamp", "0"),
    *("--hardfork", "prague"),
    "--no-mining",
    *("--order", "fifo"),
    *("--mnemonic", MNEMONIC),
    *("--accounts", str(ACCOUNTS)),
    *("--balance", "10000"),
    *("--gas-limit", "30000000"),
    "--disable-default-create2-deployer",
    *("--host", "127.0.0.1"),
    "--quiet",
)

_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64",
}


class AnvilError(RuntimeError):
    """The client has no build for this platform, or did not come up."""


def binary(cache: Path | None = None) -> Path:
    """Return the client's program, installed from npm on first use.

    Raises:
        AnvilError: there is no build for this platform.
        npm.NpmError: npm is missing or failed.
    """
    system, machine = platform.system(), platform.machine()
    build = _PLATFORMS.get((system, machine))
    if build is None:
        known = ", ".join(" ".join(pair) for pair in _PLATFORMS)
        raise AnvilError(f"anvil has no npm build for {system} {machine}; it has for {known}")
    return npm.install(f"@foundry-rs/anvil-{build}", ANVIL_VERSION, cache) / "bin" / "anvil"


class Anvil:
    """A fresh client on a free loopback port, ended when the `with` block ends."""

    def __init__(self, cache: Path | None = None, timeout: float = 30.0) -> None:
        """Keep the npm cache's folder and how many seconds the client may take to answer."""
        self._cache = cache
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _stop
        self.uri = ""

    def __enter__(self) -> Self:
        program = binary(self._cache)
        port = _free_port()
        command = [str(program), "--port", str(port), *FLAGS]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._said)
        self.uri = f"http://127.0.0.1:{port}"
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        rpc = Rpc(self.uri, timeout=2.0)
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._said.seek(0)
                said = self._said.read().decode(errors="replace")[-1000:]
                raise AnvilError(f"anvil ended at once with code {process.returncode}: {said}")
            try:
                rpc.call("eth_chainId")
                return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.02)
        raise AnvilError(f"anvil did not answer at {self.uri} within {self._timeout:g} s")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._said.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
