"""Who tries a canary can be told by anybody, and a split that was changed on its way is none."""

import hashlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.errors import DocumentError
from tierrouter_core.rollout.split import Split, position, split_from_bytes, split_to_bytes
from tierrouter_operator.planning.children import split_file

SPLITS = st.builds(Split, st.integers(0, 100), st.text(max_size=20), st.integers(0, 10**6), st.text(max_size=20))


def test_a_sessions_place_is_that_of_the_document() -> None:
    data = hashlib.sha256(b"salt\0session").digest()
    assert position("salt", "session") == int.from_bytes(data[:8], "big") == 5_974_269_432_841_068_083


@given(SPLITS)
def test_what_is_written_is_read(split: Split) -> None:
    assert split_from_bytes(split_to_bytes(split)) == split


def test_what_the_operator_writes_is_read() -> None:
    assert split_from_bytes(split_file(10, "salt", 3).encode()) == Split(10, "salt", 3)


def test_fields_of_a_newer_minor_are_ignored() -> None:
    body = {"percent": 1, "salt": "s", "generation": 2, "schema": "1.9", "later": {"x": 1}}
    assert split_from_bytes(canonical_json({**body, "sha256": digest(canonical_json(body))})) == Split(1, "s", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": 101},
        {"percent": True},
        {"percent": "10"},
        {"percent": 1.5},
        {"salt": 7},
        {"generation": None},
        {"schema": "2.0"},
        {"schema": None},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    body = {"percent": 1, "salt": "s", "generation": 2, "schema": "1.0"} | wrong
    with pytest.raises(DocumentError, match="the split"):
        split_from_bytes(orjson.dumps({**body, "sha256": digest(canonical_json(body))}))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"percent": 5, "salt": "s", "generation": 1}'])
def test_what_is_cut_or_unsigned_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="the split"):
        split_from_bytes(data)


@given(st.text(max_size=40), st.text(max_size=20))
def test_nobody_at_none_and_everybody_at_all(session: str, salt: str) -> None:
    assert not Split(0, salt, 1).takes(session)
    assert Split(100, salt, 1).takes(session)


@given(st.text(max_size=40), st.integers(0, 99))
def test_who_is_in_stays_in_when_there_are_more(session: str, percent: int) -> None:
    assert Split(percent, "s", 1).takes(session) <= Split(percent + 1, "s", 2).takes(session)


def test_a_trial_is_the_same_whatever_its_percentage() -> None:
    first, more = Split(10, "s", 1, "now"), Split(50, "s", 2, "now")
    assert first.trial("coding-1") == more.trial("coding-1")
    assert len({first.trial("coding-1"), first.trial("coding-2"), Split(10, "s", 1, "later").trial("coding-1")}) == 3


def test_shares_come_out_as_asked_for() -> None:
    drawn = sum(Split(10, "salt", 1).takes(f"session-{number}") for number in range(20_000))
    assert 0.09 < drawn / 20_000 < 0.11
