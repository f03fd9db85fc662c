#!/bin/sh
# Customises a fresh Debian, from outside (mmdebstrap runs it): base.sh ROOT PACKAGE…
#
# Puts the packages, with all that they need, into a repository inside of it, and makes that the only one: the
# tests install without a network. `a|b` are alternatives, of which the system has at least one.
set -eu
root=$1
shift
repository=$root/srv/packages
mkdir -p "$repository"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
for alternatives; do
    found=''
    for package in $(echo "$alternatives" | tr '|' ' '); do
        if apt-get -qq --yes --no-install-recommends --download-only install "$package"; then
            found=$package
        fi
    done
    [ -n "$found" ]
done
mv "$root"/var/cache/apt/archives/*.deb "$repository"
cd "$repository"
for deb in *.deb; do
    dpkg-deb --field "$deb"
    sum=$(sha256sum "$deb")
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat --format %s "$deb")" "${sum%% *}"
done >Packages
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/test-speed"

# A machine on which systemd runs, as far as packages can see; `systemctl` notes what it is asked to do, does
# what concerns files, and claims success for the rest.
mkdir -p "$root/srv/log"
mv "$root/usr/bin/systemctl" "$root/usr/bin/systemctl.real"
cat >"$root/usr/bin/systemctl" <<'END'
#!/bin/sh
echo "$*" >>/srv/log/systemctl
case " $* " in
*' daemon-reload '* | *' start '* | *' restart '* | *' reload '* | *' stop '*) exit 0 ;;
*' is-active '*) exit 3 ;;
esac
SYSTEMD_OFFLINE=1 exec systemctl.real "$@"
END
chmod 755 "$root/usr/bin/systemctl"
