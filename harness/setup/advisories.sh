#!/bin/sh
# Checks the dependencies against the database of known vulnerabilities, where that can be had. Where it cannot,
# says so; fails then if PATHLAB_REQUIRE names `advisories`.
set -u

if said=$(timeout 60 cargo deny --log-level error fetch db 2>&1); then
    exec cargo deny --offline --log-level error check advisories
fi
printf 'NOT CHECKED: known vulnerabilities of dependencies, since the database could not be fetched:\n%s\n' \
    "$(printf '%s\n' "$said" | tail -n 3)" >&2
case ,${PATHLAB_REQUIRE-}, in
*,advisories,*) exit 1 ;;
esac
