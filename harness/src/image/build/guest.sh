#!/bin/sh
# After packages are installed: guest.sh ROOT UNIT…
#
# Makes the tree in ROOT a cloud image: cloud-init looks at a NoCloud seed only, the network comes up by
# systemd-networkd, and the UNITs, which a guest of a lab has but does not run by itself, are switched off.
set -eu
root=$1
shift

chroot "$root" systemctl --quiet disable "$@"
chroot "$root" systemctl --quiet enable systemd-networkd.service systemd-resolved.service

cat >"$root/etc/cloud/cloud.cfg.d/90-pathlab.cfg" <<'END'
# A lab's machines have no uplink: nothing here may wait for one.
datasource_list: [NoCloud, None]
locale: false
apt: { preserve_sources_list: true }
ssh_genkeytypes: [ed25519]
system_info:
  network: { renderers: [networkd] }
# Those of Debian without what takes seconds in an emulated processor and does nothing for a lab: the boot loader's
# package, package sources, host keys on the console.
cloud_init_modules: [seed_random, bootcmd, write-files, growpart, resizefs, disk_setup, mounts, set_hostname,
  update_hostname, update_etc_hosts, ca-certs, users-groups, ssh]
cloud_config_modules: [set-passwords, locale, ntp, timezone, runcmd]
cloud_final_modules: [package-update-upgrade-install, write-files-deferred, scripts-vendor, scripts-per-once,
  scripts-per-boot, scripts-per-instance, scripts-user, phone-home, final-message, power-state-change]
END

echo 'LABEL=pathlab-root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
echo localhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# The package sources are this machine's, and nobody else's business.
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/auth.conf.d/*
# Every machine makes its own.
rm -f "$root"/etc/ssh/ssh_host_*

# What is in it, for the record beside the image.
chroot "$root" dpkg-query --show --showformat '${Package} ${Version}\n' >"$root/etc/pathlab-packages"
