#!/bin/sh
# The steps of sidecar/Dockerfile and operator/Dockerfile, inside of their build stage:
#   image.sh packages EXTRA   the packages of that extra, at the versions and hashes of requirements.lock
#   image.sh project          TierRouter itself, and /image: what of all this the image is made of
set -eu
environment=/opt/tierrouter
installer=/opt/installer
# The certificates of the base image: whoever builds behind a proxy has put its own there.
uv() { VIRTUAL_ENV=$environment "$installer/bin/uv" --system-certs "$@"; }

case $1 in
packages)
    python3 -m venv "$installer"
    "$installer/bin/pip" install --quiet --require-hashes --no-deps -r scripts/installer.lock
    python3 -m venv --without-pip "$environment"
    # A constraint's hash is checked too.
    uv pip install --quiet --no-cache -r pyproject.toml --extra "$2" --constraint requirements.lock
    ;;
project)
    uv pip install --quiet --no-cache --no-deps --build-constraints scripts/build.lock .
    python3 scripts/image_root.py /image "$environment"
    # What was left out must not be missed: everything is imported, and rules are compiled.
    cp examples/coding.yaml /image/tmp/
    chroot /image "$environment/bin/tierrouter" compile -f /tmp/coding.yaml >/dev/null
    rm /image/tmp/coding.yaml
    ;;
*)
    echo "image.sh: packages EXTRA or project, not '$1'" >&2
    exit 2
    ;;
esac
