#!/bin/sh
# A Kubernetes control plane in namespaces of its own, without uplink and without kubelets.
#
#   servers.sh DIR BIN AGENT    data and credentials in DIR, the binaries of Kubernetes in BIN; AGENT is lab-agent
#
# Ends with its namespaces. The API server is reached through the relay's socket DIR/api.sock only.
set -eu
dir=$1 bin=$2 agent=$3
cd "$dir"
umask 077

ip link set lo up
# The API server's own endpoint may not be a loopback address.
ip link add eth0 type veth peer name underlay
ip address add 192.0.2.11/24 dev eth0
ip link set eth0 up
ip link set underlay up

openssl genrsa -out account.key 2048 2>/dev/null
openssl rand -hex 16 >token
printf '%s,lab,lab,system:masters\n' "$(cat token)" >tokens.csv

etcd --data-dir etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 >etcd.log 2>&1 &
"$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --cert-dir=certs --secure-port=16443 \
    --bind-address=0.0.0.0 --advertise-address=192.0.2.11 --service-cluster-ip-range=10.152.183.0/24 \
    --token-auth-file=tokens.csv --authorization-mode=AlwaysAllow --disable-admission-plugins=ServiceAccount \
    --service-account-issuer=https://lab --service-account-signing-key-file=account.key \
    --service-account-key-file=account.key --kubelet-preferred-address-types=InternalIP >apiserver.log 2>&1 &
"$agent" relay --socket "$dir/api.sock" --to 127.0.0.1:16443 >relay.log 2>&1 &

until [ -s certs/apiserver.crt ]; do sleep 0.1; done
cat >kubeconfig.new <<END
apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: "https://localhost:16443", certificate-authority: $dir/certs/apiserver.crt}}]
contexts: [{name: lab, context: {cluster: lab, user: lab}}]
users: [{name: lab, user: {token: $(cat token)}}]
END
mv kubeconfig.new kubeconfig
# Nobody sends heartbeats for nodes here.
"$bin/kube-controller-manager" --kubeconfig=kubeconfig --leader-elect=false --node-monitor-grace-period=1h \
    --service-account-private-key-file=account.key --flex-volume-plugin-dir="$PWD/volume-plugins" \
    >controller-manager.log 2>&1 &
"$bin/kube-scheduler" --kubeconfig=kubeconfig --leader-elect=false >scheduler.log 2>&1 &
wait
