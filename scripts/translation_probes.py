"""What requests and answers can hold, as small examples in each dialect that can say it.

Every example holds :data:`MARK` somewhere where the meaning is text, so that what was carried can be found again.
``docs/translation.md`` is made of them by ``translation_table.py``.
"""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect

MARK = "m4rk"
Body = Mapping[str, Any]

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
_PNG = f"data:image/png;base64,{PIXEL}"
_PDF = "JVBERi0xLjQK"
_SCHEMA = {
    "type": "object",
    "properties": {MARK: {"type": "string"}},
    "required": [MARK],
    "additionalProperties": False,
}
_FUNCTION = {"name": MARK, "description": "d", "parameters": _SCHEMA}


def chat(*said: Any, **fields: Any) -> dict[str, Any]:
    """A Chat request; without ``said`` the user says hello."""
    return {"model": "auto", "messages": list(said) or [{"role": "user", "content": "hello"}], **fields}


def responses(*said: Any, **fields: Any) -> dict[str, Any]:
    """A Responses request; without ``said`` the user says hello."""
    return {"model": "auto", "input": list(said) or [{"role": "user", "content": "hello"}], **fields}


def messages(*said: Any, **fields: Any) -> dict[str, Any]:
    """A Messages request; without ``said`` the user says hello."""
    given = list(said) or [{"role": "user", "content": "hello"}]
    return {"model": "auto", "max_tokens": 100, "messages": given, **fields}


def _said(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


_HELLO = _said("hello")
_LATER = _said("go on")
_CHAT_TOOL = {"type": "function", "function": _FUNCTION}
_CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": MARK, "arguments": "{}"}}
_CHAT_CALLED = {"role": "assistant", "content": None, "tool_calls": [_CHAT_CALL]}
_RESPONSES_TOOL = {"type": "function", **_FUNCTION}
_RESPONSES_CALLED = {"type": "function_call", "call_id": "c1", "name": MARK, "arguments": "{}"}
_MESSAGES_TOOL = {"name": MARK, "description": "d", "input_schema": _SCHEMA}
_MESSAGES_CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": MARK, "input": {}}]}
_ADDED = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": _MESSAGES_TOOL}}
_CUSTOM = {"type": "custom", "name": MARK, "description": "d"}
_GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}


def _chat_result(content: Any) -> dict[str, Any]:
    return chat(_HELLO, _CHAT_CALLED, {"role": "tool", "tool_call_id": "c1", "content": content}, tools=[_CHAT_TOOL])


def _responses_result(output: Any) -> dict[str, Any]:
    result = {"type": "function_call_output", "call_id": "c1", "output": output}
    return responses(_HELLO, _RESPONSES_CALLED, result, tools=[_RESPONSES_TOOL])


def _messages_result(content: Any, **more: Any) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": content, **more}
    return messages(_HELLO, _MESSAGES_CALLED, _said([result]), tools=[_MESSAGES_TOOL])


REQUESTS: Mapping[str, Mapping[Dialect, Body]] = {
    "text": {
        CHAT: chat(_said(MARK)),
        RESPONSES: responses(_said([{"type": "input_text", "text": MARK}])),
        MESSAGES: messages(_said([{"type": "text", "text": MARK}])),
    },
    "instructions": {
        CHAT: chat({"role": "system", "content": MARK}, _HELLO),
        RESPONSES: responses(instructions=MARK),
        MESSAGES: messages(system=MARK),
    },
    "instructions in mid-conversation": {
        CHAT: chat(_HELLO, {"role": "system", "content": MARK}),
        RESPONSES: responses(_HELLO, {"role": "developer", "content": MARK}),
        MESSAGES: messages(_HELLO, {"role": "system", "content": MARK}),
    },
    "image, as data": {
        CHAT: chat(_said([{"type": "image_url", "image_url": {"url": _PNG}}, {"type": "text", "text": MARK}])),
        RESPONSES: responses(_said([{"type": "input_image", "image_url": _PNG}, {"type": "input_text", "text": MARK}])),
        MESSAGES: messages(
            _said(
                [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    {"type": "text", "text": MARK},
                ]
            )
        ),
    },
    "image, by URL": {
        CHAT: chat(_said([{"type": "image_url", "image_url": {"url": f"https://a.example/{MARK}"}}])),
        RESPONSES: responses(_said([{"type": "input_image", "image_url": f"https://a.example/{MARK}"}])),
        MESSAGES: messages(_said([{"type": "image", "source": {"type": "url", "url": f"https://a.example/{MARK}"}}])),
    },
    "PDF, as data": {
        CHAT: chat(
            _said(
                [
                    {"type": "file", "file": {"filename": MARK, "file_data": f"data:application/pdf;base64,{_PDF}"}},
                ]
            )
        ),
        RESPONSES: responses(
            _said([{"type": "input_file", "filename": MARK, "file_data": f"data:application/pdf;base64,{_PDF}"}])
        ),
        MESSAGES: messages(
            _said(
                [
                    {
                        "type": "document",
                        "title": MARK,
                        "source": {"type": "base64", "media_type": "application/pdf", "data": _PDF},
                    },
                ]
            )
        ),
    },
    "PDF, by URL": {
        RESPONSES: responses(_said([{"type": "input_file", "file_url": f"https://a.example/{MARK}"}])),
        MESSAGES: messages(
            _said([{"type": "document", "source": {"type": "url", "url": f"https://a.example/{MARK}"}}])
        ),
    },
    "text document": {
        MESSAGES: messages(
            _said([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": MARK}}])
        ),
    },
    "search result": {
        MESSAGES: messages(
            _said([{"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": MARK}]}])
        ),
    },
    "sound": {
        CHAT: chat(_said([{"type": "input_audio", "input_audio": {"data": MARK, "format": "wav"}}])),
        RESPONSES: responses(_said([{"type": "input_audio", "input_audio": {"data": MARK, "format": "wav"}}])),
    },
    "file by the vendor's id": {
        CHAT: chat(_said([{"type": "file", "file": {"file_id": MARK}}])),
        RESPONSES: responses(_said([{"type": "input_file", "file_id": MARK}])),
        MESSAGES: messages(_said([{"type": "document", "source": {"type": "file", "file_id": MARK}}])),
    },
    "names of speakers": {
        CHAT: chat(
            {"role": "user", "name": MARK, "content": "a"}, {"role": "user", "name": f"{MARK}2", "content": "b"}
        ),
    },
    "tool": {
        CHAT: chat(tools=[_CHAT_TOOL]),
        RESPONSES: responses(tools=[_RESPONSES_TOOL]),
        MESSAGES: messages(tools=[_MESSAGES_TOOL]),
    },
    "strict tool": {
        CHAT: chat(tools=[{"type": "function", "function": {**_FUNCTION, "strict": True}}]),
        RESPONSES: responses(tools=[{**_RESPONSES_TOOL, "strict": True}]),
        MESSAGES: messages(tools=[{**_MESSAGES_TOOL, "strict": True}]),
    },
    "custom (freeform) tool": {
        CHAT: chat(tools=[{"type": "custom", "custom": {"name": MARK, "description": "d"}}]),
        RESPONSES: responses(tools=[_CUSTOM]),
    },
    "custom tool with a grammar": {
        CHAT: chat(
            tools=[
                {
                    "type": "custom",
                    "custom": {
                        "name": MARK,
                        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
                    },
                }
            ]
        ),
        RESPONSES: responses(tools=[{**_CUSTOM, "format": _GRAMMAR}]),
    },
    "tools in namespaces": {
        RESPONSES: responses(tools=[{"type": "namespace", "name": "fs", "tools": [_RESPONSES_TOOL]}]),
    },
    "tools declared in mid-conversation": {
        RESPONSES: responses(
            {"type": "additional_tools", "role": "developer", "tools": [_RESPONSES_TOOL]}, _said("hello")
        ),
        MESSAGES: messages(
            _HELLO,
            {
                "role": "system",
                "content": [
                    {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": _MESSAGES_TOOL}}
                ],
            },
        ),
    },
    "tool search by the client": {
        RESPONSES: responses(
            tools=[{"type": "tool_search", "execution": "client", "description": MARK, "parameters": _SCHEMA}]
        ),
    },
    "tool that the vendor runs, merely declared": {
        RESPONSES: responses(tools=[{"type": "web_search"}, _RESPONSES_TOOL]),
        MESSAGES: messages(tools=[{"type": "web_search_20250305", "name": "web_search"}, _MESSAGES_TOOL]),
    },
    "tool that the vendor runs, forced or alone": {
        CHAT: chat(web_search_options={}),
        RESPONSES: responses(tools=[{"type": "web_search"}]),
        MESSAGES: messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    },
    "a tool must be called": {
        CHAT: chat(tools=[_CHAT_TOOL], tool_choice="required"),
        RESPONSES: responses(tools=[_RESPONSES_TOOL], tool_choice="required"),
        MESSAGES: messages(tools=[_MESSAGES_TOOL], tool_choice={"type": "any"}),
    },
    "this tool must be called": {
        CHAT: chat(tools=[_CHAT_TOOL], tool_choice={"type": "function", "function": {"name": MARK}}),
        RESPONSES: responses(tools=[_RESPONSES_TOOL], tool_choice={"type": "function", "name": MARK}),
        MESSAGES: messages(tools=[_MESSAGES_TOOL], tool_choice={"type": "tool", "name": MARK}),
    },
    "no tool may be called": {
        CHAT: chat(tools=[_CHAT_TOOL], tool_choice="none"),
        RESPONSES: responses(tools=[_RESPONSES_TOOL], tool_choice="none"),
        MESSAGES: messages(tools=[_MESSAGES_TOOL], tool_choice={"type": "none"}),
    },
    "only these tools may be called": {
        CHAT: chat(
            tools=[_CHAT_TOOL, {"type": "function", "function": {**_FUNCTION, "name": "other"}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": MARK}}]},
            },
        ),
        RESPONSES: responses(
            tools=[_RESPONSES_TOOL, {**_RESPONSES_TOOL, "name": "other"}],
            tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": MARK}]},
        ),
    },
    "one tool call at a time": {
        CHAT: chat(tools=[_CHAT_TOOL], parallel_tool_calls=False),
        RESPONSES: responses(tools=[_RESPONSES_TOOL], parallel_tool_calls=False),
        MESSAGES: messages(tools=[_MESSAGES_TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    },
    "tool call and its result": {
        CHAT: _chat_result(MARK),
        RESPONSES: _responses_result(MARK),
        MESSAGES: _messages_result(MARK),
    },
    "custom tool call and its result": {
        CHAT: chat(
            _HELLO,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": MARK}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ),
        RESPONSES: responses(
            _HELLO,
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": MARK},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        ),
    },
    "result that is an error": {
        MESSAGES: _messages_result(MARK, is_error=True),
    },
    "image in a result": {
        RESPONSES: _responses_result(
            [{"type": "input_image", "image_url": _PNG}, {"type": "input_text", "text": MARK}]
        ),
        MESSAGES: _messages_result(
            [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "text", "text": MARK},
            ]
        ),
    },
    "beginning of the answer (prefill)": {
        CHAT: chat(_HELLO, {"role": "assistant", "content": MARK}),
        RESPONSES: responses(_HELLO, {"role": "assistant", "content": [{"type": "output_text", "text": MARK}]}),
        MESSAGES: messages(_HELLO, {"role": "assistant", "content": MARK}),
    },
    "refusal in the history": {
        CHAT: chat(_HELLO, {"role": "assistant", "content": None, "refusal": MARK}, _LATER),
        RESPONSES: responses(_HELLO, {"role": "assistant", "content": [{"type": "refusal", "refusal": MARK}]}, _LATER),
    },
    "reasoning of another vendor in the history": {
        CHAT: chat(_HELLO, {"role": "assistant", "content": "a", "reasoning_content": MARK}, _LATER),
        RESPONSES: responses(
            _HELLO,
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": MARK}], "encrypted_content": "blob"},
            {"role": "assistant", "content": "a"},
            _LATER,
        ),
        MESSAGES: messages(
            _HELLO,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": MARK, "signature": "sig"},
                    {"type": "text", "text": "a"},
                ],
            },
            _LATER,
        ),
    },
    "effort of thinking": {
        CHAT: chat(reasoning_effort="low"),
        RESPONSES: responses(reasoning={"effort": "low"}),
        MESSAGES: messages(thinking={"type": "adaptive"}, output_config={"effort": "low"}),
    },
    "budget of thinking": {
        CHAT: chat(reasoning={"max_tokens": 2048}),
        MESSAGES: messages(thinking={"type": "enabled", "budget_tokens": 2048}),
    },
    "output cap": {
        CHAT: chat(max_completion_tokens=77),
        RESPONSES: responses(max_output_tokens=77),
        MESSAGES: messages(max_tokens=77),
    },
    "stop sequences": {
        CHAT: chat(stop=[MARK]),
        MESSAGES: messages(stop_sequences=[MARK]),
    },
    "more than four stop sequences": {
        MESSAGES: messages(stop_sequences=[f"{MARK}{number}" for number in range(5)]),
    },
    "temperature, top_p": {
        CHAT: chat(temperature=0.5),
        RESPONSES: responses(temperature=0.5),
        MESSAGES: messages(temperature=0.5),
    },
    "top_k": {MESSAGES: messages(top_k=5)},
    "seed, penalties, logit_bias": {CHAT: chat(seed=7)},
    "several answers at once": {CHAT: chat(n=2)},
    "probabilities of tokens": {CHAT: chat(logprobs=True), RESPONSES: responses(top_logprobs=3)},
    "answer by a JSON Schema": {
        CHAT: chat(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}}),
        RESPONSES: responses(text={"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA}}),
        MESSAGES: messages(output_config={"format": {"type": "json_schema", "schema": _SCHEMA}}),
    },
    "answer as any JSON object": {
        CHAT: chat(response_format={"type": "json_object"}),
        RESPONSES: responses(text={"format": {"type": "json_object"}}),
    },
    "length of answers (verbosity)": {
        CHAT: chat(verbosity="low"),
        RESPONSES: responses(text={"verbosity": "low"}),
    },
    "hints on caching": {
        CHAT: chat(prompt_cache_key=MARK),
        RESPONSES: responses(prompt_cache_key=MARK),
        MESSAGES: messages(_said([{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}])),
    },
    "end user": {
        CHAT: chat(user="u"),
        RESPONSES: responses(safety_identifier="u"),
        MESSAGES: messages(metadata={"user_id": "u"}),
    },
    "labels (metadata)": {
        CHAT: chat(metadata={MARK: "x"}),
        RESPONSES: responses(metadata={MARK: "x"}),
    },
    "service tier": {
        CHAT: chat(service_tier="flex"),
        RESPONSES: responses(service_tier="flex"),
        MESSAGES: messages(service_tier="standard_only"),
    },
    "storing the answer": {CHAT: chat(store=True), RESPONSES: responses(store=True)},
    "an earlier response, a conversation, a stored prompt": {
        RESPONSES: responses(previous_response_id="resp_1"),
    },
    "a container, MCP servers": {
        MESSAGES: messages(mcp_servers=[{"type": "url", "url": "https://a.example", "name": "n"}]),
    },
    "how a long context is shortened": {
        RESPONSES: responses(truncation="auto"),
        MESSAGES: messages(context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}),
    },
    "a field that nobody knows": {
        CHAT: chat(frobnicate=1),
        RESPONSES: responses(frobnicate=1),
        MESSAGES: messages(frobnicate=1),
    },
}
"""By what they ask for; a dialect that is missing has no word for it."""
