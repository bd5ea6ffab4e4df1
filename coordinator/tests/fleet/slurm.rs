//! Three nodes of a real Slurm, each a network namespace with its own slurmd: agents by array job
//! and by a step inside an allocation, one that is cancelled during a run, and an empty queue
//! afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use contract::run::RunState;

use crate::high::{HIGH, LONGEST, done, whole};
use crate::hosts::{Hosts, obstacle, program, skip};
use crate::sandbox::{Sandbox, eventually, within};
use crate::security::{free, init_for};
use crate::tally::{plan, requests, state};

const NODES: u32 = 3;

/// A cluster that is removed when dropped.
struct Cluster {
    prefix: &'static str,
    dir: PathBuf,
    hosts: Option<Hosts>,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Each test has its own prefix and network, as with [`Hosts`].
    fn up(prefix: &'static str, network: u8, dir: &Path) -> Option<Self> {
        if let Some(why) = obstacle(&["ip", "munged", "slurmctld", "slurmd", "sbatch", "srun"]) {
            skip(&why);
            return None;
        }
        for name in ["run", "state", "spool", "log", "munge"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        let hosts = Hosts::bare(prefix, network, NODES, dir);
        let mut cluster = Self {
            prefix,
            dir: dir.to_owned(),
            hosts: Some(hosts),
            daemons: Vec::new(),
        };
        cluster.munge();
        cluster.configure();
        cluster.start();
        let idle = || {
            cluster
                .say("sinfo", &["-h", "-N", "-o", "%t"])
                .lines()
                .filter(|state| *state == "idle")
                .count()
        };
        eventually("every node is idle", || {
            (idle() == NODES as usize).then_some(())
        });
        Some(cluster)
    }

    fn at(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn munge(&mut self) {
        fs::write(self.dir.join("munge/key"), [42_u8; 1024]).unwrap();
        private(&self.dir.join("munge/key"));
        let flags = [
            format!("--key-file={}", self.at("munge/key")),
            format!("--socket={}", self.at("run/munge.socket")),
            format!("--pid-file={}", self.at("run/munged.pid")),
            format!("--log-file={}", self.at("log/munged.log")),
            format!("--seed-file={}", self.at("munge/seed")),
        ];
        let mut munged = Command::new(program("munged").unwrap());
        munged.args(["--foreground", "--force"]).args(flags);
        self.daemon(&mut munged, "munged");
        eventually("munged listens", || {
            self.dir.join("run/munge.socket").exists().then_some(())
        });
    }

    fn configure(&self) {
        let here = self.hosts.as_ref().unwrap().here();
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let name = name.trim().split('.').next().unwrap();
        let port = free().port();
        let at = |name: &str| self.at(name);
        let mut text = format!(
            "ClusterName=test\nSlurmctldHost={name}({here})\nSlurmctldPort={port}\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={}\nCredType=cred/munge\nStateSaveLocation={}\nSlurmdSpoolDir={}/%n\n\
             SlurmctldPidFile={}\nSlurmdPidFile={}/%n.pid\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
             JobCompType=jobcomp/none\nMpiDefault=none\nSwitchType=switch/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\nSlurmdParameters=config_overrides\nReturnToService=2\nSlurmdTimeout=10\n\
             MessageTimeout=5\nTCPTimeout=2\nKillWait=2\nMinJobAge=300\nInactiveLimit=0\nWaittime=0\n\
             SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1\n",
            at("run/munge.socket"),
            at("state"),
            at("spool"),
            at("run/slurmctld.pid"),
            at("run"),
        );
        for i in 1..=NODES {
            let address = here.replace(".254", &format!(".{i}"));
            let port = port.wrapping_add(1).max(1024);
            text += &format!(
                "NodeName=n{i} NodeHostname=n{i} NodeAddr={address} Port={port} CPUs=1 RealMemory=500 State=UNKNOWN\n"
            );
        }
        text += &format!(
            "PartitionName=test Nodes=n[1-{NODES}] Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(self.dir.join("slurm.conf"), text).unwrap();
        fs::write(
            self.dir.join("cgroup.conf"),
            "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n",
        )
        .unwrap();
    }

    fn start(&mut self) {
        let config = self.at("slurm.conf");
        let mut controller = Command::new(program("slurmctld").unwrap());
        controller
            .args(["-D", "-c", "-f", &config])
            .env("SLURM_CONF", &config);
        self.daemon(&mut controller, "slurmctld");
        for i in 1..=NODES {
            fs::create_dir_all(self.dir.join(format!("spool/n{i}"))).unwrap();
            let slurmd = program("slurmd").unwrap();
            let start = format!(
                "hostname n{i}; exec {} -D -f {config} -N n{i}",
                slurmd.display()
            );
            let mut node = Command::new("ip");
            node.args([
                "netns",
                "exec",
                &format!("{}{i}", self.prefix),
                "unshare",
                "--uts",
                "sh",
                "-c",
                &start,
            ]);
            node.env("SLURM_CONF", &config);
            self.daemon(&mut node, &format!("n{i}"));
        }
    }

    fn daemon(&mut self, command: &mut Command, name: &str) {
        let log = fs::File::create(self.dir.join("log").join(format!("{name}.out"))).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemons.push(child);
    }

    /// Output of a Slurm command.
    fn say(&self, name: &str, arguments: &[&str]) -> String {
        let output = Command::new(name)
            .args(arguments)
            .env("SLURM_CONF", self.at("slurm.conf"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn emptied(&self) {
        within(LONGEST, "the queue is empty", || {
            self.say("squeue", &["-h", "-t", "R,PD,CG"])
                .is_empty()
                .then_some(())
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.say("scancel", &["--me"]);
        for _ in 0..50 {
            if self.say("squeue", &["-h"]).is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        // Removing the hosts also ends everything that a slurmd has left running.
        drop(self.hosts.take());
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Flags for agents that Slurm starts and that connect to this address.
fn by_slurm<'a>(address: &'a str, credentials: &'a str) -> [&'a str; 8] {
    [
        "--launcher",
        "slurm",
        "--agents",
        "3",
        "--listen",
        address,
        "--credentials",
        credentials,
    ]
}

/// Each element of the array has its own node, because a node has one processor.
fn by_array_job(sandbox: &Sandbox, cluster: &Cluster, fleet: &[&str]) {
    let config = cluster.at("slurm.conf");
    let running = sandbox.start_with(&[&HIGH[..], fleet].concat(), &[("SLURM_CONF", &config)]);
    let ended = running.end_within(LONGEST);
    done(&ended);
    whole(sandbox, 3, 3, &ended);
    cluster.emptied();
    sandbox.deserted();
}

/// The coordinator itself is a job on the first node of its allocation, and starts its agents in
/// it.
fn inside_an_allocation(sandbox: &Sandbox, cluster: &Cluster) {
    let first = cluster.hosts.as_ref().unwrap().here().replace(".254", ".1");
    let credentials = init_for(sandbox, "inside", &first)
        .join("coordinator")
        .display()
        .to_string();
    let address = format!("{first}:{}", free().port());
    let words = [&HIGH[..], &by_slurm(&address, &credentials)].concat();
    let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "#!/bin/sh\ncd '{}' && exec ./coordinator --store store {} >output.out 2>output.err\n",
        sandbox.path("").display(),
        line.join(" ")
    );
    fs::write(sandbox.path("job.sh"), script).unwrap();
    let job = sandbox.path("job.sh").display().to_string();
    let submitted = cluster.say(
        "sbatch",
        &["--parsable", "-N3", "-n3", "--output=/dev/null", &job],
    );
    assert!(submitted.trim().parse::<u32>().is_ok(), "{submitted:?}");
    cluster.emptied();
    let said = fs::read_to_string(sandbox.path("output.err")).unwrap_or_default();
    whole(sandbox, 3, 3, &said);
    sandbox.deserted();
}

#[test]
fn three_nodes_of_slurm_count_what_the_plan_says_by_array_job_and_inside_of_an_allocation() {
    let sandbox = Sandbox::new();
    let Some(cluster) = Cluster::up("ps", 14, &sandbox.path("slurm")) else {
        return;
    };
    let here = cluster.hosts.as_ref().unwrap().here();
    let address = format!("{here}:{}", free().port());
    let credentials = init_for(&sandbox, "certs", &here)
        .join("coordinator")
        .display()
        .to_string();
    let fleet = by_slurm(&address, &credentials);
    by_array_job(&sandbox, &cluster, &fleet);
    inside_an_allocation(&sandbox, &cluster);
}

/// A run of three rounds on the cluster; in its second trial the agent on the second node is
/// cancelled.
fn cancelled(sandbox: &Sandbox, cluster: &Cluster, policy: &str, fleet: &[&str]) -> String {
    let text = plan(3, 12, 30, 40)
        .replace("slots = 2", "slots = 1")
        .replace("start = 20", "start = 60");
    let config = cluster.at("slurm.conf");
    let words = [
        "run",
        &sandbox.plan(&text),
        "--seed",
        "3",
        "--on-loss",
        policy,
    ];
    let running = sandbox.start_with(&[&words[..], fleet].concat(), &[("SLURM_CONF", &config)]);
    let mut seen = BTreeSet::new();
    eventually("the second trial begins", || {
        seen.extend(sandbox.workers());
        (seen.len() > NODES as usize).then_some(())
    });
    let queue = cluster.say("squeue", &["-h", "-r", "-t", "R", "-o", "%F_%K %N"]);
    let (element, node) = queue
        .lines()
        .find_map(|line| line.split_once(' ').filter(|(_, node)| *node == "n2"))
        .unwrap();
    cluster.say("scancel", &[element]);
    let ended = running.end_within(Duration::from_secs(180));
    cluster.emptied();
    sandbox.deserted();
    let record = sandbox.latest();
    // Slurm ends the agent and its worker together. The one that is noticed first is the loss, and
    // both name the host.
    let (agent, worker) = (
        format!("the agent of {node}"),
        format!("the worker in slot 1 on {node}"),
    );
    let reason = record.end.unwrap().reason;
    let told = |words: &str| {
        record
            .notices
            .iter()
            .any(|notice| notice.message.contains(words))
    };
    assert!(
        told(&agent) || told(&worker),
        "{policy}, {node}: {:?} {ended:?}",
        record.notices
    );
    reason
}

#[test]
fn an_agent_that_is_cancelled_in_the_middle_of_a_run_is_named_and_costs_what_the_policy_says() {
    let sandbox = Sandbox::new();
    let Some(cluster) = Cluster::up("pt", 15, &sandbox.path("slurm")) else {
        return;
    };
    let here = cluster.hosts.as_ref().unwrap().here();
    let credentials = init_for(&sandbox, "certs", &here)
        .join("coordinator")
        .display()
        .to_string();
    let full = 3 * 3 * 12;
    let outcome = |sandbox: &Sandbox| {
        let record = sandbox.latest();
        let lost: u64 = record.blocks.iter().map(|block| block.lost_requests).sum();
        (state(&record).unwrap(), requests(&record) + lost, lost > 0)
    };
    for policy in ["fail", "repeat", "shrink"] {
        let sandbox = Sandbox::new();
        let address = format!("{here}:{}", free().port());
        let reason = cancelled(
            &sandbox,
            &cluster,
            policy,
            &by_slurm(&address, &credentials),
        );
        let (ended, sent, lost) = outcome(&sandbox);
        match policy {
            "fail" => {
                assert!(
                    reason.contains("the agent of n2") || reason.contains("slot 1 on n2"),
                    "{reason}"
                );
            }
            // The agent is not started again, so the block to be repeated has no host.
            "repeat" => assert!(
                reason.contains("n2") && reason.contains("is CANCELLED"),
                "{reason}"
            ),
            _ => assert_eq!(
                (ended, sent, lost),
                (RunState::Complete, full, true),
                "{reason}"
            ),
        }
        if policy != "shrink" {
            assert_eq!(ended, RunState::Failed);
            let config = cluster.at("slurm.conf");
            let words = [
                &["run", "--resume", "latest"][..],
                &by_slurm(&address, &credentials),
            ]
            .concat();
            let again = sandbox
                .start_with(&words, &[("SLURM_CONF", &config)])
                .end_within(Duration::from_secs(180));
            assert_eq!(
                outcome(&sandbox),
                (RunState::Complete, full, false),
                "{again:?}"
            );
            cluster.emptied();
            sandbox.deserted();
        }
    }
}
