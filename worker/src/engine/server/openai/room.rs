//! Limits of the system on connections: open files and local ports. They are checked before a load
//! starts, because a connection that fails later looks like a fault of the server.

use contract::descriptors;

/// Files that a worker has open besides its connections.
const FILES_BESIDE: u64 = 64;

/// The file in which Linux reports its range of local ports.
const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Checks that this number of connections can be open at once; raises the limit of open files if
/// this is needed and possible.
///
/// # Errors
/// One sentence that says what to do.
pub(super) fn allow(connections: u32) -> Result<(), String> {
    descriptors::allow(u64::from(connections) + FILES_BESIDE)
        .map_err(|few| format!("{connections} connections at once cannot be opened: {few}"))?;
    let range = std::fs::read_to_string(PORTS).unwrap_or_default();
    match ports(&range) {
        Some(ports) if ports < connections => Err(format!(
            "{connections} connections to one server cannot be opened: this host has {ports} local \
             ports for them; offer less load, or widen net.ipv4.ip_local_port_range"
        )),
        // If the system does not report it, there are assumed to be enough.
        _ => Ok(()),
    }
}

/// The number of ports in a range, in Linux's format.
fn ports(range: &str) -> Option<u32> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    last.checked_sub(first).map(|more| more + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_and_too_many_connections_are_refused_before_a_load() {
        assert_eq!(ports("32768\t60999\n"), Some(28232));
        assert_eq!(ports(""), None);
        assert_eq!(allow(1), Ok(()));
        let refused = allow(u32::MAX).expect_err("no system has so many");
        assert!(refused.contains("connections"), "{refused}");
    }
}
