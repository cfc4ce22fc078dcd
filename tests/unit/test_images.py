"""What the images are built of and how, as far as it can be read from the files. (What they do, a cluster shows.)"""

import re
from pathlib import Path

import pytest
from test_repository import PROJECT

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("sidecar", "operator")


def steps(image: str) -> list[str]:
    """The instructions of its Dockerfile, one a line, without comments."""
    text = (ROOT / image / "Dockerfile").read_text().replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_packages_of_its_extra_alone(image: str) -> None:
    assert f"RUN scripts/image.sh packages {image}" in steps(image)
    assert image in PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_made_of_nothing_but_what_was_gathered_and_runs_as_a_numbered_user(image: str) -> None:
    last_stage = steps(image)[steps(image).index("FROM scratch") :]
    assert [step for step in last_stage if step.startswith(("COPY", "ADD", "RUN"))] == ["COPY --from=build /image /"]
    assert "USER 65532:65532" in last_stage
    assert 'ENTRYPOINT ["tierrouter"]' in last_stage


def test_both_images_are_built_by_the_same_steps() -> None:
    sidecar, operator = (
        [re.sub("TIERROUTER_STATE_DIR=.*", "", step.replace(f"packages {image}", "packages")) for step in steps(image)]
        for image in IMAGES
    )
    assert [step for step in sidecar if step != "ENV "] == operator


def test_what_a_build_needs_is_sent_to_it() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in sent)
    copied = {name for step in steps("sidecar") if step.startswith("COPY ") for name in step.split()[1:-1]}
    assert copied - {".", "--from=build", "/image"} <= sent
    packages = {name.partition("/")[0] for name in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert packages <= sent
