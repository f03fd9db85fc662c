#!/bin/sh
# Before packages are installed: initramfs.sh ROOT
#
# An initramfs with what a machine with virtio disks needs, and no more: it is unpacked at every boot.
set -eu
root=$1
mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/etc/initramfs-tools/hooks"
echo MODULES=list >"$root/etc/initramfs-tools/conf.d/pathlab"
cat >"$root/etc/initramfs-tools/hooks/pathlab" <<'END'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk virtio_scsi sd_mod ext4
END
chmod 755 "$root/etc/initramfs-tools/hooks/pathlab"
