//! Errors in plans, each with its sentence.

use super::*;

#[test]
fn a_misspelt_key_is_named_with_its_place_and_the_nearest() {
    let cases = [
        (
            with("roundz = 3"),
            "line 1: there is no key `roundz`, did you mean `rounds`?",
        ),
        (
            format!("{SMALL}output_token = 3\n"),
            "there is no key `scenario[0].output_token`, did you mean `output_tokens`?",
        ),
        (
            SMALL.replace("tokens = 8", "token = 8"),
            "there is no key `scenario[0].prompt.token`, did you mean `tokens`?",
        ),
        (
            SMALL.replace("requests = 4", "request = 4"),
            "there is no key `scenario[0].shape.request`, did you mean `requests`?",
        ),
        (
            format!("{SMALL}[tolerance]\nlatensy = 0.1\n"),
            "there is no key `tolerance.latensy`, did you mean `latency`?",
        ),
        (
            format!("{SMALL}[sim.pgo]\nscael = 0.9\n"),
            "there is no key `sim.pgo.scael`, did you mean `scale`?",
        ),
        (
            format!("{SMALL}[timeouts]\nlaod = 9\n"),
            "there is no key `timeouts.laod`, did you mean `load`?",
        ),
    ];
    for (text, expected) in cases {
        let message = refusal(&text);
        assert!(
            message.starts_with("read the plan `my.toml`") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_misspelt_word_is_named_with_the_nearest() {
    let cases = [
        (
            with("engine = \"natve\""),
            "`engine` cannot be `natve`, did you mean `native`?",
        ),
        (with("on_loss = \"repeet\""), "did you mean `repeat`?"),
        (
            SMALL.replace("burst", "brust"),
            "`scenario[0].shape.kind` cannot be `brust`, did you mean `burst`?",
        ),
        (with("primary = \"e2e-p5\""), "did you mean `e2e-p50`?"),
    ];
    for (text, expected) in cases {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn wrong_types_missing_keys_and_bad_syntax_say_where() {
    let cases = [
        (with("rounds = \"ten\""), "line 1, `rounds`: invalid type"),
        (
            SMALL.replace("output_tokens = 2\n", ""),
            "`scenario[0]`: missing field `output_tokens`",
        ),
        (with("rounds = "), "read the plan `my.toml`, line 1"),
        (with("rounds = -1"), "`rounds`: invalid value: integer `-1`"),
    ];
    for (text, expected) in cases {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn values_out_of_range_have_one_sentence_each() {
    let scenario = "[[scenario]]\nname = \"s\"\nshape = { kind = \"closed-loop\", concurrency = 9, requests = 4 }\n\
                    prompt = { tokens = 0 }\noutput_tokens = 2\n";
    let text = format!(
        "name = \"a b\"\nrounds = 0\nslots = 5\n[tolerance]\ntail = 2.0\n{SCENARIO}{scenario}"
    );
    let Err(PlanError::Invalid { problems, .. }) = read(&text) else {
        panic!("senseless in six ways")
    };
    let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "`name` is `a b`",
        "`rounds` is 0, it must lie between 1 and 10000",
        "`tolerance.tail` is 2",
        "the scenario `s` has at most 4 requests in flight for 5 slots, and every slot needs one; lower \
         --slots to 4",
        "`scenario[1].prompt.tokens` is 0",
        "has 4 requests but a concurrency of 9",
        "two scenarios are called `s`",
    ];
    assert_eq!(sentences.len(), expected.len(), "{sentences:#?}");
    for (sentence, part) in sentences.iter().zip(expected) {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn a_plan_without_scenarios_and_senseless_sim_parameters_are_refused() {
    assert!(refusal("name = \"x\"").contains("there is no [[scenario]]"));
    let sim = with("engine = \"sim\"") + "[sim.pgo]\nscale = 0.0\nerror_rate = 1.5\njitter = nan\n";
    let message = refusal(&sim);
    for key in ["sim.pgo.scale", "sim.pgo.error_rate", "sim.pgo.jitter"] {
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn an_unknown_preset_and_a_missing_file_show_the_way() {
    let error = preset::toml("hihg")
        .expect_err("no such preset")
        .to_string();
    assert!(
        error.starts_with("find the preset `hihg`, did you mean `high`?: the presets are single"),
        "{error}"
    );
    let missing = |path: &str| {
        let source = Source::File(PathBuf::from(path));
        resolve(&source, &Overrides::default(), 1)
            .expect_err("no such file")
            .to_string()
    };
    assert!(
        missing("high").contains("--preset high"),
        "{}",
        missing("high")
    );
    assert!(
        missing("none.toml").contains("plan show high > my.toml"),
        "{}",
        missing("none.toml")
    );
}

const SCENARIO: &str = "[[scenario]]\nname = \"s\"\nshape = { kind = \"burst\", requests = 4 }\n\
                        prompt = { tokens = 8 }\noutput_tokens = 2\n";

#[test]
fn demand_is_what_the_fullest_worker_must_bear() {
    let plan = preset::plan("high", 1).expect("high");
    assert_eq!(
        plan.demand(1),
        Demand {
            concurrency: 200,
            tokens_per_request: 64
        }
    );
    assert_eq!(
        plan.demand(3),
        Demand {
            concurrency: 67,
            tokens_per_request: 64
        }
    );
    let mut warm = plan;
    warm.scenarios[0].warmup.requests = Some(999);
    assert_eq!(warm.demand(1).concurrency, 999);
}
