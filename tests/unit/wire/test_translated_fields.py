"""What becomes of single fields on the way to another dialect: an example for each rule."""

from typing import Any

import orjson
import pytest

from tierrouter_core.names import Dialect
from tierrouter_core.wire.plain_schema import plain_schema
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.sealed import Sealed, seal
from tierrouter_core.wire.translate import Refused, Translated, translate_request

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
KEY = b"the key of the tests"
OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com/v1"
OPENROUTER, DEEPSEEK = "https://openrouter.ai/api/v1", "https://api.deepseek.com/v1"
OLLAMA, VLLM, LLAMA_CPP = "http://127.0.0.1:11434/v1", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8080/v1"
SCHEMA = {"type": "object", "properties": {"p": {"type": "string"}}}
USER = {"role": "user", "content": "go"}
DATA = "aGk="


def translated(
    source: Dialect,
    target: Dialect,
    body: dict[str, Any],
    *,
    at: str = "https://models.example/v1",
    model: str = "vendor/model",
    **capabilities: bool,
) -> Translated | Refused:
    needed: dict[str, Any] = {"model": "auto", **({"max_tokens": 100} if source is MESSAGES else {})}
    wanted = Wanted(model_id=model, profile=profile_of(at, model, capabilities), seal_key=KEY)
    return translate_request(read_request(source, orjson.dumps({**needed, **body})), target, wanted)


def sent(*args: Any, **kwargs: Any) -> dict[str, Any]:
    got = translated(*args, **kwargs)
    assert isinstance(got, Translated), got
    return orjson.loads(got.body)


def lost(*args: Any, **kwargs: Any) -> tuple[str, ...]:
    got = translated(*args, **kwargs)
    assert isinstance(got, Translated), got
    return got.lost


def refused(*args: Any, **kwargs: Any) -> Refused:
    got = translated(*args, **kwargs)
    assert isinstance(got, Refused), got
    return got


# Instructions.


def test_the_block_for_anthropics_bill_goes_to_nobody_else() -> None:
    blocks = [{"type": "text", "text": "x-anthropic-billing-header: cc"}, {"type": "text", "text": "Be brief."}]
    body = {"system": blocks, "messages": [USER]}
    assert sent(MESSAGES, CHAT, body)["messages"][0] == {"role": "system", "content": "Be brief."}
    assert lost(MESSAGES, CHAT, body) == ("billing",)


def test_openais_reasoning_models_are_told_by_a_developer() -> None:
    body = {"system": "Be brief.", "messages": [USER]}
    assert sent(MESSAGES, CHAT, body, at=OPENAI, model="gpt-5.5")["messages"][0]["role"] == "developer"
    assert sent(MESSAGES, CHAT, body, at=OPENAI, model="gpt-4o")["messages"][0]["role"] == "system"


def test_several_developers_of_responses_stay_apart_where_they_can() -> None:
    given = [{"role": "developer", "content": "One."}, {"role": "system", "content": "Two."}, USER]
    assert [block["text"] for block in sent(RESPONSES, MESSAGES, {"input": given})["system"]] == ["One.", "Two."]
    assert sent(RESPONSES, CHAT, {"input": given})["messages"][0]["content"] == "One.\n\nTwo."


def test_speakers_of_one_role_keep_their_names_in_what_they_say() -> None:
    two = [{"role": "user", "name": "ann", "content": "a"}, {"role": "user", "name": "bob", "content": "b"}]
    assert sent(CHAT, MESSAGES, {"messages": two})["messages"][0]["content"] == [
        {"type": "text", "text": "ann: a"},
        {"type": "text", "text": "bob: b"},
    ]
    assert lost(CHAT, MESSAGES, {"messages": two}) == ()
    assert lost(CHAT, MESSAGES, {"messages": two[:1]}) == ("name",)


# Tools.


def test_codexs_tools_are_functions_elsewhere_and_openais_own_here() -> None:
    patch = {
        "type": "custom",
        "name": "apply_patch",
        "description": "Patches.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
    }
    group = {"type": "namespace", "name": "fs", "tools": [{"type": "function", "name": "ls", "parameters": SCHEMA}]}
    declared = {"type": "additional_tools", "role": "developer", "tools": [patch, group]}
    body = {"input": [declared, {"role": "user", "content": "go"}]}
    functions = [tool["function"] for tool in sent(RESPONSES, CHAT, body)["tools"]]
    assert [function["name"] for function in functions] == ["apply_patch", "fs__ls"]
    assert functions[0]["parameters"]["required"] == ["input"]
    assert "must match this lark grammar:\nstart: x" in functions[0]["description"]
    assert [tool["name"] for tool in sent(RESPONSES, MESSAGES, body)["tools"]] == ["apply_patch", "fs__ls"]
    chat = {"messages": [USER], "tools": [{"type": "custom", "custom": {"name": "free"}}]}
    assert sent(CHAT, RESPONSES, chat, at=OPENAI, model="gpt-5.5")["tools"][0]["type"] == "custom"


def test_strictness_is_said_where_leaving_it_out_means_something_else() -> None:
    tool = {"type": "function", "function": {"name": "ls", "parameters": SCHEMA}}
    assert sent(CHAT, RESPONSES, {"messages": [USER], "tools": [tool]})["tools"][0]["strict"] is False
    assert "strict" not in sent(MESSAGES, CHAT, {"messages": [USER], "tools": [messages_tool("ls")]})["tools"][0]


def messages_tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": SCHEMA, **more}


def test_a_deferred_tool_is_shown_once_the_conversation_names_it() -> None:
    tools = [messages_tool("ls"), messages_tool("rare", defer_loading=True)]
    assert [
        each["function"]["name"] for each in sent(MESSAGES, CHAT, {"messages": [USER], "tools": tools})["tools"]
    ] == ["ls"]
    found = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "tool_reference", "tool_name": "rare"}]}
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "ls", "input": {}}]}
    body = {"messages": [USER, called, {"role": "user", "content": [found]}], "tools": tools}
    assert len(sent(MESSAGES, CHAT, body)["tools"]) == 2
    assert sent(MESSAGES, CHAT, body)["messages"][-1]["content"] == "Tool available: rare"


def test_tools_come_and_go_in_mid_conversation() -> None:
    def change(kind: str, **tool: Any) -> dict[str, Any]:
        return {"role": "system", "content": [{"type": kind, "tool": tool}]}

    added = change("tool_addition", type="tool_definition", definition=messages_tool("late"))
    gone = change("tool_removal", type="tool_reference", name="ls")
    back = change("tool_addition", type="tool_reference", name="ls")

    def names(*messages: dict[str, Any]) -> list[str]:
        body = {"messages": [USER, *messages], "tools": [messages_tool("ls")]}
        return [tool["function"]["name"] for tool in sent(MESSAGES, CHAT, body).get("tools", [])]

    assert names(added) == ["ls", "late"]
    assert names(gone) == []
    assert names(gone, back) == ["ls"]
    server = change("tool_addition", type="mcp_toolset_reference", name="x")
    assert refused(MESSAGES, CHAT, {"messages": [USER, server]}).field == "messages.1.content.0"


def test_names_that_a_dialect_does_not_take_are_hashed_alike_on_every_turn() -> None:
    long = "n" * 80
    tool = {"type": "function", "name": long, "parameters": SCHEMA}
    call = {"type": "function_call", "call_id": "c", "name": long, "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    body = sent(RESPONSES, CHAT, {"input": [USER, call, result], "tools": [tool]})
    name = body["tools"][0]["function"]["name"]
    assert len(name) == 64
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == name


def test_only_the_tools_that_may_be_called_are_shown_to_servers_without_a_word_for_it() -> None:
    tools = [{"type": "function", "name": name, "parameters": SCHEMA} for name in ("ls", "rm")]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "ls"}]}
    body = sent(RESPONSES, MESSAGES, {"input": [USER], "tools": tools, "tool_choice": allowed})
    assert [tool["name"] for tool in body["tools"]] == ["ls"]
    assert body["tool_choice"] == {"type": "any"}


def test_schemas_lose_notes_and_references_for_servers_that_make_grammars_of_them() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "$defs": {"path": {"type": "string", "format": "uri"}},
        "properties": {"p": {"$ref": "#/$defs/path"}, "format": {"type": "string"}, "loop": {"$ref": "#"}},
    }
    body = {"messages": [USER], "tools": [{"name": "ls", "input_schema": schema}]}
    plain = sent(MESSAGES, CHAT, body, at=LLAMA_CPP)["tools"][0]["function"]["parameters"]
    assert plain["properties"]["p"] == {"type": "string"}
    assert plain["properties"]["format"] == {"type": "string"}, "a property may be called so"
    assert "$schema" not in plain
    assert "$defs" not in plain
    assert "$ref" not in str(plain)
    assert sent(MESSAGES, CHAT, body)["tools"][0]["function"]["parameters"] == schema
    assert sent(MESSAGES, CHAT, body, plainSchemas=True)["tools"][0]["function"]["parameters"] == plain


@pytest.mark.parametrize("reference", ["#/nowhere", "https://elsewhere.example/schema"])
def test_a_reference_that_leads_nowhere_here_allows_anything_or_stays(reference: str) -> None:
    assert plain_schema({"properties": {"p": {"$ref": reference}}})["properties"]["p"] in ({}, {"$ref": reference})


# Calls and results.


def test_what_went_wrong_is_said_in_words_where_there_is_no_flag() -> None:
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "ls", "input": {}}]}
    failed = {"type": "tool_result", "tool_use_id": "c", "content": "no such file", "is_error": True}
    body = {"messages": [USER, called, {"role": "user", "content": [failed]}]}
    assert sent(MESSAGES, CHAT, body)["messages"][-1]["content"] == "[tool error]\nno such file"
    assert sent(MESSAGES, RESPONSES, body)["input"][-1]["output"] == "[tool error]\nno such file"


def test_chats_results_are_text_and_their_pictures_follow_all_of_them() -> None:
    calls = [{"type": "tool_use", "id": id_, "name": "look", "input": {}} for id_ in ("a", "b")]
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
    results = [
        {"type": "tool_result", "tool_use_id": "b", "content": []},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "see"}, picture]},
    ]
    body = {"messages": [USER, {"role": "assistant", "content": calls}, {"role": "user", "content": results}]}
    first, second, shown = sent(MESSAGES, CHAT, body)["messages"][-3:]
    assert (first["tool_call_id"], first["content"]) == ("a", "see\n[image 1 of call a: see next message]")
    assert (second["tool_call_id"], second["content"]) == ("b", "(no output)")
    assert shown["role"] == "user"
    assert shown["content"][1]["image_url"]["url"] == f"data:image/png;base64,{DATA}"


def test_a_custom_tools_past_calls_are_wrapped_where_its_tool_is() -> None:
    given = [
        USER,
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "Done!"},
    ]
    call = sent(RESPONSES, CHAT, {"input": given})["messages"][1]["tool_calls"][0]
    assert orjson.loads(call["function"]["arguments"]) == {"input": "*** Begin"}
    assert sent(RESPONSES, MESSAGES, {"input": given})["messages"][1]["content"][0]["input"] == {"input": "*** Begin"}


def test_broken_arguments_keep_a_conversation_sendable() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": '{"p": '}}
    body = {"messages": [USER, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c"}]}
    assert sent(CHAT, MESSAGES, body)["messages"][1]["content"][0]["input"] == {"__raw_arguments": '{"p": '}


@pytest.mark.parametrize("id_", ["call with spaces", "c" * 80, "ünï"])
def test_ids_that_a_dialect_does_not_take_are_hashed_in_call_and_result_alike(id_: str) -> None:
    call = {"id": id_, "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    body = {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id_, "content": "x"},
        ]
    }
    got = sent(CHAT, MESSAGES, body)["messages"]
    assert got[1]["content"][0]["id"] == got[2]["content"][0]["tool_use_id"]
    assert got[1]["content"][0]["id"].replace("_", "").replace("-", "").isascii()


def test_a_call_without_its_result_is_refused_with_both_named() -> None:
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "c7", "name": "ls", "input": {}}]}
    why = refused(MESSAGES, CHAT, {"messages": [USER, called, USER]})
    assert (why.field, "c7" in why.why) == ("messages.1.content.0", True)
    lone = {"type": "function_call_output", "call_id": "c9", "output": ""}
    assert refused(RESPONSES, CHAT, {"input": [USER, lone]}).field == "input.1"


# Pictures and documents.


def test_what_a_model_does_not_take_is_refused_by_the_clients_own_path() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    body = {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "?"}, picture]}]}
    assert refused(CHAT, MESSAGES, body, vision=False).field == "messages.1.content.1"
    messages_body = {
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]
    }
    why = refused(MESSAGES, CHAT, messages_body, at=OLLAMA)
    assert why.why == "the model's server takes images only as data, not by URL"


def test_a_text_document_is_text_elsewhere() -> None:
    document = {"type": "document", "title": "Notes", "context": "of today", "source": {"type": "text", "data": "a b"}}
    got = sent(MESSAGES, CHAT, {"messages": [{"role": "user", "content": [document]}]})["messages"][0]["content"]
    assert [part["text"] for part in got] == ["[document: Notes]\na b", "of today"]


# Thinking.


def sealed(vendor: str, proof: str = "sig") -> dict[str, Any]:
    return {"type": "thinking", "thinking": "hm", "signature": seal(KEY, Sealed(vendor, proof, "rs_1"))}


def after_thinking(thought: dict[str, Any]) -> dict[str, Any]:
    called = {"role": "assistant", "content": [thought, {"type": "tool_use", "id": "c", "name": "ls", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}]}
    return {"messages": [USER, called, result]}


def test_openai_gets_its_own_reasoning_back_and_no_other_vendors() -> None:
    own = sent(MESSAGES, RESPONSES, after_thinking(sealed("openai", "blob")), at=OPENAI, model="gpt-5.5")["input"]
    assert own[1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "blob",
    }
    for thought in (sealed("anthropic"), sealed("deepseek"), {**sealed("openai"), "signature": "tr1.bent.x"}):
        body = after_thinking(thought)
        kinds = [item["type"] for item in sent(MESSAGES, RESPONSES, body, at=OPENAI, model="gpt-5.5")["input"]]
        assert "reasoning" not in kinds
        assert lost(MESSAGES, RESPONSES, body, at=OPENAI, model="gpt-5.5") == ("reasoning",)


def test_deepseek_gets_its_own_words_back_and_an_empty_field_for_anothers() -> None:
    own = sent(MESSAGES, CHAT, after_thinking(sealed("deepseek", "")), at=DEEPSEEK, model="deepseek-v4-flash")
    assert own["messages"][1]["reasoning_content"] == "hm"
    other = sent(MESSAGES, CHAT, after_thinking(sealed("anthropic")), at=DEEPSEEK, model="deepseek-v4-flash")
    assert other["messages"][1]["reasoning_content"] == ""
    plain = sent(MESSAGES, CHAT, after_thinking(sealed("anthropic")))
    assert "reasoning_content" not in plain["messages"][1]


@pytest.mark.parametrize(
    ("at", "model", "effort", "said"),
    [
        (OPENAI, "gpt-5.5", "max", {"reasoning_effort": "xhigh"}),
        (OPENROUTER, "moonshotai/kimi-k2.6", "high", {"reasoning": {"effort": "high"}}),
        (DEEPSEEK, "deepseek-v4-flash", "medium", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        (DEEPSEEK, "deepseek-v4-flash", "none", {"thinking": {"type": "disabled"}}),
        (OLLAMA, "qwen3.6:27b", "xhigh", {"reasoning_effort": "high"}),
        (OLLAMA, "qwen3.6:27b", "none", {"reasoning_effort": "none"}),
        (VLLM, "some/model", "low", {"reasoning_effort": "low"}),
    ],
)
def test_effort_is_said_in_the_servers_words(at: str, model: str, effort: str, said: dict[str, Any]) -> None:
    body = sent(RESPONSES, CHAT, {"input": "go", "reasoning": {"effort": effort}}, at=at, model=model)
    assert {key: body.get(key) for key in said} == said


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        ("claude-opus-4-7", "low", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-opus-4-7", "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", "none", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-haiku-4-5", "medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ("claude-haiku-4-5", "minimal", {"thinking": {"type": "disabled"}}),
    ],
)
def test_claude_thinks_in_the_way_of_its_generation(model: str, effort: str, said: dict[str, Any]) -> None:
    asked = {"messages": [USER], "reasoning_effort": effort, "max_completion_tokens": 32_000}
    body = sent(CHAT, MESSAGES, asked, at=ANTHROPIC, model=model)
    assert {key: body.get(key) for key in said} == said
    assert "output_config" in said or "output_config" not in body


def test_an_update_in_mid_conversation_changes_effort_and_format() -> None:
    update = {
        "type": "configuration_update",
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
    }
    body = sent(RESPONSES, CHAT, {"input": [USER, update], "reasoning": {"effort": "high"}}, at=VLLM)
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


# The rest.


def test_the_output_cap_has_the_key_that_the_server_reads() -> None:
    body = {"messages": [USER], "max_tokens": 77}
    assert sent(MESSAGES, CHAT, body, at=OPENAI, model="gpt-5.5")["max_completion_tokens"] == 77
    assert sent(MESSAGES, CHAT, body, at=OLLAMA, model="qwen")["max_tokens"] == 77


def test_sampling_goes_where_it_is_taken() -> None:
    body = {"messages": [USER], "temperature": 0.5, "top_k": 5}
    assert sent(MESSAGES, CHAT, body, at=VLLM)["top_k"] == 5
    assert lost(MESSAGES, CHAT, body, at=VLLM) == ()
    assert lost(MESSAGES, CHAT, body) == ("sampling",)
    assert "temperature" not in sent(MESSAGES, RESPONSES, body, at=OPENAI, model="gpt-5.5")
    assert "temperature" not in sent(MESSAGES, CHAT, body, sampling=False)
    assert sent(CHAT, MESSAGES, {"messages": [USER], "temperature": 1.7})["temperature"] == 1.0


def test_who_the_end_user_is_reaches_openai_as_a_hash_and_nobody_else() -> None:
    body = {"messages": [USER], "user": "ann@a.example"}
    said = sent(CHAT, RESPONSES, body, at=OPENAI, model="gpt-5.5")
    assert "ann" not in str(said)
    assert len(said["safety_identifier"]) == 32
    assert lost(CHAT, MESSAGES, body) == ("user",)
    device = {"messages": [USER], "metadata": {"user_id": '{"device_id":"d"}'}}
    assert "safety_identifier" not in sent(MESSAGES, RESPONSES, device, at=OPENAI, model="gpt-5.5")


def test_anthropics_cache_works_by_itself_for_agents_that_know_no_marks() -> None:
    assert sent(CHAT, MESSAGES, {"messages": [USER]}, at=ANTHROPIC, model="claude-opus-4-7")["cache_control"] == {
        "type": "ephemeral"
    }


def test_openai_keeps_no_answer_unless_it_is_told_to() -> None:
    assert sent(MESSAGES, RESPONSES, {"messages": [USER]}, at=OPENAI, model="gpt-5.5")["store"] is False
    assert sent(CHAT, RESPONSES, {"messages": [USER], "store": True}, at=OPENAI, model="gpt-5.5")["store"] is True
    assert lost(RESPONSES, CHAT, {"input": "go", "store": False}) == ()


def test_a_forced_tool_needs_a_server_that_obeys() -> None:
    body = {"messages": [USER], "tools": [messages_tool("ls")], "tool_choice": {"type": "any"}}
    assert refused(MESSAGES, CHAT, body, at=OLLAMA).field == "tool_choice"
    assert sent(MESSAGES, CHAT, body)["tool_choice"] == "required"


def test_a_prefilled_answer_needs_a_model_that_goes_on_with_it() -> None:
    body = {"messages": [USER, {"role": "assistant", "content": "{"}]}
    assert refused(CHAT, MESSAGES, body, at=ANTHROPIC, model="claude-opus-4-7").field == "messages.1"
    assert sent(CHAT, MESSAGES, body, at=ANTHROPIC, model="claude-sonnet-4-5")["messages"][-1]["role"] == "assistant"


def test_what_the_provider_is_always_told_comes_last_and_changes_nothing_that_was_said() -> None:
    wanted = Wanted(
        model_id="m",
        profile=profile_of("https://models.example/v1", "m", {}),
        request_defaults={"provider": {"data_collection": "deny"}, "temperature": 0.1, "model": "x", "stream": True},
    )
    body = {"model": "auto", "max_tokens": 9, "messages": [USER], "temperature": 0.7}
    got = translate_request(read_request(MESSAGES, orjson.dumps(body)), CHAT, wanted)
    assert isinstance(got, Translated)
    said = orjson.loads(got.body)
    assert (said["provider"], said["temperature"], said["model"]) == ({"data_collection": "deny"}, 0.7, "m")
    assert "stream" not in said
