"""The components that other tests rely on are real and answer."""

import socket

from tests.servers import Postgres


def _ask(address: str, question: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(question)
        return sock.recv(100)


def test_redis(redis_server: str) -> None:
    address = redis_server.removeprefix("redis://").removesuffix("/0")
    assert _ask(address, b"PING\r\n") == b"+PONG\r\n"


def test_memcached(memcached_server: str) -> None:
    assert _ask(memcached_server, b"version\r\n").startswith(b"VERSION")


def test_postgres(postgres_server: Postgres) -> None:
    import psycopg

    with psycopg.connect(postgres_server.new_database("probe")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("probe",)
