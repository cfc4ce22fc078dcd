"""What an agent has to be told to use the sidecar: variables for its containers, and Codex's settings as a file.

A variable that a container has is never changed. Keys are placeholders, since agents insist on one; or the token, where
the sidecar wants to be shown one.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_core.contract import DATA_PORT, Agent
from tierrouter_operator.injection.token import SHOWN, TOKEN_VARIABLE, TokenSecret

ROOT_URL: Final = f"http://127.0.0.1:{DATA_PORT}"
OPENAI_URL: Final = f"{ROOT_URL}/v1"
PLACEHOLDER_KEY: Final = "tierrouter"
_LOOPBACK: Final = "127.0.0.1,localhost"
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_NO_PROXIES: Final = ("NO_PROXY", "no_proxy")
# A model that no provider knows is routed; Codex reads from a known name which tools it has.
_CODEX_MODEL: Final = "gpt-5.5"

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Windows:
    """The smallest window of the router's tiers, in tokens: an agent that compacts by it fits everywhere."""

    context: int
    output: int


@dataclass(frozen=True, slots=True)
class Environment:
    """What one container gets, and what stands in the way."""

    variables: tuple[Mapping[str, Any], ...]
    """As ``env`` has them, in their order."""
    warnings: tuple[str, ...]


# What each wire protocol's clients read. Who sets the address sets the key, so the two are never mixed.
def _groups(agent: Agent | None, key: str) -> tuple[Mapping[str, str], ...]:
    openai = {"OPENAI_BASE_URL": OPENAI_URL, "OPENAI_API_BASE": OPENAI_URL, "OPENAI_API_KEY": key}
    # Claude Code asks before it uses an API key from the environment, and not before it uses a token.
    name = "ANTHROPIC_AUTH_TOKEN" if agent is Agent.CLAUDE_CODE else "ANTHROPIC_API_KEY"
    return openai, {"ANTHROPIC_BASE_URL": ROOT_URL, name: key}


_ADDRESSES: Final = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL")
_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
"""One is enough, and both together are refused by some clients."""
_CLAUDE_CODE_SETTINGS: Final = {
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def environment(
    container: Obj, agent: Agent | None, windows: Windows | None, token: TokenSecret | None = None
) -> Environment:
    """The variables that a container gets beside its own."""
    key = PLACEHOLDER_KEY if token is None else SHOWN
    own = {str(each.get("name")): each for each in container.get("env") or ()}
    added: dict[str, str] = {}
    warnings: list[str] = []
    for group in _groups(agent, key):
        elsewhere = [name for name in group if name in _ADDRESSES and not _is_ours(own.get(name), group[name])]
        if elsewhere:
            where = f"container {container['name']} sets {elsewhere[0]} itself"
            warnings.append(f"{where}; what it sends there is not routed")
            continue
        has_key = any(name in own for name in _KEYS)
        mine = _KEYS if "ANTHROPIC_BASE_URL" in group else ("OPENAI_API_KEY",)
        keys = [name for name in mine if name in own]
        if token is not None and keys:
            where = f"container {container['name']} sets {keys[0]} itself"
            warnings.append(f"{where}; its turns are refused unless that is the token of Secret {token.name}")
        added |= {name: value for name, value in group.items() if not (has_key and name in _KEYS)}
    if agent is Agent.CLAUDE_CODE:
        added |= _CLAUDE_CODE_SETTINGS
    if agent is Agent.OPENCODE:
        added["OPENCODE_CONFIG_CONTENT"] = opencode_settings(windows, key)
    added |= _without_proxy(own)
    warnings += _proxied(container["name"], own)
    variables: list[Mapping[str, Any]] = [
        {"name": name, "value": value} for name, value in added.items() if name not in own
    ]
    if token is not None and TOKEN_VARIABLE not in own:
        # Before those that show it.
        variables.insert(0, token.variable())
    return Environment(tuple(variables), tuple(warnings))


def _is_ours(variable: Obj | None, value: str) -> bool:
    """Whether an address is missing, or already says what we would."""
    return variable is None or variable.get("value") == value


def _without_proxy(own: Mapping[str, Obj]) -> dict[str, str]:
    """A container that is told of a proxy is told that loopback is none of its business."""
    if not any(name in own for name in _PROXIES) or any(name in own for name in _NO_PROXIES):
        return {}
    return dict.fromkeys(_NO_PROXIES, _LOOPBACK)


def _proxied(container: str, own: Mapping[str, Obj]) -> Iterator[str]:
    if not any(name in own for name in _PROXIES):
        return
    for name in _NO_PROXIES:
        hosts = str(own[name].get("value", "")) if name in own else _LOOPBACK
        if hosts.strip() != "*" and "127.0.0.1" not in [host.strip() for host in hosts.split(",")]:
            yield f"container {container} sets a proxy, and {name} without 127.0.0.1: its turns go to the proxy; add it"


def opencode_settings(windows: Windows | None, key: str = PLACEHOLDER_KEY) -> str:
    """OpenCode's settings as it reads them from a variable: one provider, one model that is routed.

    Without known windows it does not compact on its own, and an answer says when a conversation is too long.
    """
    model: dict[str, Any] = {"name": "TierRouter"}
    if windows is not None:
        model["limit"] = {"context": windows.context, "output": windows.output}
    settings = {
        "provider": {
            "tierrouter": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "TierRouter",
                "options": {"baseURL": OPENAI_URL, "apiKey": key},
                "models": {"auto": model},
            }
        },
        "model": "tierrouter/auto",
    }
    return json.dumps(settings, separators=(",", ":"))


def codex_settings() -> str:
    """Codex's settings for a machine (TOML), below those of a user.

    Few retries, since the sidecar has its own; no web search, which only one provider's servers can do.
    """
    return f"""model = "{_CODEX_MODEL}"
model_provider = "tierrouter"
web_search = "disabled"

[model_providers.tierrouter]
name = "TierRouter"
base_url = "{OPENAI_URL}"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
request_max_retries = 1
stream_max_retries = 1
supports_websockets = false
"""
