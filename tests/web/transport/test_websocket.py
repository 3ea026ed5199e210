"""`WebSocket` on real servers. The clients are another library, or send bytes by hand."""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
import requests
import websocket
from websocket import ABNF

from tests.clients import open_websocket
from tests.processes import Process, free_port, wait_until

TIMEOUT = 30.0  # seconds
MAX_MESSAGE = 64 * 1024  # bytes
SECRET = "6b1f9f0e-token"


class Server(Process):
    """A process that serves `tests.web.transport.websocket_app`."""

    def __init__(self, command: list[str], tmp_path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        empty = tmp_path / "gunicorn.conf.py"  # the project's own is about the whole application
        empty.write_text("")
        values = {"port": self.port, "config": empty}
        super().__init__([part.format(**values) for part in command], {}, tmp_path / "log")
        wait_until(self._serves)

    def _serves(self) -> bool:
        assert self.running, self.output()
        try:
            return requests.get(f"{self.url}/test", timeout=TIMEOUT).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def open(self, path: str, **options) -> websocket.WebSocket:
        """Open a WebSocket with the library websocket-client."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        return open_websocket(url, timeout=TIMEOUT, **options)

    def raw(self, path: str, *headers: str) -> tuple[socket.socket, str]:
        """Send a handshake by hand; return the connection and the response's head."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            *(headers or ("Upgrade: websocket", "Sec-WebSocket-Version: 13")),
            "\r\n",
        ]
        connection.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            assert byte, head
            head += byte
        return connection, head.decode()

    @contextmanager
    def ends(self) -> Iterator[websocket.WebSocket]:
        """Open a WebSocket that gets the path and close code of each handler that ends."""
        with closing(self.open("/ends")) as watcher:
            assert watcher.recv() == "watching"
            yield watcher

    def memory(self) -> dict[str, int]:
        return requests.get(f"{self.url}/memory", timeout=TIMEOUT).json()


APP = "tests.web.transport.websocket_app:create_app()"
SERVERS = {
    "gevent": "gunicorn -c {config} -k web.server.gunicorn_worker.BoundedWorker"
    " --no-control-socket --graceful-timeout 5"
    f" --access-logfile - -b 127.0.0.1:{{port}} {APP}".split(" "),
    "threads": f"flask --app {APP} run --port {{port}}".split(" "),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory):
    """A server with greenlets, then one with threads."""
    server = Server(SERVERS[request.param], tmp_path_factory.mktemp(request.param))
    yield server
    server.stop()


def close_code(client: websocket.WebSocket) -> int | None:
    """Read up to the server's close frame. Return its code, or None if there is none."""
    try:
        while True:
            opcode, data = client.recv_data()
            if opcode == ABNF.OPCODE_CLOSE:
                return struct.unpack("!H", data[:2])[0]
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return None


def until_ended(ends: websocket.WebSocket, path: str) -> int:
    """Wait until a handler of ``path`` ends; return its close code."""
    while True:
        ended, code = ends.recv().split(" ")
        if ended == path:
            return int(code)


def send_fragment(client: websocket.WebSocket, data: bytes, opcode: int, last: bool) -> None:
    client.send_frame(ABNF(int(last), 0, 0, 0, opcode, 1, data))


def read_to_end(connection: socket.socket) -> bytes:
    """Return what the server sends until it ends the connection."""
    rest = b""
    while data := connection.recv(65536):
        rest += data
    return rest


# Receiving


def test_messages_are_received(server):
    with closing(server.open("/echo")) as client:
        for text in ("", "hello", "čaj ☕"):
            client.send(text)
            assert client.recv() == text
        client.send_binary(b"\x00\xff")
        assert client.recv() == "bytes 00ff"


def test_fragments_are_joined_even_around_a_ping_and_within_a_character(server):
    with closing(server.open("/echo")) as client:
        coffee = "☕".encode()
        send_fragment(client, b"a" + coffee[:1], ABNF.OPCODE_TEXT, last=False)
        client.ping("are you there")
        send_fragment(client, b"", ABNF.OPCODE_CONT, last=False)
        send_fragment(client, coffee[1:], ABNF.OPCODE_CONT, last=True)
        opcode, frame = client.recv_data_frame(control_frame=True)
        assert (opcode, frame.data) == (ABNF.OPCODE_PONG, b"are you there")
        assert client.recv() == "a☕"


def test_a_message_of_64_kib_is_received_and_a_larger_one_closes_with_1009(server):
    with closing(server.open("/echo")) as client:
        client.send("x" * MAX_MESSAGE)
        assert client.recv() == "x" * MAX_MESSAGE
        client.send("x" * (MAX_MESSAGE + 1))
        assert close_code(client) == 1009


def test_the_size_limit_holds_for_all_fragments_together(server):
    with closing(server.open("/echo")) as client:
        for size in (MAX_MESSAGE, MAX_MESSAGE + 1):
            send_fragment(client, b"x" * (MAX_MESSAGE - 1), ABNF.OPCODE_BINARY, last=False)
            send_fragment(client, b"x" * (size - MAX_MESSAGE + 1), ABNF.OPCODE_CONT, last=True)
            if size == MAX_MESSAGE:
                assert client.recv() == "bytes " + "78" * MAX_MESSAGE
        assert close_code(client) == 1009


def test_a_huge_frame_is_refused_before_all_of_it_has_arrived(server):
    connection, _ = server.raw("/echo")
    with closing(connection):
        header = struct.pack("!BBQ4s", 0x82, 0xFF, 1 << 40, bytes(4))
        connection.sendall(header + bytes(MAX_MESSAGE + 1))
        assert read_to_end(connection) == b"\x88\x1b\x03\xf1a message may have 64 KiB"


def test_the_close_code_arrives_although_the_client_sends_on(server):
    with closing(server.open("/echo")) as client:

        def send_messages() -> None:
            with suppress(OSError, websocket.WebSocketException):
                while True:
                    client.send_binary(bytes(1 << 20))

        sender_thread = threading.Thread(target=send_messages)
        sender_thread.start()
        assert close_code(client) == 1009
        client.shutdown()
        sender_thread.join(TIMEOUT)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x82\x00\x00\x00\x00\xc3\x28", 1007),  # not UTF-8
        (b"\x81\x02hi", 1002),  # not masked
        (b"\xc1\x82\x00\x00\x00\x00hi", 1002),  # a reserved bit, which compression would use
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an unknown opcode
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # continues no message
        (b"\x09\x80\x00\x00\x00\x00", 1002),  # a ping in fragments
    ],
)
def test_a_protocol_violation_closes(server, frame, code):
    connection, _ = server.raw("/echo")
    with closing(connection):
        connection.sendall(frame)
        rest = read_to_end(connection)
        assert rest[0] == 0x88
        assert struct.unpack("!H", rest[2:4])[0] == code
        assert len(rest) == 2 + rest[1]


def test_a_close_frame_is_answered_and_ends_the_handler_with_its_code(server):
    with server.ends() as ends, closing(server.open("/echo")) as client:
        client.send_close(4321, b"enough")
        assert close_code(client) == 4321
        assert until_ended(ends, "/echo") == 4321


def test_a_lost_connection_ends_the_handler_with_1006(server):
    with server.ends() as ends:
        server.open("/echo").shutdown()
        assert until_ended(ends, "/echo") == 1006


def send_until_blocked(client: websocket.WebSocket) -> tuple[int, bytes]:
    """Send until the server reads no more. Return how many messages, and the last one's rest."""
    client.settimeout(0.5)
    for sent in range(2000):  # 128 MB, more than both kernels buffer
        rest = ABNF.create_frame("x" * MAX_MESSAGE, ABNF.OPCODE_TEXT).format()
        try:
            while rest:
                rest = rest[client.sock.send(rest) :]
        except TimeoutError:
            client.settimeout(TIMEOUT)
            return sent + 1, rest
    raise AssertionError("the server read all messages")


def test_unread_messages_stay_with_the_client(server):
    with closing(server.open("/reads-late")) as client:
        client.send("listen")
        before = server.memory()["kb"]
        sent, rest = send_until_blocked(client)
        assert server.memory()["kb"] - before < 4 * 1024
        with closing(server.open("/start-reading")) as other:
            assert close_code(other) == 1000
        client.sock.sendall(rest)
        client.send("that is all")
        assert client.recv() == str(1 + sent)


def test_a_client_that_sends_without_pause_does_not_block_others(server):
    answered = threading.Event()
    connection, _ = server.raw("/echo")

    def send_messages() -> None:
        pongs = b"\x8a\x80\x00\x00\x00\x00" * 10_000
        while not answered.is_set():
            connection.sendall(pongs)

    with closing(connection):
        sender_thread = threading.Thread(target=send_messages)
        sender_thread.start()
        try:
            with closing(server.open("/echo")) as client:
                client.send("me too")
                assert client.recv() == "me too"
        finally:
            answered.set()
            sender_thread.join(TIMEOUT)


# Sending


def test_frames_of_many_threads_arrive_whole_and_in_order(server):
    senders, each = 20, 500
    with closing(server.open("/many")) as client:
        client.send(f"{senders} {each} 500")  # 5 MB: more than the kernel takes at once
        received: dict[int, list[int]] = {sender: [] for sender in range(senders)}
        for _ in range(senders * each):
            sender, number, padding = client.recv().split(" ")
            received[int(sender)].append(int(number))
            assert padding == "x" * 500
        assert close_code(client) == 4000
    assert received == {sender: list(range(each)) for sender in range(senders)}


def test_a_frame_of_any_size_is_sent_if_none_is_queued_before_it(server):
    with closing(server.open("/flood")) as client:
        size = 8 << 20
        # While the first frame is being written, the second one is the first in the queue.
        client.send(f"2 {size}")
        for number in range(2):
            assert client.recv() == f"{number} {'x' * size}"


def test_a_client_that_does_not_read_is_closed_with_1013_and_costs_little_memory(server):
    small = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)
    with server.ends() as ends, closing(server.open("/flood", sockopt=small)) as client:
        before = server.memory()["kb"]
        client.send("20000 10000")  # 200 MB
        with closing(server.open("/echo")) as other:
            other.send("others are served")
            assert other.recv() == "others are served"
        numbers = []
        while True:
            opcode, data = client.recv_data()
            if opcode == ABNF.OPCODE_CLOSE:
                break
            number, padding = data.decode().split(" ")
            assert padding == "x" * 10_000
            numbers.append(int(number))
        assert data[:2] == struct.pack("!H", 1013)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) < 2000
        assert until_ended(ends, "/flood") == 1013
        assert server.memory()["kb"] - before < 16 * 1024


def test_a_client_that_never_reads_again_is_aborted(server):
    with server.ends() as ends:
        connection, _ = server.raw("/quick/flood")
        with closing(connection):
            connection.sendall(b"\x81\x8a\x00\x00\x00\x001 20000000")
            assert until_ended(ends, "/quick/flood") == 1013
            # The kernel has discarded its data too.
            wait_until(lambda: connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


# Closing


def test_queued_frames_are_sent_before_the_close_frame(server):
    size = 8 << 20
    with closing(server.open("/closed-by-another")) as client:
        client.send(str(size))
        assert client.recv() == "x" * size
        assert close_code(client) == 1012


def test_a_close_ends_the_handler_although_the_client_does_not_read(server):
    with server.ends() as ends:
        connection, _ = server.raw("/quick/closed-by-another")
        with closing(connection):
            connection.sendall(b"\x81\x88\x00\x00\x00\x0020000000")
            assert until_ended(ends, "/quick/closed-by-another") == 1012


def test_the_server_sends_nothing_after_its_close_frame_and_ends_the_stream_first(server):
    with server.ends() as ends:
        connection, _ = server.raw("/lasting/closed-by-another")
        with closing(connection):
            connection.sendall(b"\x81\x81\x00\x00\x00\x002")
            assert read_to_end(connection) == b"\x81\x02xx\x88\x0b\x03\xf4come back"
        assert until_ended(ends, "/lasting/closed-by-another") == 1012


def test_a_close_ends_the_handler_although_the_client_sends_no_close_frame(server):
    with server.ends() as ends:
        connection, _ = server.raw("/quick/closed-by-another")
        with closing(connection):
            connection.sendall(b"\x81\x81\x00\x00\x00\x002")
            assert read_to_end(connection) == b"\x81\x02xx\x88\x0b\x03\xf4come back"
            assert until_ended(ends, "/quick/closed-by-another") == 1012


def test_a_waiting_receive_ends_after_close_although_the_client_stays_connected(server):
    with server.ends() as ends:
        connection, _ = server.raw("/quick/echo")
        with closing(connection), closing(server.open("/all-closed")) as closer:
            connection.sendall(b"\x81\x82\x00\x00\x00\x00hi")
            assert connection.recv(4) == b"\x81\x02hi"
            closer.send("now")
            assert read_to_end(connection) == b"\x88\x02\x03\xf4"
            assert until_ended(ends, "/quick/echo") == 1012

            def is_closed() -> bool:
                try:
                    connection.sendall(b"\x8a\x80\x00\x00\x00\x00")
                except ConnectionError:
                    return True
                return False

            wait_until(is_closed)


def test_many_websockets_are_closed_at_once(server):
    clients = [server.open("/echo") for _ in range(200)]
    with closing(server.open("/all-closed")) as closer:
        closer.send("now")
        assert int(closer.recv()) >= 200
        for client in clients:
            assert close_code(client) == 1012
            client.shutdown()


def test_a_handler_that_fails_closes_with_1011_and_sends_nothing_else(server):
    connection, _ = server.raw(f"/fails?token={SECRET}")
    with closing(connection):
        connection.sendall(b"\x81\x80\x00\x00\x00\x00")
        assert read_to_end(connection) == b"\x81\x06before" + b"\x88\x10\x03\xf3internal error"
    assert "RuntimeError: as it was asked to" in server.output()


def test_a_handler_that_returns_closes_with_1000(server):
    with closing(server.open("/subprotocol")) as client:
        assert client.recv() == "None"
        assert close_code(client) == 1000


# Keepalive


def test_a_client_that_answers_no_ping_is_aborted(server):
    with server.ends() as ends:
        connection, _ = server.raw("/quick/echo")
        with closing(connection):
            assert connection.recv(2) == b"\x89\x00"
            assert until_ended(ends, "/quick/echo") == 1006
            with suppress(ConnectionResetError):
                assert read_to_end(connection) == b""


def test_a_client_that_answers_pings_stays_connected(server):
    with closing(server.open("/quick/echo")) as client:
        for _ in range(4):
            opcode, _ = client.recv_data(control_frame=True)  # also answers the ping
            assert opcode == ABNF.OPCODE_PING
        client.send("still here")
        assert client.recv() == "still here"


def test_a_client_stays_connected_while_the_server_does_not_read_its_pongs(server):
    with closing(server.open("/quick/busy")) as client:
        client.send("read later")
        assert client.recv() == "done"
        client.send("thanks")
        assert client.recv() == "then thanks"


# The handshake


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["chat.events.v1", "bearer.t"], "chat.events.v1"),
        (["bearer.t", "chat.events.v1"], "chat.events.v1"),
        (["bearer.t"], "bearer.t"),
        ([], None),
    ],
)
def test_the_subprotocol_is_chosen(server, offered, chosen):
    with closing(server.open("/subprotocol", subprotocols=offered or None)) as client:
        assert client.subprotocol == chosen
        assert client.recv() == str(chosen)


def test_an_unknown_subprotocol_is_not_selected(server):
    connection, head = server.raw(
        "/echo", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: other"
    )
    connection.close()
    assert " 101 " in head
    assert "protocol" not in head.lower().replace("switching protocols", "")


def test_compression_is_not_negotiated(server):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    connection, head = server.raw("/echo", "Upgrade: websocket", "Sec-WebSocket-Version: 13", offer)
    connection.close()
    assert " 101 " in head
    assert "extensions" not in head.lower()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Upgrade: websocket", "Sec-WebSocket-Version: 8"), 426),
        (("Upgrade: websocket",), 426),
        (("Sec-WebSocket-Version: 13",), 400),
        (("Upgrade: other", "Sec-WebSocket-Version: 13"), 400),
        (("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: ž"), 400),
    ],
)
def test_a_request_that_is_not_a_handshake_is_refused_in_json(server, headers, status):
    connection, head = server.raw("/echo", *headers)
    with closing(connection):
        assert f" {status} " in head.splitlines()[0]
        assert "application/json" in head
        if status == 426:
            assert "sec-websocket-version: 13" in head.lower()
            assert "upgrade: websocket" in head.lower()


# The process


def test_an_idle_websocket_costs_no_thread_beside_the_servers_own(server):
    with closing(server.open("/echo")) as first:
        first.send("up")
        first.recv()
        before = server.memory()["threads"]
        clients = [server.open("/echo") for _ in range(20)]
        for client in clients:
            client.send("hello")
            client.recv()
        assert server.memory()["threads"] - before <= 20
        for client in clients:
            client.close()


@pytest.mark.parametrize("server", ["gevent"], indirect=True)  # Flask's own server holds it
def test_an_open_websocket_holds_nothing_of_its_request(server):
    with requests.Session() as session:  # one connection
        before = session.get(f"{server.url}/requests", timeout=TIMEOUT).json()
        clients = [server.open("/echo") for _ in range(5)]
        for client in clients:
            client.send("hello")
            client.recv()
        assert session.get(f"{server.url}/requests", timeout=TIMEOUT).json() == before
        for client in clients:
            client.close()


def test_the_log_has_no_other_traceback_and_no_token(server):
    """Must be the last test. Only the handler that failed may have logged a traceback."""
    output = server.output()
    assert output.count("Traceback") == output.count("RuntimeError: as it was asked to")
    for unwanted in ("StopIteration", "Exception ignored", "Error handling", "Broken pipe"):
        assert unwanted not in output
    if "gunicorn" in server.command:
        assert SECRET not in output
