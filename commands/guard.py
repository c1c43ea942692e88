"""What the web server refuses before Dagster sees it: what a foreign page in an operator's browser can send.

Dagster's web server takes any request from anywhere: a query in an address, a form, a WebSocket of another site. A
page that is open in the same browser could start and stop runs with it. This is the table of docs/deploying.md, for
HTTP and WebSockets, in the server's own process, so that every way in has it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# What a load balancer's health check asks, by the container's address; it tells a version and changes nothing.
HEALTH = "/server_info"
# The paths that act on what is posted to them; a link never opens these.
ACTING = re.compile(r"/graphql|/report_")
JSON = re.compile(r"application/json *(;|$)", re.IGNORECASE)
# What the UI says in the address of what it posts, for who reads logs; Dagster takes nothing from it.
OPERATION = re.compile(rb"op=[A-Za-z0-9_]*")
REASONS = {
    403: "The request comes from another site.",
    405: "Queries are posted, or sent over a WebSocket.",
    415: "Only application/json is taken.",
    421: "This host is not served; HEADWATER_URL names the one that is.",
}


class Guard:
    """The table as ASGI middleware. hosts: names that people open, without ports, besides those of the loopback."""

    def __init__(self, app: App, hosts: Iterable[str] = ()):
        self._app, self._hosts = app, {*LOOPBACK, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if status is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": REASONS[status]})  # answered as HTTP 403
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": REASONS[status].encode()})

    def _refusal(self, scope: Scope) -> int | None:
        """The status to answer with; None for what is passed on."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method, path, is_socket = scope.get("method", "GET"), scope["path"], scope["type"] == "websocket"
        host = headers.get("host", "").lower()
        if _name(host) not in self._hosts and not (path == HEALTH and method == "GET"):
            return 421
        if _foreign_origin(headers, host, required=is_socket) or _foreign_site(headers, method, path):
            return 403
        if method in ("POST", "PUT", "PATCH", "DELETE") and not JSON.match(headers.get("content-type", "")):
            return 415
        if path.rstrip("/").endswith("/graphql"):
            return _refusal_of_graphql(scope, method, is_socket)
        return None


def _foreign_origin(headers: MutableMapping[str, str], host: str, *, required: bool) -> bool:
    """Whether the page that sends this is of another origin than the host it is sent to."""
    origin = headers.get("origin")
    if origin is None:
        return required  # a browser always names it when it opens a WebSocket
    own = {f"https://{host}", *([f"http://{host}"] if _name(host) in LOOPBACK else [])}
    return origin.lower() not in own


def _foreign_site(headers: MutableMapping[str, str], method: str, path: str) -> bool:
    """Whether the browser says that another site asks, unless that only opens a page here."""
    if headers.get("sec-fetch-site", "none").lower() in ("none", "same-origin"):
        return False
    opens = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return not (method == "GET" and opens and not ACTING.search(path))


def _refusal_of_graphql(scope: Scope, method: str, is_socket: bool) -> int | None:
    if not is_socket and method != "POST":
        return 405
    query = scope.get("query_string")
    return 405 if query and (is_socket or not OPERATION.fullmatch(query)) else None


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    return re.sub(r":\d*$", "", host)


def host_of(url: str | None) -> tuple[str, ...]:
    """The name in the address that people open, if there is one."""
    host = urlsplit(url).hostname if url else None
    return (f"[{host}]" if host and ":" in host else host,) if host else ()
