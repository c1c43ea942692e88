"""A server that refuses everything and repeats what it was sent, secrets included, as some gateways do."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EchoServer:
    def __init__(self, status: int):
        class Handler(BaseHTTPRequestHandler):
            def _refuse(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = f"{status} for {self.requestline} {self.headers}".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self._refuse()

            def do_POST(self):
                self._refuse()

            def log_message(self, format, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
