"""A small agent: turns by the official SDKs, from nothing but the environment that it is given.

``agent.py turns N``         N turns, one line of JSON each
``agent.py loop SECONDS``    turns without a pause; one line at the end
``agent.py stream WORDS``    one long streamed turn, tried again as the SDK does it; one line
``agent.py suite TASKS``     a suite of so many tasks, whose results it leaves as JUnit XML where the Job says
``agent.py search TEXT...``  the files and processes in which one of the texts is found
``agent.py wait``            until the pod ends
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

_PLACES = ("/proc/self/environ", "/proc/1/environ")


def turn(number: int, client: Any) -> dict[str, Any]:
    """One turn; the dialect, and whether it is streamed, follow the number."""
    openai, anthropic = client
    task = os.environ.get("TASK") or json.dumps({"file_count": int(os.environ.get("FILE_COUNT", "0"))})
    headers = {"x-tierrouter-session": f"s-{number}", "x-tierrouter-task": task}
    text = f"turn {number}"
    match number % 3:
        case 0:
            raw = openai.chat.completions.with_raw_response.create(
                model="auto", max_tokens=64, messages=[{"role": "user", "content": text}], extra_headers=headers
            )
        case 1:
            raw = openai.responses.with_raw_response.create(
                model="auto", max_output_tokens=64, input=text, extra_headers=headers
            )
        case _:
            raw = anthropic.messages.with_raw_response.create(
                model="auto", max_tokens=64, messages=[{"role": "user", "content": text}], extra_headers=headers
            )
    raw.parse()
    said = {name: raw.headers.get(f"x-tierrouter-{name}") for name in ("tier", "model", "revision", "turn")}
    return {"turn": number, "status": raw.http_response.status_code, **said}


def clients() -> Any:
    """As an agent makes them: no argument."""
    from anthropic import Anthropic
    from openai import OpenAI

    return OpenAI(), Anthropic()


def turns(count: int) -> None:
    """So many, one after the other."""
    client = clients()
    for number in range(count):
        print(json.dumps(turn(number, client)))


def loop(seconds: float) -> None:
    """As many as there is time for."""
    client, end_s, number = clients(), time.time() + seconds, 0
    revisions: Counter[str] = Counter()
    failures: list[str] = []
    first_seen: dict[str, float] = {}
    while time.time() < end_s:
        try:
            revision = str(turn(number, client)["revision"])
            revisions[revision] += 1
            first_seen.setdefault(revision, time.time())
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}"[:200])
        number += 1
        time.sleep(float(os.environ.get("PAUSE_S", "0.02")))
    print(json.dumps({"turns": number, "revisions": revisions, "first_seen": first_seen, "failures": failures}))


def stream(words: int) -> None:
    """A long answer; what an agent does when it breaks off is to ask again."""
    client, _ = clients()
    broken: list[str] = []
    for attempt in range(20):
        try:
            events = client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": f"slow {words}"}], stream=True
            )
            text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
            if len(text.split()) == words:
                print(json.dumps({"attempts": attempt + 1, "broken": broken, "words": words}))
                return
            broken.append(f"only {len(text.split())} words")
        except Exception as error:
            broken.append(type(error).__name__)
        time.sleep(0.5)
    print(json.dumps({"attempts": 20, "broken": broken, "words": 0}))


def suite(tasks: int) -> None:
    """As a team's own harness: each task is a session of its own, and what is right the provider says."""
    client, _ = clients()
    results = ElementTree.Element("testsuite", name="e2e", tests=str(tasks))
    for number in range(tasks):
        name = f"task-{number:03d}"
        case = ElementTree.SubElement(results, "testcase", name=name, classname="suite")
        said = client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": f"task {number}"}],
            extra_headers={"x-tierrouter-session": f"suite.{name}"},
        )
        text = said.choices[0].message.content
        if text != "right":
            ElementTree.SubElement(case, "failure", message=f"expected right, found {text}")
    folder = Path(os.environ["TIERROUTER_RESULTS_DIR"])
    ElementTree.ElementTree(results).write(folder / "results.xml", encoding="utf-8", xml_declaration=True)
    print(json.dumps({"tasks": tasks}))


def search(texts: list[str]) -> None:
    """Everything that this container can read, but for what the kernel makes up."""
    wanted = [text.encode() for text in texts]
    found = []
    skipped = ("/proc", "/sys", "/usr", "/lib", "/app/provider")
    files = [Path(place) for place in _PLACES]
    for folder, _, names in os.walk("/"):
        if not folder.startswith(skipped):
            files += [Path(folder, name) for name in names]
    looked_at = 0
    for file in files:
        try:
            if file.stat().st_size > 20_000_000 or not (file.is_file()):
                continue
            data = file.read_bytes()
        except OSError:
            continue
        looked_at += 1
        found += [str(file) for text in wanted if text in data]
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    print(json.dumps({"found": found, "looked_at": looked_at, "processes": len(processes)}))


def main() -> None:
    """Do what the arguments say."""
    what, *rest = sys.argv[1:]
    match what:
        case "turns":
            turns(int(rest[0]))
        case "loop":
            loop(float(rest[0]))
        case "stream":
            stream(int(rest[0]))
        case "suite":
            suite(int(rest[0]))
        case "search":
            search(rest)
        case "wait":
            import signal

            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            signal.pause()


main()
