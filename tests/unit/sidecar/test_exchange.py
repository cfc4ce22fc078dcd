"""What the way to the providers promises, against a server that counts connections and answers as it is told."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tierrouter_sidecar.exchange import Answer, Connections, Limits, Stopped

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: Application/JSON; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}"
CHUNKED_CUT = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
LIMITS = Limits(headers_s=2, connect_s=2, idle_s=2)


class Server:
    """Answers each request with the same bytes; remembers what it read."""

    def __init__(self, answer: bytes, *, hangs_up: bool = False) -> None:
        self.answer = answer
        self.hangs_up = hangs_up
        self.connections = 0
        self.ended = asyncio.Event()
        self.heads: list[bytes] = []
        self.origin = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                _, _, length = head.partition(b"content-length: ")
                await reader.readexactly(int(length.split()[0]) if length else 0)
                writer.write(self.answer)
                if self.hangs_up:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            self.ended.set()


def against(server: Server, use: Callable[[Connections], Awaitable[None]]) -> None:
    async def run() -> None:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.origin = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        connections = Connections()
        try:
            await asyncio.wait_for(use(connections), 10)
        finally:
            await connections.close()
            listening.close()

    asyncio.run(run())


async def post(
    connections: Connections, server: Server, *, path: str = "/", header: str = "a", limits: Limits = LIMITS
) -> Answer:
    return await connections.request("POST", server.origin, path, [("x-test", header)], b"[1]", limits, True)


async def body_of(answer: Answer) -> bytes:
    try:
        return await answer.content.read()
    finally:
        answer.release()


def test_a_connection_is_used_again_after_a_whole_answer() -> None:
    server = Server(WHOLE)

    async def use(connections: Connections) -> None:
        for _ in range(3):
            answer = await post(connections, server)
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert await body_of(answer) == b"{}"

    against(server, use)
    assert server.connections == 1


def test_a_provider_sees_the_connection_end_when_an_answer_is_left_before_its_end() -> None:
    server = Server(CUT)

    async def use(connections: Connections) -> None:
        (await post(connections, server)).release()
        await asyncio.wait_for(server.ended.wait(), 1)

    against(server, use)


def test_a_provider_sees_the_connection_end_when_the_wait_for_its_answer_is_cancelled() -> None:
    server = Server(b"")

    async def use(connections: Connections) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await post(connections, server)
        await asyncio.wait_for(server.ended.wait(), 1)

    against(server, use)


@pytest.mark.parametrize("limits", [Limits(0.1, 2, 2), Limits(2, 2, 0.1)])
def test_the_wait_for_headers_ends_in_time_and_with_it_the_connection(limits: Limits) -> None:
    server = Server(b"")

    async def use(connections: Connections) -> None:
        with pytest.raises(TimeoutError):
            await post(connections, server, limits=limits)
        await asyncio.wait_for(server.ended.wait(), 1)

    against(server, use)


def test_an_answer_may_take_longer_than_its_headers() -> None:
    server = Server(CUT)

    async def use(connections: Connections) -> None:
        answer = await post(connections, server, limits=Limits(0.05, 2, 0.3))
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await body_of(answer)
        assert 0.2 < asyncio.get_running_loop().time() - began < 1

    against(server, use)


@pytest.mark.parametrize("answer", [CUT, CHUNKED_CUT])
def test_an_answer_that_was_cut_is_told_from_a_whole_one(answer: bytes) -> None:
    server = Server(answer, hangs_up=True)

    async def use(connections: Connections) -> None:
        with pytest.raises(aiohttp.ClientPayloadError):
            await body_of(await post(connections, server))

    against(server, use)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"not HTTP at all\r\n\r\n"])
def test_no_answer_is_an_error(answer: bytes) -> None:
    server = Server(answer, hangs_up=True)

    async def use(connections: Connections) -> None:
        with pytest.raises(aiohttp.ClientError):
            await post(connections, server)

    against(server, use)


def test_informational_answers_are_passed_over() -> None:
    server = Server(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + WHOLE)

    async def use(connections: Connections) -> None:
        assert await body_of(await post(connections, server)) == b"{}"

    against(server, use)


def test_a_connection_that_the_provider_closed_while_it_was_idle_is_not_used() -> None:
    server = Server(WHOLE, hangs_up=True)

    async def use(connections: Connections) -> None:
        for _ in range(2):
            assert await body_of(await post(connections, server)) == b"{}"
            await server.ended.wait()
            await asyncio.sleep(0.05)

    against(server, use)
    assert server.connections == 2


def test_nothing_that_would_break_a_request_into_two_is_sent() -> None:
    server = Server(WHOLE)

    async def use(connections: Connections) -> None:
        for path, header in (("/\r\nx: y", "a"), ("/", "a\r\nx: y"), ("/", "a\nx: y"), ("/", "a\0")):
            with pytest.raises(ValueError, match="line break"):
                await post(connections, server, path=path, header=header)

    against(server, use)
    assert server.heads == []


def test_headers_go_out_byte_for_byte() -> None:
    server = Server(WHOLE)

    async def use(connections: Connections) -> None:
        header = b"gr\xc3\xbc\xc3\x9fe \xff".decode("utf-8", "surrogateescape")
        await body_of(await post(connections, server, path="/v1/messages?beta=true&x=%0d%0a", header=header))

    against(server, use)
    (head,) = server.heads
    assert head.startswith(b"POST /v1/messages?beta=true&x=%0d%0a HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nx-test: gr\xc3\xbc\xc3\x9fe \xff\r\n" in head
    assert b"\r\ncontent-length: 3\r\n" in head


def test_who_reads_an_answer_hears_that_the_router_stops() -> None:
    server = Server(CUT)

    async def use(connections: Connections) -> None:
        answer = await post(connections, server)
        reading = asyncio.create_task(body_of(answer))
        await asyncio.sleep(0.05)
        await connections.close()
        with pytest.raises(Stopped, match="shutting down"):
            await reading

    against(server, use)
