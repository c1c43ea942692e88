"""A command that a process with dbt already imported runs: started as dbt itself is, with the server's socket before
dbt's arguments. Arguments, environment, directory and outputs go there, signals follow, and its end is this one's."""

import json
import os
import select
import signal
import socket
import struct
import sys


def main(address: str, arguments: list[str]) -> int:
    """The command's exit code; of one that a signal ended, the signal's number, negative."""
    told = {"arguments": arguments, "environment": dict(os.environ), "directory": os.getcwd()}  # noqa: PTH109
    asked = json.dumps(told).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [struct.pack("!I", len(asked))], [0, 1, 2])
        server.sendall(asked)
        # Python's own handler may have to wait for what is under way; the interpreter writes numbers at once.
        server.setblocking(False)
        signal.set_wakeup_fd(server.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        select.select([server], [], [])
        ended = server.recv(4)
    return struct.unpack("!i", ended)[0] if ended else 1


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
