"""Tasks that flip are set aside, by what they did before, and only so many."""

from hypothesis import given
from hypothesis import strategies as st
from nights import tasks

from tierrouter_core.regression.flaky import FLIPS, MOST_SHARE, NIGHTS, Memory, flips, key_of, remembered, set_aside
from tierrouter_core.regression.results import TaskOutcome, TaskResult


def nights(*letters: str) -> Memory:
    """A memory of 40 tasks; ``letters`` are those of the first ones, the others were always resolved."""
    memory = Memory()
    for number in range(max(map(len, letters))):
        found = []
        for task in range(40):
            letter = letters[task][number] if task < len(letters) else "1"
            outcome = {"1": TaskOutcome.RESOLVED, "0": TaskOutcome.UNRESOLVED, ".": TaskOutcome.ERROR}[letter]
            found.append(TaskResult(task=f"t{task}", outcome=outcome))
        memory = remembered(memory, found, 100)
    return memory


def test_a_task_that_flips_three_times_is_set_aside_and_one_that_broke_is_not() -> None:
    memory = nights("10101", "11100", "00000")
    assert set_aside(tasks(40, 40), memory) == {"t0"}


def test_tonights_outcomes_do_not_decide_which_tasks_count_tonight() -> None:
    memory = nights("10101", "11101")
    assert set_aside(tasks(0, 40), memory) == set_aside(tasks(40, 40), memory) == {"t0"}


def test_a_night_that_tells_nothing_is_no_flip() -> None:
    assert flips("1.1.1") == 0
    assert flips("1.0.1") == 2
    assert set_aside(tasks(40, 40), nights("1.1.1.1")) == frozenset()


def test_at_most_one_task_in_twenty_is_set_aside_those_that_flip_most_first() -> None:
    memory = nights("10101011", "10101010", "10101111", "10101010")
    assert set_aside(tasks(40, 40), memory) == {"t1", "t3"}


def test_a_task_that_has_been_steady_again_for_long_counts_again() -> None:
    assert set_aside(tasks(40, 40), nights("1010" + "1" * NIGHTS)) == frozenset()


def test_only_tasks_that_failed_are_remembered_and_only_so_many() -> None:
    memory = remembered(Memory(), tasks(10, 40), 7)
    assert len(memory.outcomes) == 7
    assert memory.nights == 1


def test_a_task_is_remembered_by_eight_characters_however_long_its_name_is() -> None:
    assert len(key_of("x" * 5000)) == 8


@given(st.lists(st.lists(st.sampled_from(TaskOutcome), min_size=20, max_size=20), max_size=12))
def test_whatever_happened_a_memory_stays_short_and_the_share_is_kept(runs: list[list[TaskOutcome]]) -> None:
    memory = Memory()
    for run in runs:
        found = [TaskResult(task=f"t{number}", outcome=outcome) for number, outcome in enumerate(run)]
        assert len(set_aside(found, memory)) <= len(found) * MOST_SHARE
        memory = remembered(memory, found, 1000)
        assert all(len(letters) <= NIGHTS for letters in memory.outcomes.values())
    assert FLIPS > 1
