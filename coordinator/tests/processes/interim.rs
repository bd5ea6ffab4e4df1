//! A planned interim analysis: the run ends there if the answer is clear, and otherwise continues.

use contract::run::RunState;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::tally::state;

/// Eight rounds with an interim analysis after six. Test hosts are busy, so nothing here depends on
/// a few per cent.
fn plan(scale: f64, scatter: f64) -> String {
    format!(
        "name = 'looked'\nrounds = 8\nlook = {{ at = 6 }}\nengine = 'sim'\n\
         [tolerance]\nlatency = 0.5\n\
         [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\n\
         [sim.all]\nstep_base_ns = 5000000\nround_sd = {scatter}\n[sim.pgo]\nscale = {scale}\n\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = 24 }}\n\
         prompt = {{ tokens = 4 }}\noutput_tokens = 4\nwarmup = {{ requests = 2, output_tokens = 1 }}\n"
    )
}

fn answer(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.run(&["compare", "--output", "json"]).stdout).unwrap()
}

/// Whatever the machine does to the figures, the run ends at its interim analysis if that is
/// decisive, otherwise at its last round, and reports which. What is decisive is tested in virtual
/// time (`verdicts/interim.rs`).
#[test]
fn a_run_ends_at_its_look_or_at_its_last_round_and_says_which() {
    for (scale, scatter) in [(4.0, 0.01), (1.0, 0.9)] {
        let sandbox = Sandbox::new();
        let ended = sandbox.run(&["run", &sandbox.plan(&plan(scale, scatter)), "--seed", "3"]);
        let record = sandbox.latest();
        assert_eq!(state(&record), Some(RunState::Complete), "{ended:?}");
        let document = answer(&sandbox);
        let settled = record.blocks.len() == 6;
        let (alpha, whose) = if settled {
            (0.005, "look")
        } else {
            (0.048, "end")
        };
        assert!(
            settled || record.blocks.len() == 8,
            "{} blocks",
            record.blocks.len()
        );
        assert_eq!(document["settings"]["alpha"], alpha);
        assert_eq!(document["settings"]["look"]["answer"], whose);
        let verdict = document["run"]["verdict"].as_str().unwrap();
        assert_eq!(
            settled,
            settled && matches!(verdict, "FASTER" | "SLOWER" | "SAME"),
            "{verdict}"
        );
        let reason = &record.end.as_ref().unwrap().reason;
        assert_eq!(
            reason.contains("clear at the interim analysis"),
            settled,
            "{reason}"
        );
        let flat = ended
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            flat.contains("interim analysis planned after 6 of 8 rounds"),
            "{}",
            ended.stdout
        );
        assert!(
            flat.contains(if settled {
                "99.5 % interval"
            } else {
                "95.2 % interval"
            }),
            "{flat}"
        );
        // Nothing is left to run.
        sandbox.run(&["run", "--resume", "latest"]);
        assert_eq!(sandbox.latest().blocks.len(), record.blocks.len());
    }
}
