//! Checks from outside what every load relies on.

#[test]
fn it_conforms() {
    worker::conformance::check(&my_engine::ENGINE, &serde_json::json!({})).unwrap();
}
