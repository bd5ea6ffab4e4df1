//! Requests that the native engine refuses, and how it divides memory and processors.

use super::super::shared;
use super::*;

const DEMAND: Demand = Demand {
    concurrency: 4,
    tokens_per_request: 64,
};

#[test]
fn too_little_memory_is_refused_with_figures_and_a_way_out() {
    let failure = fits(1 << 30, 3 << 30, 1, Some(2 << 30), DEMAND).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotEnoughMemory);
    for part in [
        "4 requests of 64 tokens",
        "3.00 GiB",
        "2.00 GiB",
        "fewer or shorter requests",
    ] {
        assert!(failure.message.contains(part), "{failure}");
    }
    assert_eq!(fits(1 << 30, 2 << 30, 1, Some(2 << 30), DEMAND), Ok(()));
    assert_eq!(fits(1 << 30, 3 << 30, 1, None, DEMAND), Ok(()));
}

#[test]
fn slots_need_a_cache_each_and_the_weights_once() {
    // 10 of weights and 4 of cache: 14 for one slot, 10 + 3 × 4 = 22 for three.
    let fits = |slots, free| fits(10, 14, slots, Some(free), DEMAND).is_ok();
    assert_eq!(
        [
            fits(1, 14),
            fits(1, 13),
            fits(3, 22),
            fits(3, 21),
            fits(0, 14)
        ],
        [true, false, true, false, true]
    );
}

#[test]
fn slots_share_the_cores_and_what_was_asked_for_stays() {
    assert_eq!(
        [
            shared(0, 8, 1),
            shared(0, 8, 3),
            shared(0, 2, 4),
            shared(0, 2, 0)
        ],
        [8, 2, 1, 2]
    );
    assert_eq!(shared(5, 8, 4), 5);
}

#[test]
fn a_cache_too_small_for_one_request_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &path).unwrap();
    let one = kv_bytes_needed(&Config::read(&path).unwrap(), KvFormat::Bf16, 1, 63) as u64;
    let with = |kv_bytes| {
        LoadPlan::make(
            &NativeSpec {
                kv_bytes,
                ..spec(&path)
            },
            DEMAND,
            &path,
        )
    };
    let failure = with(one - 1).err().unwrap();
    assert_eq!(failure.kind, FailureKind::NotEnoughMemory);
    assert!(failure.message.contains("raise kv_bytes"), "{failure}");
    assert!(with(one).is_ok());
}

#[test]
fn a_path_without_a_model_is_told_apart_from_a_broken_model() {
    let dir = tempfile::tempdir().unwrap();
    let missing = LoadPlan::make(
        &spec(&dir.path().join("none")),
        DEMAND,
        &dir.path().join("none"),
    )
    .err()
    .unwrap();
    assert_eq!(missing.kind, FailureKind::ModelNotFound);
    assert!(missing.message.contains("BENCH_MODEL_PATH"), "{missing}");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &dir.path().join("m")).unwrap();
    std::fs::write(dir.path().join("m/config.json"), "{").unwrap();
    let invalid = LoadPlan::make(&spec(dir.path()), DEMAND, &dir.path().join("m"))
        .err()
        .unwrap();
    assert_eq!(invalid.kind, FailureKind::ModelInvalid);
}

#[test]
fn a_bounded_cache_is_what_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &path).unwrap();
    let open = LoadPlan::make(&spec(&path), DEMAND, &path).ok().unwrap();
    let bounded = NativeSpec {
        kv_bytes: 1 << 30,
        ..spec(&path)
    };
    let bounded = LoadPlan::make(&bounded, DEMAND, &path).ok().unwrap();
    assert!(open.needed > open.facts.bytes);
    assert_eq!(
        bounded.needed - open.needed,
        (1 << 30) - open.options.kv_bytes as u64
    );
}

#[test]
fn rounded_weights_are_counted_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &path).unwrap();
    let rounded = NativeSpec {
        weights: spec::WeightForm::Int8,
        ..spec(&path)
    };
    let needed = |spec| LoadPlan::make(spec, DEMAND, &path).ok().unwrap().needed;
    let model = |form| {
        let options = LoadOptions {
            form,
            ..LoadOptions::default()
        };
        Model::load(&path, &options, &mut |_| ()).unwrap()
    };
    let eight = model(WeightForm::Int8);
    assert_eq!(
        needed(&rounded) - needed(&spec(&path)),
        eight.step_bytes() as u64
    );
    assert!(kernels(&eight).ends_with(", int8 weights"));
    assert_eq!(kernels(&model(WeightForm::AsStored)), eight.isa().name());
}

/// The remedies differ, and wrong advice is worse than none.
#[test]
fn each_kind_of_fault_has_a_way_out_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &path).unwrap();
    let config = std::fs::read_to_string(path.join("config.json")).unwrap();
    let said_of = |config: &str| {
        std::fs::write(path.join("config.json"), config).unwrap();
        LoadPlan::make(&spec(&path), DEMAND, &path)
            .err()
            .map(|failure| failure.message)
            .unwrap_or_default()
    };
    let foreign = said_of(&config.replace("LlamaForCausalLM", "GPT2LMHeadModel"));
    assert!(
        foreign.contains("Qwen2ForCausalLM") && foreign.contains("docs/engine.md"),
        "{foreign}"
    );
    assert!(!foreign.contains("fetch or import"), "{foreign}");
    let twice = said_of(&config.replacen('{', "{\"vocab_size\": 1,", 1));
    assert!(
        twice.contains("twice") && twice.contains("correct the model's files"),
        "{twice}"
    );
    assert_eq!(said_of(&config), "");
    let weights = path.join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert!(said_of(&config).contains("fetch or import the model again"));
}

fn spec(path: &Path) -> NativeSpec {
    let model = path.to_str().unwrap().to_owned();
    NativeSpec {
        model,
        threads: 1,
        kv_bytes: 0,
        max_batch: 256,
        prefill_chunk: 64,
        kv_f32: false,
        weights: spec::WeightForm::AsStored,
        handicap: 0.0,
        prefix_reuse: false,
        pin: false,
    }
}
