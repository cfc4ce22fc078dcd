#!/bin/sh
# Prints where Helm is: the one in PATH, else one that Go builds once (a minute or two) into the cache of this user.
# Ends with 3 where there is neither.
set -eu
version=v4.1.4

if command -v helm; then exit 0; fi
folder=${XDG_CACHE_HOME:-$HOME/.cache}/tierrouter/helm-$version
if [ ! -x "$folder/helm" ]; then
    command -v go >/dev/null || {
        echo "helm.sh: neither Helm nor Go is in PATH: install Helm (https://helm.sh/docs/intro/install), or Go to build it" >&2
        exit 3
    }
    echo "helm.sh: building Helm $version into $folder, once" >&2
    mkdir -p "$folder"
    # Made beside it and renamed, so that a build that was interrupted is never taken for a whole one.
    made=$(mktemp -d "$folder/building-XXXXXX")
    trap 'rm -rf "$made"' EXIT
    GOBIN=$made CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off \
        go install -ldflags "-s -w" "helm.sh/helm/v4/cmd/helm@$version" >&2
    mv "$made/helm" "$folder/helm"
fi
echo "$folder/helm"
