#!/bin/sh
# First process of a host: its root is the machine's, below a layer of its own, which outlives a reboot.
set -eu
name=$1
dir=/mnt/instances/$name
stand_ins=$(cd "$(dirname "$0")/.." && pwd)
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
root=$dir/root
host=$(sed -n 's/^hostname: //p' "$dir/user-data")
hostname "$host"
ip link set lo up
# An address that is no loopback, which leads nowhere.
ip link add eth0 type veth peer name underlay
ip address add 192.0.2.11/24 dev eth0
ip link set eth0 up
ip link set underlay up
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 none "$root/run"
mkdir -p "$root/usr/local/sbin" "$root/var/lib/stand-in/fail" "$root/stand-ins" "$root/cluster" "$root/etc"
mount --bind "$stand_ins" "$root/stand-ins"
# What all hosts of a cluster know in common.
mount --bind /mnt/cluster "$root/cluster"
# Nothing of the machine's own package management may be asked; `sudo` here is for root only.
mount -t tmpfs -o mode=755 none "$root/usr/local/sbin"
for program in sudo snap dnf rpm apt-get dpkg-query systemctl cloud-init; do
    ln -s "/stand-ins/host/$program" "$root/usr/local/sbin/$program"
done
if [ -e "$root/var/lib/stand-in/snaps/microk8s" ]; then
    ln -s /stand-ins/host/microk8s "$root/usr/local/sbin/microk8s"
fi
echo "$host" >"$root/etc/hostname"
cat /proc/sys/kernel/random/uuid >"$root/run/boot"
# It is up for who enters it once this process has the root that it keeps.
exec 9<"$dir"
exec chroot "$root" sh -c 'touch /proc/self/fd/9/up; exec 9<&-; while :; do sleep 3600 & wait; done'
