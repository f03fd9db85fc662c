#!/bin/sh
# First process of a host: its root is the machine's, below a layer of its own (/mnt/hosts/NAME/upper).
#
# It has an sshd and a D-Bus of its own. Of the machine's settings it changes those of its own network only.
set -eu
name=$1
# What it is called on itself may be longer than a link's name.
own_name=$(cat "/mnt/hosts/$name/name" 2>/dev/null || echo "$name")
dir=/mnt/hosts/$name
here=$(cd "$(dirname "$0")" && pwd)
root=$dir/root
mkdir -p "$dir/upper" "$dir/work" "$root" "$dir/snap" "$dir/etc"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$root"
hostname "$own_name"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 none "$root/run"
mkdir -p "$root/run/sshd" "$root/run/ssh" "$root/run/dbus" "$root/run/units" "$root/run/netns" "$root/run/lock"

# Control groups as this host sees them.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 none "$root/sys/fs/cgroup"
    for folder in /sys/fs/cgroup/*; do
        [ -e "$folder/cgroup.procs" ] || continue
        controllers=$(sed -n "s|^[^ ]* $folder cgroup [^ ]*relatime,\([^ ]*\) .*|\1|p" /proc/self/mounts)
        [ -n "$controllers" ] || continue
        mkdir "$root/sys/fs/cgroup/$(basename "$folder")"
        mount -t cgroup -o "$controllers" cgroup "$root/sys/fs/cgroup/$(basename "$folder")"
    done
fi

# Settings of the whole machine are read-only, but for those of the network.
for place in sys sys/net; do mount --bind "$root/proc/$place" "$root/proc/$place"; done
mount -o remount,bind,ro "$root/proc/sys"
# Those that a kubelet insists on setting are files of this host's own.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
    kernel/keys/root_maxbytes; do
    [ -e "/proc/sys/$setting" ] || continue
    own=$dir/etc/$(basename $setting)
    cat "/proc/sys/$setting" >"$own"
    mount --bind "$own" "$root/proc/sys/$setting"
done
[ ! -e "$root/proc/sysrq-trigger" ] || mount --bind /dev/null "$root/proc/sysrq-trigger"

# The account of root must be open for sshd, and snaps' data must not lie in the layer: containers have layers themselves.
sed 's/^root:[^:]*:/root:*:/' /etc/shadow >"$dir/etc/shadow"
mount --bind "$dir/etc/shadow" "$root/etc/shadow"
echo "$own_name" >"$dir/etc/hostname"
mount --bind "$dir/etc/hostname" "$root/etc/hostname"
# It knows itself, or sudo asks a name server that is not there.
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$own_name" >"$dir/etc/hosts"
mount --bind "$dir/etc/hosts" "$root/etc/hosts"
mkdir -p "$root/var/snap" "$root/opt/stand-ins"
mount --bind "$dir/snap" "$root/var/snap"
[ ! -d /mnt/bundle ] || mount --bind /mnt/bundle "$root/opt/stand-ins"
mount --bind "$dir/ssh" "$root/run/ssh"
# The machine's own configuration of firewalld is not this host's, and what it runs is none of its services.
mkdir -p "$dir/firewalld/zones"
mount --bind "$dir/firewalld" "$root/etc/firewalld"
mkdir -p "$dir/sbin"
mount --bind "$dir/sbin" "$root/usr/local/sbin"
for program in systemctl journalctl; do cp "$here/$program" "$root/usr/local/sbin/$program"; done
cp "$here/bus.conf" "$root/run/dbus/bus.conf"

# Nor is what root's shell does at its start, which sshd has it read.
for file in .bashrc .profile .bash_profile; do
    [ ! -e "$root/root/$file" ] || mount --bind /dev/null "$root/root/$file"
done
mount --make-rshared "$root"
# It is up for who enters it once this process has the root that it keeps.
exec 9<"$dir"
exec chroot "$root" sh -c '
    touch /proc/self/fd/9/up
    exec 9<&-
    dbus-daemon --config-file=/run/dbus/bus.conf --nopidfile
    systemctl boot >/run/boot.log 2>&1 </dev/null &
    /usr/sbin/sshd -D -e -f /run/ssh/config >/run/sshd.log 2>&1 </dev/null &
    while :; do sleep 3600 & wait $!; done'
