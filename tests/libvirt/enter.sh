#!/bin/sh
# First process of the namespaces of these tests: enter.sh FOLDER PROGRAM [ARGUMENT…]
#
# libvirtd, its networks and the machines live in a network without uplink and end with this process. What libvirtd
# keeps on disk is in FOLDER. QEMU runs as a user of its own, as it does on everybody's machine.
set -eu
folder=$1
shift
ip link set lo up
mount -t sysfs none /sys
for place in /run /etc/libvirt /var/lib /var/cache; do
    mkdir -p "$place"
    mount -t tmpfs -o mode=755 none "$place"
done
mkdir -p /run/lock /run/etc /var/lib/libvirt /var/cache/libvirt "$folder/lib" "$folder/cache"
chmod 755 "$folder" "$folder/lib"
mount --bind "$folder/lib" /var/lib/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mkdir -p /var/lib/libvirt/images /var/lib/libvirt/dnsmasq

cp /etc/passwd /etc/group /run/etc/
grep -q '^kvm:' /etc/group || echo 'kvm:x:64054:' >>/run/etc/group
if ! grep -q '^libvirt-qemu:' /etc/passwd; then
    echo 'libvirt-qemu:x:64055:' >>/run/etc/group
    echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>/run/etc/passwd
fi
for file in passwd group; do
    mount --bind "/run/etc/$file" "/etc/$file"
done
# A device that QEMU's user may open, as set-up by a distribution.
if [ -e /dev/kvm ]; then
    mknod -m 666 /run/kvm c 10 232
    mount --bind /run/kvm /dev/kvm
fi

printf 'security_driver = "none"\ncgroup_controllers = []\nstdio_handler = "file"\nnamespaces = []\n' >/etc/libvirt/qemu.conf
printf 'auth_unix_rw = "none"\n' >/etc/libvirt/libvirtd.conf
libvirtd 2>"$folder/libvirtd.log" &
tries=0
until virsh --connect qemu:///system uri >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
        cat "$folder/libvirtd.log" >&2
        exit 1
    fi
    sleep 0.1
done

export PATHLAB_LIBVIRT_INSIDE=1
# The first process has to reap what is orphaned, as any machine's does.
"$@" && exit 0 || exit $?
