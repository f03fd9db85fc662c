#!/bin/sh
# Checks the workflows with the pinned actionlint, in a folder of its own below target/, and with shellcheck where that
# is here. Where actionlint cannot be had, says so; fails then in CI (CI=true).
set -u
cd "$(dirname "$0")/../.." || exit 1

pinned=harness/setup/actionlint.txt
folder=target/actionlint

if ! cmp -s "$pinned" "$folder/pinned"; then
    rm -rf "$folder"
    if said=$(timeout 120 python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --target "$folder" --requirement "$pinned" 2>&1); then
        cp "$pinned" "$folder/pinned"
    else
        printf 'NOT CHECKED: the workflows, since actionlint could not be fetched (just setup lint: installs pip):\n%s\n' \
            "$(printf '%s\n' "$said" | tail -n 3)" >&2
        [ "${CI-}" != true ]
        exit
    fi
fi
if ! command -v shellcheck >/dev/null; then
    echo 'NOT CHECKED: the shell lines of the workflows, since shellcheck is not here (just setup lint: installs it)' >&2
    [ "${CI-}" != true ] || exit 1
fi
exec "$folder/bin/actionlint" -config-file .github/actionlint.yaml .github/workflows/*.yml
