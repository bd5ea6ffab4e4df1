//! Hosts on one machine: network namespaces on a bridge, each with its own address, name and sshd.
//! All are removed when dropped, also if a test fails. Root only; nothing leaves the machine,
//! because there is no route.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::sandbox::eventually;

/// Several hosts.
pub(crate) struct Hosts {
    prefix: &'static str,
    network: String,
    count: u32,
    dir: PathBuf,
    daemons: Vec<Child>,
}

/// Why hosts cannot be made here, if they cannot.
pub(crate) fn obstacle(programs: &[&str]) -> Option<String> {
    let root =
        fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("Uid:\t0\t"));
    if !root {
        return Some("network namespaces need root".to_owned());
    }
    let missing = programs.iter().find(|name| program(name).is_none());
    missing.map(|name| format!("there is no {name}: scripts/test.sh installs it on Debian"))
}

/// Path of a program.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places
        .map(|dir| Path::new(dir).join(name))
        .into_iter()
        .find(|path| path.is_file())
}

/// Prints why a test is skipped, or fails if `REQUIRE_HOSTS` is set.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("REQUIRE_HOSTS").is_none(),
        "REQUIRE_HOSTS is set, but {why}"
    );
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    {
        eprintln!("skipped: {why}");
    }
}

/// Runs a command that must succeed; arguments are separated by spaces.
pub(crate) fn must(line: &str) {
    let output = command(line);
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs a command that may fail; returns whether it succeeded.
pub(crate) fn may(line: &str) -> bool {
    command(line).status.success()
}

fn command(line: &str) -> Output {
    let mut words = line.split_whitespace();
    Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap()
}

fn key(path: &Path, comment: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success(), "{}", path.display());
}

impl Hosts {
    /// This many hosts, named `h1` to `hN`, or `None` if that is impossible. Each test has its own
    /// prefix and network (the third of four numbers).
    pub(crate) fn up(prefix: &'static str, network: u8, count: u32, dir: &Path) -> Option<Self> {
        if let Some(why) = obstacle(&["ip", "ssh", "ssh-keygen", "sshd"]) {
            skip(&why);
            return None;
        }
        let mut hosts = Self::bare(prefix, network, count, dir);
        hosts.admit();
        for i in 1..=count {
            eventually("an sshd answers", || {
                hosts.ssh(&format!("h{i}"), "true").then_some(())
            });
        }
        Some(hosts)
    }

    /// Hosts without any daemon.
    pub(crate) fn bare(prefix: &'static str, network: u8, count: u32, dir: &Path) -> Self {
        let network = format!("10.77.{network}");
        let hosts = Self {
            prefix,
            network,
            count,
            dir: dir.to_owned(),
            daemons: Vec::new(),
        };
        fs::create_dir_all(dir).unwrap();
        // Leftovers of a run that was killed.
        hosts.remove();
        let Self {
            prefix, network, ..
        } = &hosts;
        must(&format!("ip link add {prefix}br type bridge"));
        must(&format!("ip addr replace {network}.254/24 dev {prefix}br"));
        must(&format!("ip link set {prefix}br up"));
        for i in 1..=count {
            must(&format!("ip netns add {prefix}{i}"));
            must(&format!(
                "ip link add {prefix}v{i} type veth peer name eth0 netns {prefix}{i}"
            ));
            must(&format!("ip link set {prefix}v{i} master {prefix}br up"));
            must(&format!(
                "ip -n {prefix}{i} addr add {network}.{i}/24 dev eth0"
            ));
            must(&format!("ip -n {prefix}{i} link set eth0 up"));
            must(&format!("ip -n {prefix}{i} link set lo up"));
        }
        hosts
    }

    /// Keys, the client's configuration, and a daemon for each.
    fn admit(&mut self) {
        fs::create_dir_all("/run/sshd").unwrap();
        let at = |name: &str| self.dir.join(name);
        key(&at("id"), "test");
        fs::copy(at("id.pub"), at("authorized_keys")).unwrap();
        let show = |name: &str| at(name).display().to_string();
        let (id, known) = (show("id"), show("known_hosts"));
        let mut config = format!(
            "Host *\n User root\n IdentityFile {id}\n IdentitiesOnly yes\n UserKnownHostsFile {known}\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n ConnectTimeout 5\n"
        );
        let mut known_hosts = String::new();
        let mut daemons = Vec::new();
        for i in 1..=self.count {
            let (name, address) = (format!("h{i}"), format!("{}.{i}", self.network));
            key(&at(&format!("{name}.key")), &name);
            let public = fs::read_to_string(at(&format!("{name}.key.pub"))).unwrap();
            known_hosts += &format!("{name},{address} {public}");
            config += &format!("Host {name}\n HostName {address}\n HostKeyAlias {name}\n");
            let server = format!(
                "ListenAddress {address}:22\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
                 MaxStartups 200\nMaxSessions 200\nUseDNS no\n",
                show(&format!("{name}.key")),
                show("authorized_keys")
            );
            fs::write(at(&format!("{name}.sshd")), server).unwrap();
            daemons.push(self.daemon(&name, i));
        }
        fs::write(at("known_hosts"), known_hosts).unwrap();
        fs::write(at("ssh_config"), config).unwrap();
        self.daemons = daemons;
    }

    fn daemon(&self, name: &str, i: u32) -> Child {
        let sshd = program("sshd").unwrap();
        let config = self.dir.join(format!("{name}.sshd"));
        let start = format!(
            "hostname {name}; exec {} -D -e -f {}",
            sshd.display(),
            config.display()
        );
        let log = fs::File::create(self.dir.join(format!("{name}.log"))).unwrap();
        Command::new("ip")
            .args([
                "netns",
                "exec",
                &format!("{}{i}", self.prefix),
                "unshare",
                "--uts",
                "sh",
                "-c",
                &start,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// The ssh configuration for them.
    pub(crate) fn config(&self) -> String {
        self.dir.join("ssh_config").display().to_string()
    }

    /// This machine's address, as the hosts see it.
    pub(crate) fn here(&self) -> String {
        format!("{}.254", self.network)
    }

    /// All names.
    pub(crate) fn names(&self) -> String {
        (1..=self.count)
            .map(|i| format!("h{i}"))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Whether a command on a host succeeds.
    pub(crate) fn ssh(&self, host: &str, line: &str) -> bool {
        let ssh = Command::new("ssh")
            .args(["-F", &self.config(), host, line])
            .stderr(Stdio::null())
            .status();
        ssh.is_ok_and(|status| status.success())
    }

    /// Disconnects a host, or connects it again.
    pub(crate) fn link(&self, host: u32, up: bool) {
        let state = if up { "up" } else { "down" };
        must(&format!("ip link set {}v{host} {state}", self.prefix));
    }

    /// Processes running on a host.
    pub(crate) fn processes(&self, host: u32) -> Vec<u32> {
        let output = command(&format!("ip netns pids {}{host}", self.prefix));
        String::from_utf8_lossy(&output.stdout)
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    fn remove(&self) {
        let Self { prefix, .. } = self;
        let names = String::from_utf8_lossy(&command("ip netns list").stdout).into_owned();
        let ours = |name: &&str| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
        };
        for name in names
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(ours)
        {
            // Every process on that host belongs to the test.
            for pid in String::from_utf8_lossy(&command(&format!("ip netns pids {name}")).stdout)
                .split_whitespace()
            {
                may(&format!("kill -9 {pid}"));
            }
            // Delete the link at once: a namespace with half-closed sockets lives on for a while
            // and would keep its name.
            may(&format!(
                "ip link del {prefix}v{}",
                name.trim_start_matches(prefix)
            ));
            may(&format!("ip netns del {name}"));
        }
        may(&format!("ip link del {prefix}br"));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.remove();
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
