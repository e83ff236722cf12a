"""Asks `/ping` until its input says enough, then prints the seconds of the slowest answer: `pings.py HOST PORT`.

From before a request is sent to when the system took its answer in. When this process then got a processor to read it,
beside a hundred other clients, is none of the server's doing. Linux only.
https://www.kernel.org/doc/html/latest/networking/timestamping.html
"""

import select
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35  # its message has the same number, and a struct timespec
PAUSE_SECONDS = 0.005
REQUEST = b"GET /ping HTTP/1.1\r\nHost: server\r\n\r\n"


def ask(connection: socket.socket) -> float | None:
    """Seconds; None where the system did not note when the answer came. Raises RuntimeError for any but a whole 200."""
    began = time.time_ns()
    connection.sendall(REQUEST)
    answer, notes, _, _ = connection.recvmsg(4096, 256)
    if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"\r\n\r\n"):
        raise RuntimeError(f"/ping answered {answer[:100]!r}")
    for level, kind, note in notes:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@ll", note)
            return (seconds * 10**9 + nanoseconds - began) / 1e9
    return None


def main(host: str, port: int) -> None:
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        while ask(connection) is None:  # the system begins to note times a moment after it is asked to
            time.sleep(PAUSE_SECONDS)
        print("begun", flush=True)
        slowest = 0.0
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            seconds = ask(connection)
            if seconds is None:
                raise RuntimeError("the system did not note when an answer came")
            slowest = max(slowest, seconds)
    print(slowest)


main(sys.argv[1], int(sys.argv[2]))
