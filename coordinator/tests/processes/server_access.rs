//! Who may do what at a server: reading from elsewhere, TLS, roles and strangers.

use std::fs;

use crate::sandbox::{Sandbox, eventually};
use crate::server::{drained, elsewhere, jobs, serve, submit, token, url};
use crate::tally::plan;

#[test]
fn results_can_be_read_from_another_host_and_nothing_else() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(2, 10, 2, 1));
    let server = serve(&sandbox);
    submit(&sandbox, &path);
    assert_eq!(sandbox.run_beside(&["watch", "1", "-q"]).code, Some(0));
    let read = token(&sandbox, "read");
    let commands: [&[&str]; 6] = [
        &["runs", "list"],
        &["runs", "show", "latest", "-o", "json"],
        &["report", "latest"],
        &["report", "latest", "-o", "csv"],
        &["compare", "latest"],
        &["compare", "latest", "-o", "json"],
    ];
    for arguments in commands {
        let (there, here) = (
            elsewhere(&sandbox, &read, arguments),
            sandbox.run_beside(arguments),
        );
        assert_eq!((there.code, &there.stdout), (here.code, &here.stdout));
        assert!(
            !there.stdout.is_empty() && there.code != Some(2),
            "{there:?}"
        );
        assert!(there.stderr.is_empty(), "{there:?}");
    }
    let none = elsewhere(&sandbox, &read, &["runs", "show", "ZZZ"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("no stored run"), "{none:?}");
    let stranger = elsewhere(&sandbox, "0", &["runs", "list"]);
    assert!(stranger.code == Some(2) && stranger.stdout.is_empty());
    // What writes files is not sent to a server: it reads the store of its own host.
    for arguments in [
        &["runs", "export", "latest"][..],
        &["report", "--html", "x"],
    ] {
        let own = elsewhere(&sandbox, &read, arguments);
        assert!(own.stderr.contains("none is stored there yet"), "{own:?}");
    }
    drained(&sandbox, server);
}

#[test]
fn over_tls_a_client_needs_a_certificate_of_the_fleet() {
    let sandbox = Sandbox::new();
    let made = sandbox.run(&["certs", "init", "certs", "--name", "localhost"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let path = sandbox.plan(&plan(1, 10, 2, 1));
    let with = [
        "--credentials",
        "certs/coordinator",
        "--advertise",
        "localhost",
    ];
    let server = sandbox.start(&[&["serve"][..], &with].concat());
    let own = format!("{} https://localhost:", server.pid());
    eventually("the server is there", || {
        let address = fs::read_to_string(sandbox.path("store/control/address")).ok()?;
        address.starts_with(&own).then_some(())
    });
    let with = |arguments: &[&str], credentials: &str| {
        let more = ["--credentials", credentials];
        sandbox.run_beside(&[arguments, &more].concat())
    };
    let submitted = with(&["submit", &path], "certs/agent");
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let watched = with(&["watch", "1"], "certs/agent");
    assert_eq!(watched.code, Some(0), "{watched:?}");
    // Strangers: no certificate, one of another authority, plain text.
    let bare = sandbox.run_beside(&["queue"]);
    assert!(
        bare.stderr.contains("https needs --credentials"),
        "{bare:?}"
    );
    sandbox.run_beside(&["certs", "init", "others", "--name", "localhost"]);
    let other = with(&["queue"], "others/agent");
    assert!(
        other.code == Some(2) && other.stdout.is_empty(),
        "{other:?}"
    );
    let plain = url(&sandbox).replace("https", "http");
    let plain = sandbox.run_beside(&["queue", "--server", &plain]);
    assert!(
        plain.code == Some(2) && plain.stdout.is_empty(),
        "{plain:?}"
    );
    drained(&sandbox, server);
}

#[test]
fn a_role_allows_what_it_says_and_strangers_are_refused() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(1, 10, 2, 1));
    let server = serve(&sandbox);
    let with = |token: &str, arguments: &[&str]| {
        let ended = elsewhere(&sandbox, token, arguments);
        (ended.code, ended.stderr)
    };
    let look = ["queue"];
    let submit = ["submit", &path];
    let schedule = ["schedule", "add", "nightly", "--cron", "30 2 * * *", &path];
    let all: [&[&str]; 3] = [&look, &submit, &schedule];
    for (role, allowed) in [("read", 1), ("submit", 2), ("administer", 3)] {
        for (number, arguments) in all.iter().enumerate() {
            let (code, told) = with(&token(&sandbox, role), arguments);
            let expected = if number < allowed { Some(0) } else { Some(2) };
            assert_eq!(code, expected, "{role} {arguments:?}: {told}");
            assert!(number < allowed || told.contains(&format!("this one has `{role}`")));
        }
    }
    for stranger in ["", "0", "deadbeef"] {
        let (code, told) = with(stranger, &look);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("token"), "{told}");
    }
    assert_eq!(jobs(&sandbox).len(), 2, "what was refused changed nothing");
    let ended = drained(&sandbox, server);
    assert!(
        ended.stderr.contains("token"),
        "refusals are shown: {ended:?}"
    );
}
