#!/bin/sh
# A real control plane of Kubernetes for the stand-in `microk8s`: control-plane.sh DIR BIN ADDRESS
#
# Data and credentials in DIR, the binaries in BIN. Ends with the host. There is no kubelet: the tests play it.
set -eu
dir=$1 bin=$2 address=$3
mkdir -p "$dir"
cd "$dir"
umask 077
openssl genrsa -out account.key 2048 2>/dev/null
openssl rand -hex 16 >token
printf '%s,lab,lab,system:masters\n' "$(cat token)" >tokens.csv
etcd --data-dir etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 >etcd.log 2>&1 &
"$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --cert-dir=certs --secure-port=16443 \
    --bind-address=0.0.0.0 --advertise-address="$address" --service-cluster-ip-range=10.152.183.0/24 \
    --token-auth-file=tokens.csv --authorization-mode=AlwaysAllow --disable-admission-plugins=ServiceAccount \
    --service-account-issuer=https://lab --service-account-signing-key-file=account.key \
    --service-account-key-file=account.key --kubelet-preferred-address-types=InternalIP >apiserver.log 2>&1 &
until [ -s certs/apiserver.crt ]; do sleep 0.1; done
{
    printf 'apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: %s\n' "$(base64 -w0 certs/apiserver.crt)"
    # The real one's certificate has its loopback address.
    printf '    server: https://127.0.0.1:16443\n    tls-server-name: localhost\n  name: microk8s-cluster\n'
    printf 'contexts:\n- context:\n    cluster: microk8s-cluster\n    user: admin\n  name: microk8s\n'
    printf 'current-context: microk8s\nkind: Config\npreferences: {}\n'
    printf 'users:\n- name: admin\n  user:\n    token: %s\n' "$(cat token)"
} >client.config.new
mv client.config.new client.config
sed "s|certificate-authority-data:.*|certificate-authority: $dir/certs/apiserver.crt|; s|https://127.0.0.1|https://localhost|" \
    client.config >kubeconfig
# Nobody sends heartbeats for nodes here. Its folder for plugins is made again when it is gone, and DIR is taken away.
"$bin/kube-controller-manager" --kubeconfig=kubeconfig --leader-elect=false --node-monitor-grace-period=1h \
    --service-account-private-key-file=account.key --flex-volume-plugin-dir=/run/volume-plugins \
    >controller-manager.log 2>&1 &
"$bin/kube-scheduler" --kubeconfig=kubeconfig --leader-elect=false >scheduler.log 2>&1 &
wait
