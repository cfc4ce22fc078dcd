"""``tierrouter compile``: the document and nothing else on stdout, everything that is wrong on stderr."""

import hashlib
import json
import shlex
import subprocess

import pytest
from tierrouter_process import COMMAND, ROOT, environment, router_text, tierrouter

from tierrouter_core.canonical import canonical_json
from tierrouter_core.document.codec import document_from_bytes, revision_name

EXAMPLE = ROOT / "examples" / "coding.yaml"
GOOD = router_text("http://127.0.0.1:9/v1")


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def write(text, name="router.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def shell(line):
    """Run a shell's pipeline; the exit code is that of its first command."""
    command = ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False, timeout=60)


def test_stdout_is_one_canonical_document_with_its_own_digest():
    ran = tierrouter("compile", "-f", EXAMPLE)
    assert ran.code == 0
    document = json.loads(ran.stdout)
    assert ran.stdout == canonical_json(document) + b"\n"
    said = document.pop("sha256")
    assert said == hashlib.sha256(canonical_json(document)).hexdigest()
    assert document["schema"]
    assert revision_name(document_from_bytes(ran.stdout)) == f"coding-{said[:10]}"
    assert f"revision coding-{said[:10]}" in ran.stderr


def test_the_same_file_gives_the_same_bytes_wherever_and_whenever_it_is_compiled(tmp_path):
    copy = tmp_path / "other name.yml"
    copy.write_bytes(b"# a comment\n" + EXAMPLE.read_bytes())
    first = tierrouter("compile", "-f", EXAMPLE)
    variables = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}
    second = tierrouter("compile", "-f", copy, variables=variables, cwd=tmp_path)
    assert first.stdout == second.stdout


def test_a_router_and_its_providers_may_stand_in_files_of_their_own(write):
    router, *providers = GOOD.split("\n---\n")
    files = [write(text, f"{number}.yaml") for number, text in enumerate([*providers, router])]
    whole = tierrouter("compile", "-f", write(GOOD))
    apart = tierrouter("compile", *(part for file in files for part in ("-f", file)))
    assert apart.code == 0
    assert apart.stdout == whole.stdout


def test_warnings_go_to_stderr():
    ran = tierrouter("compile", "-f", EXAMPLE)
    assert "warning: " in ran.stderr
    assert b"warning: " not in ran.stdout


def test_many_mistakes_of_many_kinds_are_all_listed_at_once_with_file_and_line(write):
    text = GOOD
    for right, wrong in (
        ("mode: Route", "mode: Sometimes"),
        ("rank: 2", "rank: high"),
        ("maxTokens: 8192}", "maxToken: 8192}"),
        ("task.sandboxed", "task.sandbxed"),
        ('input: "0.95"', "input: cheap"),
        ("kind: ModelProvider\nmetadata: {name: spare}", "kind: ModelProvidr\nmetadata: {name: spare}"),
    ):
        assert right in text
        text = text.replace(right, wrong, 1)
    file, broken = write(text), write("a: [", "broken.yaml")
    ran = tierrouter("compile", "-f", file, "-f", broken)
    assert (ran.code, ran.stdout) == (1, b"")
    for wrong in ("Sometimes", "high", "maxToken", "sandbxed", "cheap", "ModelProvidr"):
        (number,) = (n for n, line in enumerate(text.splitlines(), 1) if wrong in line and f"{wrong}s" not in line)
        (said,) = (line for line in ran.stderr.splitlines() if wrong in line)
        assert said.startswith(f"{file}:{number}: "), said
    assert f"{broken}:" in ran.stderr
    assert ran.stderr.endswith("\ntierrouter: 7 problems found\n")


def test_every_name_that_nothing_has_is_listed_with_the_names_that_there_are(write):
    text = GOOD.replace("defaultTier: routine", "defaultTier: routin").replace("provider: spare,", "provider: spar,")
    ran = tierrouter("compile", "-f", write(text.replace("fallbackTier: fallback", "fallbackTier: fallbak")))
    assert (ran.code, ran.stdout) == (1, b"")
    for wrong, meant in (("routin", "routine"), ("spar", "spare"), ("fallbak", "fallback")):
        assert f'"{wrong}"' in ran.stderr
        assert f'did you mean "{meant}"?' in ran.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no document"),
        ("# nothing but a comment\n", "holds no document"),
        (b"\xff\xfe\x00a", "not UTF-8"),
        ("- a\n- b\n", ""),
        ("just words", ""),
        ("a: [", "not valid YAML"),
        (GOOD.partition("\n---\n")[2], "TierRouter"),
        (GOOD + "\n---\n" + GOOD.partition("\n---\n")[0].replace("name: coding", "name: other"), "other"),
    ],
    ids=["empty", "comment", "bytes", "list", "scalar", "broken", "no router", "two routers"],
)
def test_a_file_that_is_no_router_is_named_with_what_is_wrong(write, text, message):
    file = write(text)
    ran = tierrouter("compile", "-f", file)
    assert (ran.code, ran.stdout) == (1, b"")
    assert message in ran.stderr
    assert "problem" in ran.stderr.splitlines()[-1]


def test_files_that_can_not_be_read_are_all_named(tmp_path, write):
    ran = tierrouter("compile", "-f", tmp_path / "a.yaml", "-f", tmp_path, "-f", write(GOOD))
    assert (ran.code, ran.stdout) == (1, b"")
    assert f"{tmp_path / 'a.yaml'}: can't be read: No such file or directory" in ran.stderr
    assert f"{tmp_path}: can't be read: Is a directory" in ran.stderr


def test_a_file_may_come_on_stdin_beside_others(write):
    router, *providers = GOOD.split("\n---\n")
    ran = tierrouter("compile", "-f", write("\n---\n".join(providers)), "-f", "-", stdin=router.encode())
    assert (ran.code, ran.stdout) == (0, tierrouter("compile", "-f", write(GOOD, "whole.yaml")).stdout)
    ran = tierrouter("compile", "-f", "-", stdin=b"\xff")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, "stdin: not UTF-8 text: byte 0 is 0xff")


def test_where_router_files_do_not_come_from_is_said_with_what_to_do():
    ran = tierrouter("explain", "-f", "-", "-f", "https://example.com/router.yaml", stdin=b"{}")
    assert ran.code == 1
    assert ran.stderr.splitlines()[:2] == [
        "-: can't be read: No such file or directory; only tierrouter compile reads stdin",
        "https:/example.com/router.yaml: can't be read: No such file or directory; addresses are not fetched, "
        "download it and name the file",
    ]


def test_two_routers_are_named(write):
    router = GOOD.split("\n---\n")[0]
    ran = tierrouter("compile", "-f", write(GOOD), "-f", write(router.replace("name: coding", "name: other"), "b.yaml"))
    assert ran.code == 1
    found = "found 2 TierRouters (agents/coding, agents/other), expected exactly one in the files given"
    assert ran.stderr.splitlines()[0] == found


def test_a_reader_that_leaves_early_is_no_error():
    ran = shell(f"{shlex.join([*COMMAND, 'compile', '-f', str(EXAMPLE)])} | head -c 10")
    assert (ran.returncode, len(ran.stdout)) == (0, 10)
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


def test_nor_is_it_where_a_table_is_printed(write):
    calls = write(
        "session,agent,turn,prompt_idx,t_rel_s,model,input_tokens,cache_creation_tokens,cache_read_tokens,output_tokens\n"
        "s,main,1,1,0,gpt-5-5,100,0,0,10\n",
        "calls.csv",
    )
    ran = shell(f"{shlex.join([*COMMAND, 'replay', '-f', str(EXAMPLE), str(calls)])} | true")
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("output", ["> /dev/full", ">&-"], ids=["full", "closed"])
def test_output_that_can_not_be_written_is_an_error_and_no_traceback(output):
    ran = shell(f"{shlex.join([*COMMAND, 'compile', '-f', str(EXAMPLE)])} {output}")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("tierrouter: ")


def test_without_a_stderr_the_document_stays_alone_on_stdout():
    ran = shell(f"{shlex.join([*COMMAND, 'compile', '-f', str(EXAMPLE)])} 2>&-")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["sha256"]
