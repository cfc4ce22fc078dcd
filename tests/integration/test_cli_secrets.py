"""Keys go to their providers and nowhere else: not into output, logs, status, metrics, the ledger or a document."""

import json

from tierrouter_process import CHAT, KEYS, router_file, serving, tierrouter, until

from provider import Answer, Delivery, Ending, Status

KEY_VALUES = [value.encode() for value in KEYS.values()]


def assert_no_key(text: bytes, where: str) -> None:
    for key in KEY_VALUES:
        assert key not in text, where
        # Nor so much of it that the rest could be guessed.
        assert key[: len(key) // 2] not in text, where


async def test_no_key_is_said_logged_or_kept_whatever_happens(tmp_path, provider):
    file = router_file(tmp_path, provider)
    variables = {**KEYS, "TIERROUTER_LOG_LEVEL": "DEBUG"}
    vendor, spare = KEYS.values()
    provider.script(
        Answer(),
        Status(401, message=f"Incorrect API key provided: {vendor}"),
        Answer(),
        Status(400, message=f"bad request with key {vendor}"),
        Status(500, message=f"our database says {vendor} and {spare}"),
        Status(500, message=f"ours too: {spare}"),
        Answer(delivery=Delivery(cut_after_events=2, ending=Ending.RESET)),
    )
    async with serving(tmp_path, "-f", file, variables=variables) as router:
        answers = [await router.post() for _ in range(4)]
        answers.append(await router.post({**CHAT, "stream": True}))
        answers.append(await router.post(authorization=f"Bearer {vendor}", x_api_key=spare))
        for answer in answers:
            assert_no_key(answer.body + repr(answer.headers).encode(), "an answer")
        for path in ("/status", "/metrics", "/readyz", "/healthz", "/nonsense"):
            assert_no_key((await router.get(path)).body, path)
        file.write_text(file.read_text().replace("tier: local}", "tier: lokal}"))
        assert await router.stop() == 0
        assert_no_key(router.log_file.read_bytes(), "the log")
        kept = [path for path in router.state_dir.rglob("*") if path.is_file()]
        assert any(path.name == "ledger.sqlite3" for path in kept)
        for path in kept:
            assert_no_key(path.read_bytes(), path.name)
    # They did go where they belong.
    assert provider.requests[0].header("authorization") == f"Bearer {vendor}"


async def test_no_command_prints_a_key(tmp_path, provider):
    file = router_file(tmp_path, provider)
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        await router.post()
        assert await router.stop() == 0
    commands = [
        (("compile", "-f", file), b""),
        (("explain", "-f", file), json.dumps(CHAT).encode()),
        (("explain", "-f", file, "--format", "json"), json.dumps(CHAT).encode()),
        (("explain", "-f", file), b"{bad"),
        (("report", "--state-dir", router.state_dir), b""),
        (("report", "--state-dir", router.state_dir, "--format", "csv"), b""),
        (("report", "--state-dir", router.state_dir, "--format", "json"), b""),
        (("run", "--help"), b""),
        (("run", "-f", file, "--state-dir", "/dev/null/state"), b""),
    ]
    for arguments, stdin in commands:
        ran = tierrouter(*arguments, stdin=stdin, variables=KEYS)
        assert_no_key(ran.said.encode(), " ".join(map(str, arguments)))


async def test_a_missing_key_is_named_by_its_variable_and_the_turn_fails_in_words(tmp_path, provider):
    file = router_file(tmp_path, provider)
    async with serving(tmp_path, "-f", file) as router:
        await until(lambda: "set VENDOR_API_KEY" in router.log)
        await until(lambda: "set SPARE_API_KEY" in router.log)
        answer = await router.post()
        assert answer.status == 402
        assert "VENDOR_API_KEY" in answer.body.decode()
        assert provider.requests == []
        assert await router.stop() == 0
