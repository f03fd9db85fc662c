# shellcheck shell=sh
# Facts of a MicroK8s that really runs, in the place of those that are played: read by `microk8s` with `.`
node=/opt/stand-ins/node
program=/opt/stand-ins/bin/stand-in-node

is_ready() {
    $program ready >/dev/null 2>&1
}

members() {
    $program members
}

own_addresses() {
    ip -4 -o address show scope global | sed 's/.* inet \([0-9.]*\).*/\1/'
}

start_node() {
    $node start
}

stop_node() {
    $node stop
}

switch_on() {
    manifest=/opt/stand-ins/addons/$1.yaml
    [ ! -e "$manifest" ] || $program apply "$manifest" || return
    if [ "$1" = ingress ] && [ -e /opt/stand-ins/ingress-service ]; then
        # shellcheck disable=SC2154 # set by who reads this
        sed "s/ADDRESSES/$(members | paste -s -d ,)/" /opt/stand-ins/addons/ingress-service.yaml >"$data/ingress-service.yaml"
        $program apply "$data/ingress-service.yaml"
    fi
}

switch_off() {
    manifest=/opt/stand-ins/addons/$1.yaml
    [ ! -e "$manifest" ] || $program delete "$manifest"
}

invite() {
    touch "$data/tokens/$1"
}

accept() {
    $node join "$1"
}

kubectl() {
    $program kubectl "$@"
}

containers() {
    command ctr --address /var/snap/microk8s/common/run/containerd.sock --namespace k8s.io "$@"
}
