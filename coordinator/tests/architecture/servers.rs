//! A further protocol of servers changes few files: those that name a protocol are listed here, and
//! no other file may.

use contract::spec::Protocol;

use crate::scan;
use crate::{collect, read, root, sources};

/// The files that name protocols. A protocol's own room is a file or folder beside the second.
const KNOWING: [&str; 3] = [
    "proto/src/spec/server.rs",
    "worker/src/engine/server/mod.rs",
    "coordinator/src/plan/server.rs",
];

/// The files of the three that must change for a protocol without options of its own.
const WITHOUT_OPTIONS: usize = 2;

/// Whether a source names this protocol.
fn names(path: &str, text: &str, protocol: Protocol) -> bool {
    let variant = format!("{protocol:?}");
    let is_it = |segments: &[String]| matches!(segments, [.., of, name] if (of == "Protocol" || of == "Self") && *name == variant);
    let in_its_own_file = path == KNOWING[0];
    scan::uses(path, text)
        .iter()
        .filter(|found| in_its_own_file || found.segments.iter().any(|of| of == "Protocol"))
        .any(|found| is_it(&found.segments))
}

fn all_sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    collect(&root().join("proto/src"), &mut paths);
    let specs = paths.iter().map(|path| read(path));
    sources().into_iter().chain(specs).collect()
}

#[test]
fn a_protocol_of_servers_is_named_in_three_files_and_its_own_room() {
    let sources = all_sources();
    for protocol in Protocol::ALL {
        let naming: Vec<&str> = sources
            .iter()
            .filter(|(path, text)| names(path, text, protocol))
            .map(|(path, _)| path.as_str())
            .collect();
        let known = |path: &&str| KNOWING.contains(path);
        assert!(naming.iter().all(known), "{naming:?}");
        let must = &KNOWING[..WITHOUT_OPTIONS];
        let named = must.iter().all(|path| naming.contains(path));
        assert!(named, "{protocol:?} only in {naming:?}");
        // Its own room.
        let room = root()
            .join("worker/src/engine/server")
            .join(protocol.name());
        assert!(room.is_dir() || room.with_extension("rs").is_file());
    }
}

#[test]
fn a_file_that_names_a_protocol_is_seen() {
    let path = "coordinator/src/app/prepare.rs";
    let of = |text| names(path, text, Protocol::Grpc);
    assert!(of("fn f(x: Protocol) -> bool { x == Protocol::Grpc }"));
    assert!(of("use contract::spec::Protocol::{Exec, Grpc};"));
    assert!(!of("fn f(x: Protocol) -> bool { x == Protocol::Exec }"));
    assert!(!of(
        "// Protocol::Grpc\nconst NAME: &str = \"Protocol::Grpc\";"
    ));
}
