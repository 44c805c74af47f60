"""A small HTTP server on loopback that answers with what a test puts there, byte for byte."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# What is said to one connection: the request's bytes are given, the socket is there to be written to.
Speak = Callable[[bytes, socket.socket], None]


@dataclass
class Server:
    port: int
    speak: Speak
    # Heads of requests, in the order in which they came.
    requests: list[bytes] = field(default_factory=list)

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def headers(self, number: int = -1) -> dict[str, str]:
        lines = self.requests[number].decode().split("\r\n")[1:]
        pairs = [line.partition(": ") for line in lines if line]
        return {name.lower(): value for name, _colon, value in pairs}


def answer(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    named = {"content-length": str(len(body)), "connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def saying(whole: bytes) -> Speak:
    return lambda _request, connection: connection.sendall(whole)


@contextmanager
def serving(speak: Speak, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1], speak)
        thread = threading.Thread(target=_accept, args=(listener, server, tls), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # Closing alone does not wake a thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _accept(listener: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _address = listener.accept()
            connection.settimeout(10)
            # The other side may leave whenever it likes.
            with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as spoken:
                _serve(spoken, server)


def _serve(connection: socket.socket, server: Server) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65_536)
        if not part:
            return
        request += part
    server.requests.append(request.partition(b"\r\n\r\n")[0])
    server.speak(request, connection)
