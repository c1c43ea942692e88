"""A Knack app, an Airtable base and the city's geocoder on loopback, each as its API answers; headers are checked."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

APP, KEY = "sandbox-application", "sandbox-app-key"
# Knack gives at most so many records a page, whatever is asked for.
MOST = 1000

FIELDS = [
    {"key": "field_1", "label": "Class Name", "type": "short_text", "required": True},
    {"key": "field_2", "label": "Facility ID", "type": "connection", "required": False},
    {"key": "field_3", "label": "Starts At", "type": "date_time", "required": False},
    {"key": "field_4", "label": "Days (Open)", "type": "multiple_choice", "required": False},
    {"key": "field_5", "label": "Seats", "type": "number", "required": False},
    {"key": "field_6", "label": "Address", "type": "address", "required": False},
    {"key": "field_7", "label": "Active", "type": "boolean", "required": False},
]


def class_record(number: int) -> dict[str, Any]:
    """A record of the sandbox's classes."""
    return {
        "id": f"{number:024x}",
        "field_1": f"Class é {number}",
        "field_2_raw": [{"id": f"{number % 7:024x}", "identifier": "A facility"}],
        "field_3_raw": {
            "timestamp": f"{number % 12 + 1:02}/15/2024 05:30 pm",
            "iso_timestamp": "2024-01-15T17:30:00.000Z",
        },
        "field_4_raw": ["Monday", "Friday"],
        "field_5_raw": number,
        "field_6_raw": {"street": f"{number} Example St", "city": "Philadelphia"},
        "field_7_raw": number % 2 == 0,
    }


CLASSES = [class_record(number) for number in range(1, 41)]
SERVICES = [
    {
        "id": f"rec{number:014}",
        "createdTime": "2024-01-02T00:00:00.000Z",
        "fields": {"Name": f"Service {number}", "street_address": f"{number} Market St"}
        | ({"Languages": ["Español", "中文"]} if number % 2 else {}),
    }
    for number in range(1, 13)
]


class Apps:
    """One server for all three.

    objects: fields and records of Knack's, by object. answers: statuses, one each, for the next requests instead.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {"object_4": (FIELDS, CLASSES)}
        self.services = SERVICES
        self.answers: list[tuple[int, bytes]] = []
        self.requests: list[str] = []
        self.text_pages = False
        apps = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or a body waits 40 ms for its head to be acknowledged

            def do_GET(self) -> None:
                status, body = apps.answer(self.path, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        root = f"http://127.0.0.1:{self._server.server_port}"
        self.knack, self.airtable, self.ais = f"{root}/knack", f"{root}/airtable", f"{root}/ais"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body for a request."""
        self.requests.append(path)
        if self.answers:
            return self.answers.pop(0)
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        api, *rest = [unquote(part) for part in parts.path.strip("/").split("/")]
        status, document = getattr(self, f"_{api}")(rest, query, headers)
        return status, json.dumps(document).encode()

    def _knack(self, path: list[str], query: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        if (headers.get("X-Knack-Application-Id"), headers.get("X-Knack-REST-API-KEY")) != (APP, KEY):
            return 401, {"errors": ["Invalid API key"]}
        if path[1] not in self.objects:
            return 404, {"errors": ["Object not found"]}
        fields, records = self.objects[path[1]]
        if path[2] == "fields":
            return 200, {"fields": fields}
        size, page = min(int(query["rows_per_page"]), MOST), int(query["page"])
        pages = -(-len(records) // size)
        current = str(page) if self.text_pages else page
        found = records[(page - 1) * size : page * size]
        return 200, {"records": found, "current_page": current, "total_pages": pages, "total_records": len(records)}

    def _airtable(self, path: list[str], query: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {"error": {"type": "AUTHENTICATION_REQUIRED"}}
        if path != [APP, "immigrant_services"]:
            return 404, {"error": "NOT_FOUND"}
        start, size = int(query.get("offset", 0)), min(int(query["pageSize"]), 100)
        found = self.services[start : start + size]
        more = {"offset": str(start + size)} if start + size < len(self.services) else {}
        return 200, {"records": found, **more}

    def _ais(self, path: list[str], query: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        if query.get("gatekeeperKey") != KEY:
            return 403, {"message": "no key"}
        number = path[1].split(" ")[0]
        if not number.isdigit() or int(number) % 5 == 0:
            return 404, {"message": "Could not find addresses matching query."}
        point = [-75.16 - int(number) / 1000, 39.95]
        return 200, {"type": "FeatureCollection", "features": [{"geometry": {"type": "Point", "coordinates": point}}]}
