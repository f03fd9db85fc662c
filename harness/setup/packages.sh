#!/bin/sh
# Checks which programs this machine lacks and installs their packages; quick when all is there.
#
#   packages.sh [--quick] GROUP…
#
# GROUPs are those of programs.tsv. --quick: programs that Pathlab can do without are no reason to install.
# Installing needs root: asks sudo when run by anybody else. Starts and enables no service (guard.sh).
set -u

here=$(dirname "$0")
tab=$(printf '\t')
ledger=/var/lib/pathlab-setup
# shellcheck source=programs.sh
. "$here/programs.sh"

quick=false
if [ "${1-}" = --quick ]; then
    quick=true
    shift
fi
groups=$*

if command -v apt-get >/dev/null; then
    manager=apt
elif command -v dnf >/dev/null; then
    manager=dnf
else
    manager=none
fi

# Is $1 one of the words $2?
among() {
    case " $2 " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

# Sets `required` and `optional` (packages), `units`, `lacking` (required programs) and `reasons` from the table.
survey() {
    required='' optional='' units='' lacking='' reasons=''
    while IFS=$tab read -r group need program apt dnf unit why; do
        if ! among "$group" "$groups" || is_here "$program"; then
            continue
        fi
        case $manager in
        apt) package=$apt ;;
        dnf) package=$dnf ;;
        *) package=$program ;;
        esac
        reasons="$reasons  $program ($need, package $package): $why
"
        case $need in
        required)
            lacking="$lacking $program"
            among "$package" "$required" || required="$required $package"
            ;;
        *) among "$package" "$optional" || optional="$optional $package" ;;
        esac
        [ "$unit" = - ] || among "$unit" "$units" || units="$units $unit"
    done <"$here/programs.tsv"
}

survey
if $quick && [ -z "$lacking" ]; then
    reasons='' required='' optional=''
fi
if [ -z "$reasons" ] && [ ! -e "$ledger" ]; then
    exit 0
fi

if [ -n "$reasons" ]; then
    printf 'Pathlab needs programs that this machine lacks:\n%s' "$reasons"
fi
if [ "$manager" = none ]; then
    echo 'error: neither apt-get nor dnf is here: install them by hand, then run this again' >&2
    exit 1
fi
as_root=''
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null; then
        echo "error: installing packages needs root and there is no sudo; as root run: sh $here/packages.sh $groups" >&2
        exit 1
    fi
fi
printf 'Installing with %s%s:%s%s\n' "$manager" "${as_root:+, as root through sudo}" "$required" "$optional"
echo 'No service is started or enabled by this; your own firewall stays as it is.'
# In the place of this shell, so that a signal reaches the one that must clean up.
exec $as_root sh "$here/install.sh" "$manager" "$required" "$optional" "$units" "$lacking"
