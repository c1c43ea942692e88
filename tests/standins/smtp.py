"""A small SMTP server: takes mail, or refuses it as real servers do, or says nothing at all."""

import base64
import socketserver
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True)
class Received:
    """One message as it arrived. login: who signed in, and with what. encrypted: over TLS."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    login: tuple[str, str] | None
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)


class Smtp:
    """tls: offers STARTTLS with it.

    ``received``: what it took. ``refuses``: a part of the commands that it refuses. ``silent``: it greets nobody.
    """

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.tls, self.refuses, self.silent = tls, None, False
        self.received: list[Received] = []
        self.commands: list[str] = []
        self.over = threading.Event()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            smtp = self

        self._server = Server(("127.0.0.1", 0), _Session)
        self.host, self.port = self._server.server_address
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.smtp = self.server.smtp
        self.encrypted, self.login, self.sender, self.recipients = False, None, "", []
        if self.smtp.silent:
            self.smtp.over.wait()
        else:
            self._talk()

    def _talk(self):
        self._say("220 sink ready")
        while line := self.rfile.readline().decode().strip():
            self.smtp.commands.append(line)
            word, _, rest = line.partition(" ")
            if self.smtp.refuses and self.smtp.refuses.lower() in line.lower():
                self._say(f"550 no: {line}")  # as some servers do, it repeats what it was sent
            else:
                getattr(self, f"_{word.lower()}")(rest)
                if word.upper() == "QUIT":
                    break

    def _say(self, *lines):
        for index, line in enumerate(lines):
            code, _, text = line.partition(" ")
            self.wfile.write(f"{code}{' ' if index == len(lines) - 1 else '-'}{text}\r\n".encode())

    def _ehlo(self, name):
        starttls = ["250 STARTTLS"] if self.smtp.tls and not self.encrypted else []
        self._say("250 sink", *starttls, "250 AUTH PLAIN")

    def _starttls(self, _):
        self._say("220 go on")
        self.connection = self.smtp.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True

    def _auth(self, rest):
        kind, _, answer = rest.partition(" ")
        assert kind == "PLAIN"
        _, user, password = base64.b64decode(answer).decode().split("\0")
        self.login = user, password
        self._say("235 welcome")

    def _mail(self, rest):
        self.sender, self.recipients = _address(rest), []
        self._say("250 ok")

    def _rcpt(self, rest):
        self.recipients.append(_address(rest))
        self._say("250 ok")

    def _quit(self, _):
        self._say("221 bye")

    def _rset(self, _):
        self._say("250 ok")

    def _data(self, _):
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.smtp.received.append(
            Received(self.sender, tuple(self.recipients), b"".join(lines), self.login, self.encrypted)
        )
        self._say("250 taken")


def _address(rest):
    return rest.partition("<")[2].partition(">")[0]
