# Looks programs up. Sourced by packages.sh and install.sh.
# shellcheck shell=sh

# Administrators' programs are not on everybody's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Is the program, or static library, $1 on this machine?
is_here() {
    case $1 in
    *.a)
        for file in /usr/lib64/"$1" /usr/lib/"$1" /usr/lib/*/"$1"; do
            [ -e "$file" ] && return 0
        done
        return 1
        ;;
    *) command -v "$1" >/dev/null ;;
    esac
}
