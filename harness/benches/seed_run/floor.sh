# The least that a host with firewalld costs: a bus, firewalld up, one reload. Runs as PID 1 of its own user, network
# and mount namespaces; prints nothing and ends with status 0 when all went well.
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/dbus /run/firewalld
cp /etc/firewalld/firewalld.conf /run/firewalld.conf
mount -t tmpfs tmpfs /etc/firewalld
cp /run/firewalld.conf /etc/firewalld/
for folder in zones services icmptypes ipsets helpers policies; do mkdir "/etc/firewalld/$folder"; done
cat >/run/dbus.conf <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
END
dbus-daemon --config-file=/run/dbus.conf --nofork &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.01; done
firewalld --nofork --nopid >/run/firewalld.log 2>&1 &
owner="org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.fedoraproject.FirewallD1"
# shellcheck disable=SC2086 # words of one request
until dbus-send --system --print-reply --dest=$owner 2>/dev/null | grep -q true; do sleep 0.02; done
call() {
    dbus-send --system --print-reply --reply-timeout=60000 --dest=org.fedoraproject.FirewallD1 \
        /org/fedoraproject/FirewallD1 "$@" >/dev/null
}
call org.fedoraproject.FirewallD1.reload
