#[test]
fn it_conforms() {
    let model = std::env::var("BENCH_MODEL_PATH").expect("BENCH_MODEL_PATH names a model");
    let options = serde_json::json!({ "model": model });
    worker::conformance::check(&candle_worker::ENGINE, &options).unwrap();
}
