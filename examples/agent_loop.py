"""An agent loop through a running ``tierrouter run``: python examples/agent_loop.py [openai|anthropic] ["a prompt"]"""

import os
import sys
from datetime import datetime
from importlib import import_module
from typing import Any

from tierrouter_core.article import Predicates, log_spend, new_spend, resolve_with_fallback, spend_totals, tier_alias

SDK = sys.argv[1] if len(sys.argv) > 1 else "openai"  # or "anthropic"
PROMPT = sys.argv[2] if len(sys.argv) > 2 else "What time is it? Use the tool."
URL = os.environ.get("TIERROUTER_URL", "http://127.0.0.1:8383")
KEY = "the router has the real one"
TOOL, SCHEMA = {"name": "read_clock", "description": "The local date and time."}, {"type": "object", "properties": {}}
USD_PER_MTOK = {"kimi-k2-6": (0.95, 4.0), "gpt-5-5": (5.0, 30.0), "claude-opus-4-7": (5.0, 25.0)}  # input, output


def openai_turn(sdk: Any, model: str, max_tokens: int, messages: list[Any]) -> tuple[Any, str, bool, int, int]:
    """Headers, text, whether tools were called, input tokens, output tokens; ``messages`` grows by what was said."""
    chat = sdk.OpenAI(base_url=f"{URL}/v1", api_key=KEY).chat.completions.with_raw_response
    tools = [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]
    raw = chat.create(model=model, messages=messages, tools=tools)  # without a cap the tier's own is sent
    message, usage = raw.parse().choices[0].message, raw.parse().usage
    messages.append(message.model_dump(exclude_none=True))
    calls = message.tool_calls or []
    messages += [{"role": "tool", "tool_call_id": call.id, "content": f"{datetime.now():%c}"} for call in calls]
    return raw.headers, message.content or "", bool(calls), usage.prompt_tokens, usage.completion_tokens


def anthropic_turn(sdk: Any, model: str, max_tokens: int, messages: list[Any]) -> tuple[Any, str, bool, int, int]:
    """The same in the other dialect, where an output cap is a must."""
    api, tools = sdk.Anthropic(base_url=URL, api_key=KEY).messages.with_raw_response, [{**TOOL, "input_schema": SCHEMA}]
    raw = api.create(model=model, max_tokens=max_tokens, messages=messages, tools=tools)
    blocks, usage = raw.parse().content, raw.parse().usage
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in blocks]})
    calls = [block.id for block in blocks if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call, "content": f"{datetime.now():%c}"} for call in calls]
    messages += [{"role": "user", "content": results}] if results else []
    text = "".join(block.text for block in blocks if block.type == "text")
    return raw.headers, text, bool(calls), usage.input_tokens, usage.output_tokens


def main() -> str | None:
    """Run the loop; the string that it may return is what went wrong."""
    sdk, take_turn = import_module(SDK), {"openai": openai_turn, "anthropic": anthropic_turn}[SDK]
    task, messages, spend, busy = {"prompt": PROMPT}, [{"role": "user", "content": PROMPT}], new_spend(), set[str]()
    asks = Predicates(is_throttled=busy.__contains__, is_complex_planning=lambda task: "plan" in task["prompt"])
    for _ in range(8):
        model, tier = resolve_with_fallback(task, "routine", asks)
        try:
            headers, text, calls, t_in, t_out = take_turn(sdk, tier_alias(model), tier["max_tokens"], messages)
        except sdk.RateLimitError:
            busy.add(model)
            continue
        except sdk.APIConnectionError:
            return f"Nothing answers at {URL}: start `tierrouter run` first, or set TIERROUTER_URL."
        except sdk.APIStatusError as error:
            return f"{URL} refused the turn: {error.message}"
        tier_name, served, reason = (headers.get(f"x-tierrouter-{name}", "?") for name in ("tier", "model", "reason"))
        usd_in, usd_out = USD_PER_MTOK.get(served, (0, 0))
        spend = log_spend(spend, served, t_in, t_out, (t_in * usd_in + t_out * usd_out) / 1e6)
        print(f"{tier_name} ({served}), {reason}", text, f"spent so far: {spend_totals(spend)}", sep="\n")
        if not calls:
            break
    return None


if __name__ == "__main__":
    sys.exit(main())
