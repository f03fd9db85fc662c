#!/bin/sh
# Runs a shell script in a system of its own: enter.sh ROOT SCRIPT, itself inside fresh mount, PID and network
# namespaces. There is no network, so that a firewall that starts by mistake can do no harm.
set -eu
root=$1
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount --rbind /dev "$root/dev"
mkdir -p "$root/run/systemd/system"
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C.UTF-8 sh -euc "$2"
