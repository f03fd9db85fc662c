# Network of the agent's outcome tests: client - router - server, all inside one sandbox without an uplink.
#
# Runs as PID 1 of the sandbox. $DIR is a folder for sockets and logs, $AGENT the agent's program.
# Ends, and with it everything here, when standard input is closed.
set -eu

wait_for() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 400 ] || { echo "gave up waiting for: $*" >&2; exit 1; }
        sleep 0.05
    done
}

mount -t tmpfs run /run
resolv_conf=$(readlink -f /etc/resolv.conf || echo /etc/resolv.conf)
mkdir -p "$(dirname "$resolv_conf")"
[ -e "$resolv_conf" ] || : >"$resolv_conf"
printf 'search default.svc.test svc.test test\nnameserver 192.0.2.66\noptions ndots:5\n' >"$DIR/resolv.conf"
mount --bind "$DIR/resolv.conf" "$resolv_conf"

# Links. The narrow one is narrow at the router's end only: the server goes on to announce what fits the wide one.
ip netns add router
ip netns add server
ip link add eth0 type veth peer name client netns router
ip -n router link add wide type veth peer name wide netns server
ip -n router link add narrow mtu 1300 type veth peer name narrow netns server
for namespace in router server; do ip -n "$namespace" link set lo up; done
ip link set lo up
ip link set eth0 up
for link in client wide narrow; do ip -n router link set "$link" up; done
for link in wide narrow; do ip -n server link set "$link" up; done

ip addr add 192.0.2.2/26 dev eth0
ip -n router addr add 192.0.2.1/26 dev client
ip -n router addr add 192.0.2.65/26 dev wide
ip -n server addr add 192.0.2.66/26 dev wide
ip -n router addr add 192.0.2.129/26 dev narrow
ip -n server addr add 192.0.2.130/26 dev narrow
ip -n server addr add 192.0.2.131/26 dev narrow
ip route add default via 192.0.2.1
ip -n server route add default via 192.0.2.65
if [ -e /proc/net/if_inet6 ]; then
    ip addr add 2001:db8:1::2/64 dev eth0 nodad
    ip -n router addr add 2001:db8:1::1/64 dev client nodad
    ip -n router addr add 2001:db8:2::1/64 dev wide nodad
    ip -n server addr add 2001:db8:2::2/64 dev wide nodad
    ip route add default via 2001:db8:1::1
    ip -n server route add default via 2001:db8:2::1
    ip netns exec router sysctl -qw net.ipv6.conf.all.forwarding=1
    ip netns exec server sysctl -qw net.ipv6.icmp.ratelimit=0
fi
ip route add blackhole 192.0.2.200
ip route add prohibit 192.0.2.201
ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.narrow.rp_filter=0
ip netns exec server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.narrow.rp_filter=0
# One ICMP error per second and peer after the first six: a batch would see rejects as silence.
for namespace in router server; do ip netns exec "$namespace" sysctl -qw net.ipv4.icmp_ratelimit=0; done

# "Fragmentation needed" about packets to 192.0.2.130 (destination of the packet inside) gets lost: a black hole.
ip netns exec router nft -f - <<'NFT'
table ip lab {
    chain output {
        type filter hook output priority 0;
        icmp type destination-unreachable icmp code 4 @th,192,32 0xc0000282 drop
    }
}
NFT
ip netns exec server nft -f - <<'NFT'
table inet lab {
    chain input {
        type filter hook input priority 10;
        meta l4proto { tcp, udp } th dport 7001 reject with icmpx admin-prohibited
        meta l4proto { tcp, udp } th dport 7002 drop
        tcp dport 7004 tcp flags & psh == psh reject with tcp reset
        meta l4proto { tcp, udp } th dport 7005 reject with icmpx host-unreachable
        meta l4proto { tcp, udp } th dport 7006 reject with icmpx port-unreachable
    }
}
NFT

PATHLAB_POD=zeus PATHLAB_NODE=olympus PATHLAB_DISTRO=testos ip netns exec server \
    "$AGENT" echo --http=8080 --http=7004 --stream=8081 --socket "$DIR/server.sock" >"$DIR/server.log" 2>&1 &

i=0
while [ "$i" -lt 40 ]; do
    i=$((i + 1))
    echo "192.0.2.$i big.default.svc.test"
done >"$DIR/hosts"
echo "192.0.2.66 zeus.default.svc.test" >>"$DIR/hosts"
echo "2001:db8:2::2 six.default.svc.test" >>"$DIR/hosts"
# Only one group is mapped, and setgroups() is denied: an empty --group keeps dnsmasq from calling it.
ip netns exec server dnsmasq --conf-file=/dev/null --user=root --group= --keep-in-foreground --pid-file= \
    --no-resolv --no-hosts --addn-hosts="$DIR/hosts" --local=/test/ --listen-address=192.0.2.66 --bind-interfaces \
    --log-facility="$DIR/dnsmasq.log" &

mkdir -p "$DIR/nginx"
cat >"$DIR/nginx.conf" <<NGINX
user root;
daemon off;
pid $DIR/nginx/pid;
error_log $DIR/nginx/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $DIR/nginx/body;
    proxy_temp_path $DIR/nginx/proxy;
    fastcgi_temp_path $DIR/nginx/fastcgi;
    uwsgi_temp_path $DIR/nginx/uwsgi;
    scgi_temp_path $DIR/nginx/scgi;
    server {
        listen 8090;
        location /dead { proxy_pass http://192.0.2.66:7003; }
        location /rejecting { proxy_pass http://192.0.2.66:7001; }
        location /silent { proxy_pass http://192.0.2.66:7002; }
        location /through { proxy_pass http://192.0.2.66:8080; }
        location /closing { return 444; }
        location /plain { return 200 "hello"; }
        location / { return 404; }
    }
}
NGINX
ip netns exec server nginx -c "$DIR/nginx.conf" >"$DIR/nginx/out" 2>&1 &

PATHLAB_POD=client "$AGENT" serve --socket "$DIR/client.sock" >"$DIR/client.log" 2>&1 &

wait_for test -S "$DIR/server.sock"
wait_for test -S "$DIR/client.sock"
wait_for sh -c 'ip netns exec server ss -Hltn | grep -q ":8090 "'
wait_for sh -c 'ip netns exec server ss -Hlun | grep -q "192.0.2.66:53 "'
echo ready
exec cat >/dev/null
