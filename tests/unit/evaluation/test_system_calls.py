"""The sandbox's numbers of system calls are those of Linux' own tables, on machines that nobody has tried it on, too."""

from typing import Final

import pytest
from system_calls import NoSuchSystemCall, NotSupportedSystemCall, syscalls

from tierrouter_evaluation.sandbox import writes
from tierrouter_evaluation.sandbox.filters import AUDIT_NUMBERS, LOOKED_AT, REFUSED, program_for

LINUX: Final = syscalls()
IN_LINUX: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
ELF_MACHINES: Final = {"x86_64": 62, "aarch64": 183}
"""EM_X86_64 and EM_AARCH64."""
MACHINES: Final = list(AUDIT_NUMBERS)


def number_of(name: str, machine: str) -> int | None:
    """As Linux has it; None where the machine has no such call."""
    try:
        return int(LINUX.get(name, IN_LINUX[machine]))
    except NotSupportedSystemCall:
        return None


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", [*LOOKED_AT, *REFUSED])
def test_a_call_has_the_number_that_linux_gives_it(name: str, machine: str) -> None:
    ours = {**LOOKED_AT, **REFUSED}[name][MACHINES.index(machine)]
    assert ours == number_of(name, machine)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_calls_of_landlock_have_the_same_number_everywhere(machine: str) -> None:
    names = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
    assert [number_of(name, machine) for name in names] == [writes._CREATE, writes._ADD_RULE, writes._RESTRICT_SELF]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_knows_the_machine_by_its_audit_number(machine: str) -> None:
    little_endian, of_64_bits = 0x40000000, 0x80000000
    assert AUDIT_NUMBERS[machine] == ELF_MACHINES[machine] | little_endian | of_64_bits


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_that_is_refused_is_in_the_filter(machine: str) -> None:
    code = program_for(machine, 4242)
    compared = {
        int.from_bytes(code[at + 4 : at + 8], "little")
        for at in range(0, len(code), 8)
        if int.from_bytes(code[at : at + 2], "little") == 0x15
    }
    column = MACHINES.index(machine)
    assert {numbers[column] for numbers in REFUSED.values()} - {None} <= compared


def test_a_name_that_linux_does_not_have_would_be_found_out() -> None:
    with pytest.raises(NoSuchSystemCall):
        number_of("fork_the_world", "aarch64")
