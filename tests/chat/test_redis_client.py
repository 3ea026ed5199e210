"""The Redis client: its bounds, and which errors are temporary."""

from __future__ import annotations

import select
import socket

import pytest
from redis._parsers.base import BaseParser

from chat.errors import Internal, RedisUnavailable
from chat.redis_client import connect, translated_errors


def test_a_command_that_times_out_is_not_repeated(monkeypatch):
    """Each repetition would take as long, and the user would wait without an answer."""
    monkeypatch.setattr("chat.redis_client.SOCKET_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(RedisUnavailable), translated_errors():
            client.ping()
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_connection_with_an_unread_answer_is_not_used(client):
    server = client.connection_pool.connection_kwargs
    with connect(f"redis://{server['host']}:{server['port']}", max_connections=1) as other:
        connection = other.connection_pool.get_connection()
        connection.send_command("ECHO", "the answer to somebody else")
        select.select([connection._sock], [], [], 5)
        other.connection_pool.release(connection)
        assert other.echo("mine") == "mine"


def test_a_connection_that_redis_has_closed_is_replaced(client):
    server = client.connection_pool.connection_kwargs
    with connect(f"redis://{server['host']}:{server['port']}", max_connections=1) as other:
        connection_id = other.client_id()
        client.client_kill_filter(_id=connection_id)
        assert other.client_id() != connection_id


def test_a_missing_script_is_a_temporary_error(client):
    with pytest.raises(RedisUnavailable), translated_errors():
        client.evalsha("0" * 40, 0)


@pytest.mark.parametrize(
    "answer",
    [
        "NOPERM User default has no permissions to run the 'evalsha' command",
        "NOREPLICAS Not enough good replicas to write.",
        "UNBLOCKED force unblock from blocking operation, instance state changed",
        "MASTERDOWN Link with MASTER is down",
        "ERR unknown command 'JSON.GET', with args beginning with: ",
        "WHATEVER a future Redis may say",
    ],
)
def test_an_error_about_the_state_of_redis_is_temporary(answer):
    with pytest.raises(RedisUnavailable, match=answer.split()[0]), translated_errors():
        raise BaseParser.parse_error(answer)


def test_an_error_about_one_key_or_in_our_script_is_permanent(client):
    client.set("a string", "x")
    for command in (
        lambda: client.lpush("a string", "x"),
        lambda: client.execute_command("JSON.GET", "a string"),
        lambda: client.eval("return redis.call('JSON.GET', KEYS[1])", 1, "a string"),
        lambda: client.eval("return nil + 1", 0),
    ):
        with pytest.raises(Internal), translated_errors():
            command()
