"""A chat's HTTP end: Slack's webhook and Telegram's Bot API alike take a JSON document by POST."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Chat:
    """``told``: path and document of each request. ``status``: what it answers; None: nothing, while it is open."""

    def __init__(self):
        self.told, self.status = [], 200
        self._over = over = threading.Event()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/json"
                chat.told.append((self.path, json.loads(body)))
                if chat.status is None:
                    over.wait()
                    return
                # As some gateways do, it repeats what it was sent.
                said = b"" if chat.status < 300 else f"{self.requestline} {body.decode()}".encode()
                self.send_response(chat.status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
