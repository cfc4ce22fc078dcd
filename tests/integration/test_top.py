"""``tierrouter top`` before a real sidecar, in a pipe and in a real terminal."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios

import pytest
from tierrouter_process import CHAT, COMMAND, KEYS, environment, router_file, serving, tierrouter, until

from provider import Answer, ScriptedProvider, closed_port
from provider.usage import Tokens

MAIN_SCREEN, OTHER_SCREEN = b"\x1b[?1049l", b"\x1b[?1049h"


class Terminal:
    """A terminal of its own with a command in it, as a person has it."""

    def __init__(self, *arguments, width=80, height=40, **variables):
        self._screen, self._keyboard = pty.openpty()
        fcntl.ioctl(self._keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.before = termios.tcgetattr(self._keyboard)
        self._arguments = arguments
        more = {name: value for name, value in environment(**variables).items() if name != "COLUMNS"}
        self._environment = {**more, "TERM": "xterm-256color"}
        self.seen = b""

    async def __aenter__(self):
        os.set_blocking(self._screen, False)
        asyncio.get_running_loop().add_reader(self._screen, self._read)
        self.process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "top", *self._arguments),
            stdin=self._keyboard,
            stdout=self._keyboard,
            stderr=self._keyboard,
            env=self._environment,
            start_new_session=True,
            # Its terminal, so that Ctrl-C is a signal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._screen)
        os.close(self._screen)
        os.close(self._keyboard)

    def _read(self):
        with contextlib.suppress(OSError):
            self.seen += os.read(self._screen, 65_536)

    def type(self, text):
        os.write(self._screen, text)

    async def shows(self, text):
        """Wait until it was drawn, wherever its lines end."""

        def is_there():
            assert self.process.returncode is None, self.seen.decode()
            drawn = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.seen).decode()
            return text in " ".join(drawn.split())

        await until(is_there)

    async def ended(self):
        async with asyncio.timeout(20):
            code = await self.process.wait()
        await asyncio.sleep(0.05)
        assert b"Traceback" not in self.seen, self.seen.decode()
        assert self.seen.rfind(MAIN_SCREEN) > self.seen.rfind(OTHER_SCREEN), "what was there before is there again"
        assert termios.tcgetattr(self._keyboard) == self.before, "keys are shown again, and Enter is needed"
        return code


@pytest.fixture
async def served(tmp_path, provider: ScriptedProvider):
    provider.always(Answer(usage=Tokens(input=10_000, cached=8_000, output=500)))
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as running:
        for _ in range(3):
            await running.post()
        await running.post(x_tierrouter_hint="deep")
        yield running


def once(served, *arguments, **variables):
    return asyncio.to_thread(tierrouter, "top", "--url", served.admin_url, *arguments, variables=variables)


async def test_in_a_pipe_it_shows_what_was_served_once(served):
    ran = await once(served)
    assert (ran.code, ran.stderr) == (0, "")
    lines = ran.text.splitlines()
    assert lines[0].startswith("coding  namespace agents  revision coding-")
    rows = {line.split()[0]: line.split() for line in lines if line.strip()}
    assert rows["routine"] == ["routine", "kimi-k2-6", "75.0", "%", "3", "30.0k", "80.0", "%", "1.50k", "$0.0155"]
    assert rows["deep*"][1:5] == ["claude-opus-4-7", "25.0", "%", "1"]
    assert rows["Why"] == ["Why", "Session", "50.0", "%", "Default", "25.0", "%", "Hint", "25.0", "%"]
    assert "\x1b" not in ran.text


@pytest.mark.parametrize("variables", [{"COLUMNS": "50"}, {"COLUMNS": "200"}, {"PYTHONIOENCODING": "ascii"}])
async def test_it_is_shown_on_whatever_there_is(served, variables):
    ran = await once(served, "--once", **variables)
    assert ran.code == 0
    assert max(map(len, ran.text.splitlines())) <= int(variables.get("COLUMNS", 80))


async def test_in_a_terminal_it_goes_on_until_q(served):
    async with Terminal("--url", served.admin_url, "--interval", "0.3") as terminal:
        await terminal.shows("q quits")
        assert OTHER_SCREEN in terminal.seen
        await served.post(x_tierrouter_hint="reasoning")
        await terminal.shows("reasoning Hint")
        terminal.type(b"q")
        assert await terminal.ended() == 0


@pytest.mark.parametrize("how", ["the key", "the signal", "SIGTERM"])
async def test_ctrl_c_and_sigterm_end_it_in_order(served, how):
    async with Terminal("--url", served.admin_url) as terminal:
        await terminal.shows("q quits")
        if how == "the key":
            terminal.type(b"\x03")
        else:
            terminal.process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGINT)
        assert await terminal.ended() == 0


async def test_no_colour_is_drawn_where_none_is_wanted(served):
    async with Terminal("--url", served.admin_url, NO_COLOR="1") as terminal:
        await terminal.shows("q quits")
        terminal.type(b"q")
        await terminal.ended()
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", terminal.seen)


async def test_a_sidecar_that_goes_away_is_said_and_found_again(tmp_path, provider):
    file = router_file(tmp_path, provider)
    admin_port = closed_port()
    async with Terminal("--url", f"http://127.0.0.1:{admin_port}", "--interval", "0.2") as terminal:
        await terminal.shows("does not answer (Connection refused); is a router running there?")
        async with serving(tmp_path / "one", "-f", file, variables=KEYS, admin_port=admin_port) as served:
            await served.post(CHAT)
            await terminal.shows("coding namespace agents")
            await served.stop()
        await terminal.shows("These figures are of ")
        terminal.seen = b""
        async with serving(tmp_path / "two", "-f", file, variables=KEYS, admin_port=admin_port):
            await terminal.shows("coding namespace agents")
        terminal.type(b"q")
        assert await terminal.ended() == 0


async def test_what_is_no_sidecar_is_said_in_a_line(served, provider):
    for url, said in (
        (f"http://127.0.0.1:{closed_port()}", "does not answer (Connection refused); is a router running there?"),
        (served.url, "is no sidecar's admin port"),
        (provider.origin, "is no sidecar's admin port"),
        (served.admin_url.replace("127.0.0.1", "localhost") + "/x", "is no sidecar's admin port"),
    ):
        ran = await asyncio.to_thread(tierrouter, "top", "--url", url)
        assert ran.code == 3
        assert said in ran.stderr and len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "127.0.0.1:9464"], "'127.0.0.1:9464' is no address like http://127.0.0.1:9464"),
        (["--url", "ftp://x"], "is no address like"),
        (["--url", "http://[x"], "is no address like"),
        (["--url", "http://127.0.0.1:9464", "-n", "agents"], "--url is one sidecar"),
        (["--interval", "0"], "--interval"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, said):
    ran = tierrouter("top", *arguments)
    assert ran.code == 2
    assert said in ran.stderr


def test_without_a_cluster_it_says_how_to_name_one(tmp_path):
    ran = tierrouter("top", "-n", "agents", "--kubeconfig", tmp_path / "none")
    assert ran.code == 3
    assert f"there is no kubeconfig {tmp_path / 'none'}" in ran.stderr
