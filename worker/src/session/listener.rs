//! Finds the user who listens on a port of this host. Any user may bind a free loopback port and
//! receive a token meant for a coordinator, so a token is sent unencrypted only to this user and
//! root, who can read it in this process anyway. Reads `/proc/net`; must not know what is sent.

use std::os::unix::fs::MetadataExt;

/// The kernel's code for a listening socket.
const LISTENING: &str = "0A";

/// The id of another user who listens on this port of this host; `None` if it is this user or root,
/// or if no process listens.
pub(super) fn stranger(port: u16) -> Option<u32> {
    let own = std::fs::metadata("/proc/self").map(|own| own.uid()).ok()?;
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| std::fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| owners(table, port))
        .find(|owner| *owner != own && *owner != 0)
}

/// Users who listen on a port, from a table of sockets.
fn owners(table: &str, port: u16) -> impl Iterator<Item = u32> {
    table.lines().filter_map(move |line| {
        let mut words = line.split_ascii_whitespace();
        let (_, bound) = words.nth(1)?.rsplit_once(':')?;
        let mine = u16::from_str_radix(bound, 16) == Ok(port) && words.nth(1) == Some(LISTENING);
        words.nth(3).filter(|_| mine)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1004 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 98345 1 0 100 0 0 10 0
   1: 00000000:1004 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 98346 1 0 100 0 0 10 0
   2: 0100007F:1004 0100007F:C0DE 01 00000000:00000000 00:00000000 00000000    33        0 98347 1 0 20 4 30 10 -1
   3: 0100007F:1005 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 98348 1 0 100 0 0 10 0
";

    #[test]
    fn who_listens_is_read_from_the_kernels_table() {
        assert_eq!(
            owners(TABLE, 4100).collect::<Vec<_>>(),
            [1000, 0],
            "connections are not listeners"
        );
        assert_eq!(owners(TABLE, 4101).collect::<Vec<_>>(), [33]);
        assert_eq!(
            owners(TABLE, 4102).count() + owners("", 4100).count() + owners("x\n:\n", 0).count(),
            0
        );
    }

    #[test]
    fn this_user_is_no_stranger() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(owners(&table, port).count(), 1, "{table}");
        assert_eq!(stranger(port), None);
    }
}
