//! Lengths of requests: shown as sent, in every form, with what was cut.

use coordinator::cli::Format;
use coordinator::report::page;
use serde_json::Value;

use super::sample::{Story, flat};

const CUT: &str =
    "600 of 600 prompts; 6955 tokens were asked for, 256 sent, 96.3 % of all tokens left out";

fn story(prompts: Option<(u32, u32)>) -> Story {
    Story {
        prompts,
        ..Story::default()
    }
}

#[test]
fn what_was_sent_is_shown_in_every_form_and_not_what_was_allowed() {
    let human = flat(&story(Some((6955, 256))).printed(Format::Human));
    assert!(
        human.contains("256 prompt and 8 output tokens each; 6 of 6 rounds"),
        "{human}"
    );
    let requests = human
        .split(" prompts; 6955")
        .next()
        .and_then(|text| text.rsplit("cut: ").next());
    let cut = CUT.replace("600 of 600", requests.expect("it is said"));
    assert!(human.contains(&cut), "{human}");
    assert!(flat(&story(Some((6955, 256))).printed(Format::Markdown)).contains(&cut));
    let html = flat(&page(&story(Some((6955, 256))).findings()));
    assert!(html.contains("256 prompt and 8 output tokens each") && html.contains(&cut));
    let json: Value =
        serde_json::from_str(&story(Some((6955, 256))).printed(Format::Json)).unwrap();
    let prompts = &json["cells"][0]["sent"]["prompts"];
    assert_eq!(
        (&prompts["asked"]["most"], &prompts["sent"]["most"]),
        (&Value::from(6955), &Value::from(256))
    );
    assert_eq!(prompts["cut"], json["cells"][0]["sent"]["requests"]);
    assert_eq!(json["parts"][0]["sent"]["prompts"]["sent"]["least"], 256);
}

#[test]
fn what_was_sent_as_asked_says_nothing_of_cuts_and_parts_of_old_say_what_was_planned() {
    let whole = flat(&story(Some((13, 13))).printed(Format::Human));
    assert!(
        whole.contains("13 prompt and 8 output tokens each") && !whole.contains("cut:"),
        "{whole}"
    );
    let old = story(None);
    let json: Value = serde_json::from_str(&story(None).printed(Format::Json)).unwrap();
    assert!(json["cells"][0]["sent"].is_null() && json["parts"][0]["sent"].is_null());
    assert!(flat(&old.printed(Format::Human)).contains("32 prompt and 32 output tokens each"));
}
