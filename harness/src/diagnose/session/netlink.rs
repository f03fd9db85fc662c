//! `/proc/net/netlink`: whether a listener is there, and has lost nothing.

/// One socket that listens to nftables' traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSocket {
    /// Identifies the socket.
    pub inode: u64,
    /// Messages lost because the buffer was full.
    pub drops: u64,
}

/// Protocol number of `NETLINK_NETFILTER`.
const NETFILTER: &str = "12";
/// Bit of the multicast group of traces (`NFNLGRP_NFTRACE`, 9, counted from 1).
const TRACE_GROUP: u32 = 1 << 8;

/// The sockets that listen to traces.
#[must_use]
pub fn trace_sockets(proc_net_netlink: &str) -> Vec<TraceSocket> {
    proc_net_netlink
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, NETFILTER, _, groups, _, _, _, _, drops, inode] = fields.as_slice() else { return None };
            let groups = u32::from_str_radix(groups, 16).ok()?;
            (groups & TRACE_GROUP != 0).then_some(())?;
            Some(TraceSocket { inode: inode.parse().ok()?, drops: drops.parse().ok()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{TraceSocket, trace_sockets};

    #[test]
    fn finds_the_listener_among_others() {
        let text = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
            00000000a355698a 12  0          00000000 0        0        0     2        0        30032   \n\
            000000005e54744b 12  91         00000100 2304     0        0     2        7        30208   \n\
            000000005e54744c 0   92         00000100 0        0        0     2        0        30209   \n";
        assert_eq!(trace_sockets(text), [TraceSocket { inode: 30208, drops: 7 }]);
    }
}
