"""The few lines of JSON-RPC that the recording needs."""

import json
from typing import Any

import urllib3


class RpcError(RuntimeError):
    """The node answered with a JSON-RPC error; `.error` is that object as it came."""

    def __init__(self, method: str, error: dict) -> None:
        super().__init__(f"{method}: {error.get('message')} (code {error.get('code')})")
        self.error = error


class Rpc:
    """One endpoint, asked one request at a time over a kept connection."""

    def __init__(self, uri: str, timeout: float = 60.0) -> None:
        self._uri = uri
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def response(self, method: str, *params: object) -> dict:
        """Ask, and return the answer's `{"result": ...}` or `{"error": {...}}`."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        body = json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        answer = self._pool.request("POST", self._uri, body=body, headers=headers).json()
        return {key: answer[key] for key in ("result", "error") if key in answer}

    def call(self, method: str, *params: object) -> Any:
        """Ask, and return the result.

        Raises:
            RpcError: the node answered with an error.
        """
        response = self.response(method, *params)
        if "error" in response:
            raise RpcError(method, response["error"])
        return response["result"]
