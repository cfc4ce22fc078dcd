"""``python -m bench.tokens``: errors of token counts against a real tokenizer, turn by turn.

Sessions of an agent are made of this repository's own files: each turn adds a question, a call and what the call
gave back. What is counted before a turn is compared with what the tokenizer of the embedded model (SmolLM2, 49,152
tokens, one for every digit) makes of the same texts; then that number is reported, as a provider does.
"""

import json
import random
import statistics
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from bench.show import table
from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.token_estimate import Reported, estimate, next_rate, weigh
from tierrouter_sidecar.embedded.model import EmbeddedModel

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "prose": ["docs/*.md", "LICENSE"],
    "Python": ["core/**/*.py", "operator/**/*.py"],
    "YAML": ["crds/*.yaml", "charts/**/*.yaml"],
    "JSON in events": ["tests/unit/wire/golden/translation/*.txt"],
    "Go modules": ["tests/control_plane/go.sum"],
}
SESSIONS, TURNS = 12, 8
SYSTEM = "You are a coding agent. Read before you write, run the tests, and say what you did not try. " * 20
TOKENS_PER_MESSAGE = 4
LIMIT_PERCENT = 10.0


class Tokenizer:
    """The embedded model's."""

    def __init__(self, model: EmbeddedModel) -> None:
        self._url = model.base_url.removesuffix("/v1") + "/tokenize"
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {model.api_key}"}

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        data = json.dumps({"content": text}).encode()
        with urllib.request.urlopen(urllib.request.Request(self._url, data, self._headers)) as answer:
            return len(json.loads(answer.read())["tokens"])


def main() -> int:
    """Exit status: 0 if the 95th percentile after the first turn is within the limit for every kind, else 1."""
    model = EmbeddedModel.start()
    try:
        tokenizer = Tokenizer(model)
        rows, worst = [], 0.0
        for kind in (*KINDS, "all of them mixed"):
            first, later = _errors(kind, tokenizer)
            high = _percentile(later, 95)
            worst = max(worst, high)
            rows.append([kind, *(f"{100 * value:.1f} %" for value in (statistics.median(first), max(first)))])
            rows[-1] += [f"{100 * value:.1f} %" for value in (statistics.median(later), high, max(later))]
    finally:
        model.stop()
    print(table(["sessions of", "before: median", "greatest", "after one turn: median", "95 %", "greatest"], rows))
    return 0 if worst * 100 <= LIMIT_PERCENT else 1


def _errors(kind: str, tokenizer: Tokenizer) -> tuple[list[float], list[float]]:
    """Relative errors of a session's first count, by nothing known of the model, and of all later ones."""
    first, later = [], []
    for number in range(SESSIONS):
        rng = random.Random(f"{kind} {number}")
        before: Reported | None = None
        rate: float | None = None
        for body, texts in _session(kind, rng):
            weight = weigh(read_request(Dialect.MESSAGES, orjson.dumps(body)))
            counted = estimate(weight, before, rate or 1.0)
            true = sum(tokenizer.count(text) + TOKENS_PER_MESSAGE for text in texts)
            (first if before is None else later).append(abs(counted - true) / true)
            before = Reported(weight, true)
            rate = next_rate(rate, before)
    return first, later


def _session(kind: str, rng: random.Random) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The requests of one session, each with all texts that a model is shown of it."""
    patterns = KINDS.get(kind) or [pattern for each in KINDS.values() for pattern in each]
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    messages: list[dict[str, Any]] = []
    texts = [SYSTEM]
    for turn in range(TURNS):
        question = f"Look at part {turn} and tell me what could be simpler."
        messages.append({"role": "user", "content": question})
        text = rng.choice(files).read_text(encoding="utf-8")
        size = rng.randint(2_000, 8_000)
        start = rng.randrange(max(1, len(text) - size))
        excerpt = text[start : start + size]
        call = {"type": "tool_use", "id": f"toolu_{turn}", "name": "Read", "input": {"file_path": f"part_{turn}"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{turn}", "content": excerpt}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        texts += [question, 'Read {"file_path": "part"}', excerpt]
        yield {"model": "m", "max_tokens": 1000, "system": SYSTEM, "messages": messages}, texts


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    sys.exit(main())
