//! Plans that are read, changed and refused.

use std::path::PathBuf;
use std::time::Duration;

use contract::id::Arm;
use contract::spec::{PromptSet, Shape};

use super::*;

mod loads;
mod pages;
mod refusals;
mod servers;

const SMALL: &str = r#"
name = "mine"
[[scenario]]
name = "s"
shape = { kind = "burst", requests = 4 }
prompt = { tokens = 8 }
output_tokens = 2
"#;

fn read(text: &str) -> Result<Plan, PlanError> {
    file::PlanFile::from_toml(text, "the plan `my.toml`")?
        .consistent("the plan `my.toml`")?
        .into_plan(7)
        .checked_anew("the plan `my.toml`")
}

fn refusal(text: &str) -> String {
    read(text).expect_err("a senseless plan").to_string()
}

/// SMALL with one more top-level line.
fn with(line: &str) -> String {
    format!("{line}\n{SMALL}")
}

#[test]
fn pinning_takes_the_only_slot() {
    let pinned = |slots| format!("slots = {slots}\n{SMALL}[native]\npin = true\n");
    assert!(read(&pinned(1)).is_ok());
    assert!(refusal(&pinned(2)).contains("lower --slots from 2 to 1"));
}

#[test]
fn a_duet_halves_the_slots_and_has_no_control() {
    let duet = |rest: &str| with(&format!("duet = true\n{rest}"));
    let plan = read(&duet("slots = 2\ncontrol = false")).expect("two halves of one slot each");
    assert_eq!(
        (plan.slots_of_an_arm(2), plan.demand(4)),
        (
            1,
            Plan {
                duet: false,
                ..plan.clone()
            }
            .demand(2)
        )
    );
    assert_eq!(Plan::from_json(&plan.to_json()).expect("recorded"), plan);
    assert_ne!(
        plan.remarks(),
        Plan {
            duet: false,
            ..plan
        }
        .remarks()
    );
    for (rest, told) in [
        ("slots = 3\ncontrol = false", "such as --slots 2"),
        ("slots = 2", "add --no-aa"),
        (
            "slots = 2\ncontrol = false\non_loss = \"shrink\"",
            "on_loss `repeat`",
        ),
    ] {
        assert!(refusal(&duet(rest)).contains(told), "{rest}");
    }
    let pinned = format!("duet = true\nslots = 2\ncontrol = false\n{SMALL}[native]\npin = true\n");
    assert!(refusal(&pinned).contains("leave out native.pin"));
    assert!(
        !read(SMALL).expect("none").to_json().contains("duet"),
        "histories go by the plan's text"
    );
}

#[test]
fn every_byte_of_a_model_is_looked_at_where_that_is_asked_for() {
    let plan = read(&format!("{SMALL}[native]\nverify = \"full\"\n")).expect("a plan");
    assert!(plan.verifies_model());
    assert_eq!(Plan::from_json(&plan.to_json()).expect("recorded"), plan);
    let plain = read(SMALL).expect("a plan");
    assert!(
        !plain.verifies_model() && !plain.to_json().contains("verify"),
        "older programs read plans without"
    );
    assert!(refusal(&format!("{SMALL}[native]\nverify = \"ful\"\n")).contains("`full`"));
}

#[test]
fn a_look_comes_when_it_can_answer_and_before_the_end() {
    let look = |at: u32, control: bool| {
        with(&format!(
            "rounds = 12\ncontrol = {control}\nlook = {{ at = {at} }}"
        ))
    };
    let plan = read(&look(6, true)).expect("six rounds of three arms can answer");
    assert_eq!(plan.stop, Stop::Once { at: 6 });
    assert_eq!(
        Plan::from_json(&plan.to_json()).expect("recorded").stop,
        plan.stop
    );
    assert!(read(&look(9, false)).is_ok());
    for (text, least) in [(look(5, true), 6), (look(12, true), 6), (look(8, false), 9)] {
        let refusal = refusal(&text);
        assert!(
            refusal.contains(&format!("at least {least} rounds")),
            "{refusal}"
        );
    }
    assert!(
        !read(SMALL).expect("no look").to_json().contains("look"),
        "older programs read plans without one"
    );
}

#[test]
fn a_run_may_end_when_it_is_decided() {
    let minute = Some(Duration::from_secs(60));
    let plan = read(&with("until = \"decided\"\nbudget = 60")).expect("a plan");
    assert_eq!(
        (plan.stop, plan.rounds),
        (Stop::Decided { budget: minute }, MOST_ROUNDS)
    );
    let recorded = Plan::from_json(&plan.to_json()).expect("recorded");
    assert_eq!(recorded, plan);
    let few = read(&with("until = \"decided\"\nrounds = 9")).expect("a plan");
    assert_eq!((few.stop, few.rounds), (Stop::Decided { budget: None }, 9));
    for (keys, why) in [
        ("budget = 60", "add `until"),
        (
            "until = \"decided\"\nlook = { at = 6 }",
            "leave one of them out",
        ),
        ("until = \"decided\"\nbudget = 0", "`budget` is 0"),
        ("until = \"decided\"\nbudget = nan", "`budget` is NaN"),
        ("until = \"tired\"", "decided"),
    ] {
        let refusal = refusal(&with(keys));
        assert!(refusal.contains(why), "{keys}: {refusal}");
    }
    let old = read(SMALL).expect("a plan").to_json();
    assert!(
        !old.contains("until") && !old.contains("budget"),
        "older programs read plans without"
    );
}

#[test]
fn every_preset_is_valid_and_named_as_it_is_called() {
    for name in preset::NAMES {
        let plan = preset::plan(name, 1).expect(name);
        assert_eq!(plan.name, name);
    }
}

#[test]
fn a_printed_preset_run_from_a_file_is_the_same_plan() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in preset::NAMES {
        let path = dir.path().join("my.toml");
        std::fs::write(&path, preset::toml(name).expect(name)).expect("written");
        let from_file = resolve(&Source::File(path), &Overrides::default(), 5).expect(name);
        assert_eq!(from_file, preset::plan(name, 5).expect(name));
    }
}

#[test]
fn presets_offer_the_loads_of_the_seed() {
    let bursts = |name: &str| {
        let shapes = preset::plan(name, 1).expect(name).scenarios;
        shapes
            .iter()
            .map(|s| (s.shape.clone(), s.prompt.tokens.max(), s.longest_answer()))
            .collect::<Vec<_>>()
    };
    let burst = |requests| Shape::Burst { requests };
    assert_eq!(bursts("high"), [(burst(100), 32, 32), (burst(200), 32, 32)]);
    assert_eq!(
        bursts("medium"),
        [
            (burst(10), 32, 32),
            (burst(25), 32, 32),
            (burst(50), 32, 32)
        ]
    );
    assert_eq!(bursts("demo"), [(burst(100), 16, 8), (burst(200), 16, 8)]);
    let single = preset::plan("single", 1).expect("single");
    assert_eq!(
        single
            .scenarios
            .iter()
            .map(|s| s.prompt.tokens.max())
            .collect::<Vec<_>>(),
        [16, 128, 512]
    );
    assert_eq!(single.demand(1).concurrency, 2);
    assert_eq!(
        (preset::plan("demo", 1).expect("demo").rounds, single.rounds),
        (MOST_ROUNDS, DEFAULT_ROUNDS)
    );
}

#[test]
fn training_uses_its_own_prompts_alone_and_fits_a_minute_at_300_tokens_a_second() {
    let plan = preset::plan("training", 1).expect("training");
    assert!(
        plan.scenarios
            .iter()
            .all(|s| s.prompt.set == PromptSet::Training)
    );
    let tokens: u32 = plan
        .scenarios
        .iter()
        .map(|s| s.requests() * s.tokens_per_request())
        .sum::<u32>()
        * plan.rounds;
    assert!((10_000..18_000).contains(&tokens), "{tokens} tokens");
    for name in preset::NAMES.into_iter().filter(|name| *name != "training") {
        let plan = preset::plan(name, 1).expect(name);
        assert!(
            plan.scenarios
                .iter()
                .all(|s| s.prompt.set == PromptSet::Evaluation),
            "{name}"
        );
    }
}

#[test]
fn defaults_are_filled_in() {
    let plan = read(SMALL).expect("a small plan");
    assert_eq!(
        (plan.rounds, plan.slots, plan.control, plan.seed),
        (10, 1, true, 7)
    );
    assert_eq!(
        (plan.on_loss, plan.primary),
        (OnLoss::Repeat, Primary::E2eP50)
    );
    assert_eq!(plan.engine, EnginePlan::Native(NativePlan::default()));
    assert_eq!(plan.remarks(), []);
}

#[test]
fn flags_win_over_the_plan() {
    let flags = Overrides {
        rounds: Some(5),
        seed: Some(11),
        control: Some(false),
        slots: Some(4),
        engine: Some(EngineKind::Sim),
        on_loss: Some(OnLoss::Fail),
        ..Overrides::default()
    };
    let plan = resolve(&Source::Preset("high".into()), &flags, 7).expect("high");
    assert_eq!(
        (plan.rounds, plan.seed, plan.slots, plan.control),
        (5, 11, 4, false)
    );
    assert_eq!(
        (plan.engine_kind(), plan.on_loss),
        (EngineKind::Sim, OnLoss::Fail)
    );
    assert_eq!(plan.requests_per_round(), 300);
    assert_eq!(
        plan.remarks(),
        [
            Remark::FewRounds {
                rounds: 5,
                least: 6
            },
            Remark::NoControl
        ]
    );

    let flags = Overrides {
        model: Some("/m".into()),
        threads: Some(3),
        ..Overrides::default()
    };
    let plan = resolve(&Source::Preset("high".into()), &flags, 7).expect("high");
    let EnginePlan::Native(native) = plan.engine else {
        panic!("native is the default")
    };
    assert_eq!((native.model.as_deref(), native.threads), (Some("/m"), 3));
    assert_eq!(native.spec("/found", Arm::A).model, "/found");
    let slowed = NativePlan {
        handicap: 0.03,
        ..native
    };
    assert_eq!(
        Arm::ALL.map(|arm| slowed.spec("/found", arm).handicap),
        [0.0, 0.03, 0.0]
    );
}

#[test]
fn json_and_toml_give_the_plan_back_and_equal_plans_equal_text() {
    let sim = with("engine = \"sim\"")
        + "[sim.all]\nround_sd = 0.1\njitter = 0.30000000000000004\n[sim.pgo]\nscale = 0.95\n";
    for plan in [
        read(&sim).expect("sim"),
        preset::plan("high", u64::MAX).expect("high"),
    ] {
        let json = plan.to_json();
        assert_eq!(Plan::from_json(&json).expect("reads back"), plan);
        assert_eq!(Plan::from_json(&json).expect("reads back").to_json(), json);
        assert_eq!(read(&plan.to_toml()).expect("reads back"), plan);
        assert!(!json.contains('\n'));
    }
    let (one, other) = (
        preset::plan("high", 1).expect("high"),
        preset::plan("high", 2).expect("high"),
    );
    assert_ne!(one.to_json(), other.to_json());
}

#[test]
fn patience_and_limits_follow_the_plan() {
    let plan = preset::plan("closed-loop", 1).expect("closed-loop");
    let scenario = plan.scenarios[0].clone();
    // Four waves of 600 s would be 2,400 s, so the trial's own limit is shorter.
    assert_eq!(plan.trial_limit(&scenario), Duration::from_secs(1800 + 60));
    let patient = plan.with_patience(10);
    assert_eq!(patient.timeouts.load, Duration::from_secs(3000));
    assert_eq!(patient.scenarios[0].timeout, scenario.timeout * 10);
}

#[test]
fn nearest_offers_only_what_could_be_meant() {
    assert_eq!(nearest("Hihg", ["single", "high"]), Some("high"));
    assert_eq!(nearest("zzz", ["single", "high"]), None);
}

#[test]
fn loads_that_contradict_themselves_have_one_sentence_each() {
    let cases = [
        ("shape = { kind = \"poisson\", rate = 5.0 }", "never ends"),
        (
            "shape = { kind = \"poisson\", rate = 0.0 }\nstop = { duration = 5.0 }",
            "`scenario[0].shape.rate` is 0",
        ),
        (
            "shape = { kind = \"closed-loop\", concurrency = 2 }",
            "never ends",
        ),
        (
            "shape = { kind = \"closed-loop\", concurrency = 2 }\nstop = { duration = 5.0, over_saturation = true }",
            "cannot be over-saturated",
        ),
        (
            "shape = { kind = \"ladder\", concurrency = [0, 0], each = 1.0 }",
            "has no number in flight",
        ),
        (
            "shape = { kind = \"burst\", requests = 9 }\nmax_in_flight = 3",
            "is for open loops",
        ),
        (
            "shape = { kind = \"burst\", requests = 9 }\nwarmup = { output_tokens = 1, run_in = 3.0 }",
            "has no run-in",
        ),
        (
            "shape = { kind = \"burst\", requests = 9 }\nstop = { duration = 5.0 }",
            "is a burst",
        ),
        (
            "shape = { kind = \"steps\", rates = [0.0], each = 5.0 }",
            "has no rate above zero",
        ),
        (
            "shape = { kind = \"constant\", rate = 5.0 }\nstop = { requests = 3, duration = 5.0 }",
            "has both",
        ),
    ];
    for (load, expected) in cases {
        let text = format!(
            "name = \"x\"\n[[scenario]]\nname = \"s\"\n{load}\nprompt = {{ tokens = 2 }}\noutput_tokens = 2\n"
        );
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}");
    }
    let crossed = "name = \"x\"\n[[scenario]]\nname = \"s\"\nshape = { kind = \"burst\", requests = 9 }\n\
                   prompt = { tokens = { kind = \"uniform\", min = 9, max = 2 } }\noutput_tokens = 2\n";
    assert!(refusal(crossed).contains("`min` above `max`"));
}
