//! What every load relies on, checked from outside.

#[test]
fn it_conforms() {
    worker::conformance::check(&my_engine::ENGINE, &serde_json::json!({})).unwrap();
}
