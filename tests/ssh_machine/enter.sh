#!/bin/sh
# First process of the namespaces of these tests: enter.sh PROGRAM [ARGUMENT…]
#
# The network is its loopback, and what sshd and sudo read is this mount namespace's own: users who may become root
# (`may`), who may not (`maynot`), a boot that can be changed, a `systemctl` that only says what was asked.
set -eu
ip link set lo up
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /usr/local/sbin
mount -t tmpfs -o mode=755 none /root
mkdir -p /run/sshd /run/etc

sed 's/^root:[^:]*:/root:*:/' /etc/shadow >/run/etc/shadow
cp /etc/passwd /run/etc/passwd
cp /etc/group /run/etc/group
number=4711
for user in may maynot; do
    echo "$user:x:$number:$number::/:/bin/bash" >>/run/etc/passwd
    echo "$user:*:19000::::::" >>/run/etc/shadow
    echo "$user:x:$number:" >>/run/etc/group
    number=$((number + 1))
done
printf 'Defaults env_reset, use_pty\nroot ALL=(ALL:ALL) ALL\nmay ALL=(ALL:ALL) NOPASSWD: ALL\n' >/run/etc/sudoers
chmod 440 /run/etc/sudoers
chmod 640 /run/etc/shadow
for file in passwd shadow group sudoers; do
    mount --bind "/run/etc/$file" "/etc/$file"
done

echo 11111111-0000-4000-8000-000000000000 >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
printf '#!/bin/sh\necho "$*" >/run/systemctl.asked\n' >/usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/systemctl

export PATHLAB_SSH_INSIDE=1
# The first process has to reap what is orphaned, as any machine's does.
"$@" && exit 0 || exit $?
