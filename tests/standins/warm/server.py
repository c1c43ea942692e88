"""Python with what a program imports already there, forked for each program: of the 5 to 7 CPU-seconds that one of
Dagster's or dbt's takes to do nothing, all but a fifth of one go into that.

Started as a program: a listening socket's number, ``dagster`` or ``dbt``, the project, the interpreter that programs
are to take for theirs. It imports nothing before it is first asked, and ends with its standard input.
"""

import multiprocessing
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from preparing import prepare
from program import become, received


@dataclass
class Program:
    """One under way. worker: its process, the leader of a session. end: tells of its end. group, leads: the process
    group of who asked for it, and whether that one leads it. told: the signals sent to the program's own group."""

    asking: socket.socket
    worker: int
    end: int
    group: int
    leads: bool
    told: set[int] = field(default_factory=set)
    code: bytes = b""


class Server:
    """Programs, by their processes."""

    def __init__(self, listening: socket.socket, kind: str, project: Path):
        self._listening, self._kind, self._project = listening, kind, project
        self._events = selectors.DefaultSelector()
        self._is_ready = False
        self._programs: dict[int, Program] = {}

    def serve(self) -> None:
        """Answer until the standard input ends; no program outlives that."""
        self._events.register(self._listening, selectors.EVENT_READ, self._start)
        self._events.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            lingering = [program for program in self._programs.values() if program.code]
            for key, _ in self._events.select(0.05 if lingering else None):
                if key.data is None:
                    for worker in self._programs:
                        _send(worker, signal.SIGKILL)
                    return
                if self._events.get_map().get(key.fd) == key:  # what went before may have closed it
                    key.data()
            for program in lingering:
                self._tell_end(program)

    def _start(self) -> None:
        asking, _ = self._listening.accept()
        told, descriptors = received(asking)
        if not told:
            asking.close()
            return
        if not self._is_ready:
            prepare(self._kind, self._project)
            self._is_ready = True
        worker = os.fork()
        if worker == 0:
            self._close(asking)
            become(told, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        program = Program(asking, worker, os.pidfd_open(worker), told["group"], told["leads"])
        self._programs[worker] = program
        self._events.register(asking, selectors.EVENT_READ, lambda: self._hand_on(program))
        self._events.register(program.end, selectors.EVENT_READ, lambda: self._bury(program))

    def _close(self, asking: socket.socket) -> None:
        """Nothing of the server is open in a program; what Python still holds must not close another's file later."""
        for program in self._programs.values():
            program.asking.close()
        asking.close()
        self._listening.close()
        self._events.close()

    def _hand_on(self, program: Program) -> None:
        """A signal, or SIGKILL when who asked is gone. One sent to a group reaches the groups below it, too."""
        number = (program.asking.recv(1) or [signal.SIGKILL])[0]
        if number == signal.SIGKILL:
            self._events.unregister(program.asking)
        above = self._programs.get(program.group)
        is_meant = program.leads or (above is not None and number in above.told)
        if is_meant:
            program.told.add(number)
        # One that has only just been forked has no group yet.
        if not (is_meant and _send(program.worker, number)) and not program.code:
            os.kill(program.worker, number)

    def _bury(self, program: Program) -> None:
        program.code = os.waitstatus_to_exitcode(os.waitpid(program.worker, 0)[1]).to_bytes(4, "big", signed=True)
        self._events.unregister(program.end)
        os.close(program.end)
        self._tell_end(program)

    def _tell_end(self, program: Program) -> None:
        """A program that was ended as a group has ended with the last of the group."""
        if program.told and _send(program.worker, 0):
            return
        with suppress(KeyError):
            self._events.unregister(program.asking)
        with suppress(OSError):
            program.asking.send(program.code)
        program.asking.close()
        del self._programs[program.worker]


def _send(group: int, number: int) -> bool:
    """A signal to a process group; whether it is there."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    number, kind, project, sys.executable = sys.argv[1:]
    multiprocessing.set_executable(sys.executable)
    Server(socket.socket(fileno=int(number)), kind, Path(project)).serve()
