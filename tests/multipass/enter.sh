#!/bin/sh
# First process of the namespaces of these tests: enter.sh GROUP PROGRAM [ARGUMENT…]
#
# As tests/microk8s_over_ssh has it, with a stand-in for `multipass` in the path, and a processor that says that it can
# virtualise: Multipass is refused where none does, and here nothing is virtual.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mount -t tmpfs -o mode=755 none /srv
mkdir /srv/bin
sed 's/^flags\t*:/& vmx/' /proc/cpuinfo >/srv/cpuinfo
mount --bind /srv/cpuinfo /proc/cpuinfo
ln -s "$here/../vm_stand_ins/multipass" /srv/bin/multipass
ip link add mpqemubr0 type bridge
ip address add 192.0.2.254/24 dev mpqemubr0
ip link set mpqemubr0 up
export PATH="/srv/bin:$PATH" PATHLAB_STAND_INS="$here/../vm_stand_ins" PATHLAB_STAND_IN_HOSTS="$here/hosts.sh"
exec sh "$here/../microk8s_over_ssh/enter.sh" "$@"
