//! A look planned before the run: it ends there when the answer is clear, and otherwise goes on.

use contract::run::RunState;
use serde_json::Value;

use crate::ground::Ground;
use crate::tally::state;

/// Eight rounds with a look after six. Hosts of tests are busy: nothing here depends on a few per cent.
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

fn answer(ground: &Ground) -> Value {
    serde_json::from_str(&ground.run(&["compare", "--output", "json"]).stdout).unwrap()
}

#[test]
fn a_clear_answer_ends_the_run_at_its_look() {
    let ground = Ground::new();
    let ended = ground.run(&["run", &ground.plan(&plan(4.0, 0.01)), "--seed", "3", "--gate"]);
    let record = ground.latest();
    assert_eq!((state(&record), record.blocks.len()), (Some(RunState::Complete), 6), "{ended:?}");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let flat = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("SLOWER") && flat.contains("99.5 % interval"), "{}", ended.stdout);
    assert!(flat.contains("one look planned after 6 of 8 rounds"), "{}", ended.stdout);
    assert!(flat.contains("this is the look's answer"), "{}", ended.stdout);
    assert!(record.end.as_ref().unwrap().reason.contains("clear at the look"), "{:?}", record.end);
    let document = answer(&ground);
    assert_eq!(document["settings"]["alpha"], 0.005);
    assert_eq!(document["settings"]["look"]["answer"], "look");
    // There is nothing left to run.
    let again = ground.run(&["run", "--resume", "latest", "--gate"]);
    assert_eq!((again.code, ground.latest().blocks.len()), (Some(1), 6), "{again:?}");
    let explained = ground.run(&["compare", "--explain", "primary"]).stdout;
    assert!(explained.contains("99.5 %") && explained.contains("one look was planned"), "{explained}");
}

/// The twin: where rounds scatter by half, nothing is clear at the look and every round is run.
#[test]
fn an_open_answer_goes_on_to_the_last_round() {
    let ground = Ground::new();
    let ended = ground.run(&["run", &ground.plan(&plan(1.0, 0.9)), "--seed", "3"]);
    let record = ground.latest();
    assert_eq!((state(&record), record.blocks.len()), (Some(RunState::Complete), 8), "{ended:?}");
    let document = answer(&ground);
    assert_eq!(document["settings"]["alpha"], 0.048);
    assert_eq!(document["settings"]["look"]["answer"], "end");
}
