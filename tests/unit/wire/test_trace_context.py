"""A client's trace is read as W3C Trace Context has it, and goes on in the cluster alone."""

from pathlib import Path

import pytest

from tierrouter_core.document.model import Provider
from tierrouter_core.names import Dialect
from tierrouter_core.routing.targets import Target
from tierrouter_core.wire.dialects import turns_endpoint
from tierrouter_core.wire.trace_context import Trace, passed_on, trace_of
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.outgoing import outgoing

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"


def test_a_trace_is_read() -> None:
    assert trace_of({"traceparent": PARENT}) == Trace(ID, SPAN, sampled=True)
    assert trace_of({"traceparent": f"00-{ID}-{SPAN}-00"}) == Trace(ID, SPAN, sampled=False)
    assert trace_of({"traceparent": f"cc-{ID}-{SPAN}-03-more"}) == Trace(ID, SPAN, sampled=True)


@pytest.mark.parametrize(
    "parent",
    ["", "00", PARENT.upper(), f"ff-{ID}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{ID}-{'0' * 16}-01",
     f"{PARENT}-more", f"00-{ID[1:]}-{SPAN}-01", f"{PARENT}\n", f" {PARENT}", f"{PARENT}, {PARENT}"],
)  # fmt: skip
def test_what_is_no_trace_is_none_and_goes_nowhere(parent: str) -> None:
    assert trace_of({"traceparent": parent}) is None
    assert passed_on({"traceparent": parent, "tracestate": "a=1"}) == []


@pytest.mark.parametrize(
    ("address", "goes_on"),
    [
        ("http://ollama.models.svc:11434/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://10.1.2.3/v1", True),
        ("https://vllm/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://api.anthropic.com", False),
        ("https://openrouter.ai/api/v1", False),
        ("https://llm.svc.example.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_a_trace_goes_on_in_the_cluster_and_to_no_third_party(address: str, goes_on: bool, tmp_path: Path) -> None:
    target = Target(Provider(name="p", base_url=address), "m")
    headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
    sent = outgoing(Credentials(tmp_path, {}), target, turns_endpoint(Dialect.CHAT), headers, "").headers
    assert [(name, value) for name, value in sent if name.startswith("trace")] == (
        list(headers.items()) if goes_on else []
    )


def test_a_state_that_is_too_long_is_left_behind() -> None:
    assert passed_on({"traceparent": PARENT, "tracestate": "a=" + "x" * 600}) == [("traceparent", PARENT)]
