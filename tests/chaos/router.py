"""The router file of the run, and how it changes meanwhile."""

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

_ROUTER = """
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {{name: chaos, namespace: agents}}
spec:
  tiers:
    - {{name: routine,   rank: 1, model: kimi,        provider: every,    fallbackTo: [fallback, spare, other, deep], hedgeTo: other}}
    - {{name: reasoning, rank: 2, model: {reasoning}, provider: every,    fallbackTo: [other, fallback, spare], expensive: true}}
    - {{name: deep,      rank: 3, model: opus,        provider: messages, fallbackTo: [reasoning, spare, fallback], expensive: true}}
    - {{name: local,     rank: 0, model: qwen,        provider: chat,     fallbackTo: [routine, fallback, other], hedgeTo: spare}}
    - {{name: fallback,  rank: 1, model: flash,       provider: chat,     fallbackTo: [spare, other]}}
    - {{name: spare,     rank: 1, model: glm,         provider: every,    fallbackTo: [other, fallback]}}
    - {{name: other,     rank: 2, model: haiku,       provider: messages, fallbackTo: [fallback, spare]}}
  defaultTier: routine
  fallbackTier: fallback
  baselineModel: kimi
  thresholds:
    - {{name: file_count, value: {file_count}, min: 1, max: 30, onRegression: -1, onPromotion: 1}}
  rules:
    - {{name: sandboxed, when: "task.sandboxed", tier: local}}
    - {{name: wide-change, when: "task.file_count > thresholds.file_count", tier: reasoning}}
  hints: {{allow: [routine, reasoning, deep, local], modelAliases: true}}
  failover: {{connectTimeout: 500ms, headersTimeout: {headers_ms}ms, firstTokenTimeout: {first_token_ms}ms, idleTimeout: {idle_ms}ms, totalTimeout: 8s, maxAttempts: {attempts}, resumeCutStreams: {resume}, circuit: {{failures: {failures}, coolDown: {cool_down_ms}ms}}}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: every}}
spec:
  baseURL: {every}
  dialects: [OpenAIChat, OpenAIResponses, AnthropicMessages]
  models:
    - {{name: kimi, id: vendor/kimi, contextWindow: 262144, priceUSDPerMTok: {{input: "1", output: "4"}}}}
    - {{name: glm, id: vendor/glm, capabilities: {{prefill: true}}, contextWindow: 262144, priceUSDPerMTok: {{input: "1", output: "4"}}}}
    - {{name: gpt-large, id: gpt-large, contextWindow: 400000, priceUSDPerMTok: {{input: "5", output: "30"}}}}
    - {{name: gpt-larger, id: gpt-larger, contextWindow: 400000, priceUSDPerMTok: {{input: "6", output: "36"}}}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: messages}}
spec:
  baseURL: {messages}
  dialects: [AnthropicMessages]
  models:
    - {{name: opus, id: claude-opus-4-7, contextWindow: 1000000, maxOutputTokens: 32000, priceUSDPerMTok: {{input: "5", output: "25"}}}}
    - {{name: haiku, id: claude-haiku-4-5, capabilities: {{prefill: true}}, contextWindow: 200000, maxOutputTokens: 32000, priceUSDPerMTok: {{input: "1", output: "5"}}}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: chat}}
spec:
  baseURL: {chat}
  dialects: [OpenAIChat]
  models:
    - {{name: qwen, id: "qwen:27b", contextWindow: 65536, priceUSDPerMTok: {{input: "0.01", output: "0.01"}}}}
    - {{name: flash, id: flash, capabilities: {{prefill: true}}, contextWindow: 262144, priceUSDPerMTok: {{input: "0.1", output: "0.3"}}}}
"""
INVALID = "spec: [this is no router"


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """What changes while it runs. Whichever it is, a turn belongs to the same tier."""

    file_count: int = 8
    reasoning: str = "gpt-large"
    headers_ms: int = 1000
    first_token_ms: int = 1500
    idle_ms: int = 1000
    attempts: int = 3
    failures: int = 3
    cool_down_ms: int = 500
    resume: str = "true"


def changed(settings: RouterSettings, rng: random.Random) -> RouterSettings:
    """One change: a threshold, a tier's model, or how patient the router is."""
    match rng.randrange(3):
        case 0:
            return replace(settings, file_count=rng.randint(1, 30))
        case 1:
            return replace(settings, reasoning=rng.choice(("gpt-large", "gpt-larger")))
    return replace(
        settings,
        headers_ms=rng.choice((800, 1000, 1500)),
        first_token_ms=rng.choice((1200, 1500, 2000)),
        idle_ms=rng.choice((800, 1000, 1500)),
        attempts=rng.randint(2, 5),
        failures=rng.randint(2, 6),
        cool_down_ms=rng.choice((300, 500, 1000)),
        resume=rng.choice(("true", "true", "false")),
    )


def write(file: Path, addresses: dict[str, str], settings: RouterSettings) -> None:
    """Write the router file, in one step as editors do.

    Args:
        addresses: ``baseURL`` by provider.
    """
    values = {name: getattr(settings, name) for name in RouterSettings.__dataclass_fields__}
    _swap(file, _ROUTER.format(**addresses, **values))


def write_invalid(file: Path) -> None:
    """A file that is refused; what was in force before stays so."""
    _swap(file, INVALID)


def _swap(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, file)
