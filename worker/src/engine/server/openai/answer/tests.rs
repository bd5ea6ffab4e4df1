//! Answers as servers stream them, and invalid ones.

use super::*;

/// Feeds a whole stream; returns the arrivals and the result.
fn answer(asked: u32, events: &[&str]) -> (Vec<Arrival>, Result<Whole, Fault>) {
    let (mut answer, mut arrivals) = (Answer::new(asked), Vec::new());
    for event in events {
        let bytes = format!("data: {event}\n\n");
        if let Err(fault) = answer.take(bytes.as_bytes(), &mut arrivals) {
            return (arrivals, Err(fault));
        }
    }
    (arrivals, answer.end())
}

fn kind(asked: u32, events: &[&str]) -> Kind {
    answer(asked, events).1.expect_err("it is no answer").kind
}

const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#;
const LAST: &str = r#"{"choices":[{"text":"c","finish_reason":"length"}]}"#;
const DONE: &str = "[DONE]";

fn text(text: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"text":"{text}","finish_reason":null}}],"usage":null}}"#)
}

#[test]
fn chunks_with_text_arrive_and_usage_counts_them() {
    let (a, bc) = (text("a"), text("bc"));
    let (arrivals, whole) = answer(3, &[&text(""), &a, &bc, LAST, USAGE, DONE]);
    assert_eq!(arrivals, [Arrival(None); 3]);
    let whole = whole.expect("it is whole");
    assert_eq!(whole.tokens, 3);
    assert_eq!(whole.usage.and_then(|usage| usage.prompt_tokens), Some(5));
    // The text is the same for all divisions into chunks; another text differs.
    let again = answer(3, &[&text("abc"), LAST, USAGE, DONE]).1;
    assert_eq!(again.expect("it is whole").text, whole.text);
    let other = answer(3, &[&text("abd"), LAST, USAGE, DONE]).1;
    assert_ne!(other.expect("it is whole").text, whole.text);
}

#[test]
fn every_channel_of_a_chat_brings_tokens_and_roles_bring_none() {
    let delta = |delta: &str| format!(r#"{{"choices":[{{"delta":{{{delta}}}}}]}}"#);
    let chunks = [
        delta(r#""role":"assistant","content":null"#),
        delta(r#""content":"""#),
        delta(r#""reasoning_content":"hm""#),
        delta(r#""tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]"#),
        delta(r#""content":"ü""#),
        r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#.to_owned(),
        DONE.to_owned(),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let (arrivals, whole) = answer(4, &chunks);
    assert_eq!(arrivals.len(), 3);
    // Without usage, the finish reason gives the length.
    assert_eq!(whole.expect("it is whole").tokens, 4);
}

#[test]
fn usage_in_every_chunk_tells_the_tokens_of_each() {
    let chunk = |text: &str, tokens: u32| {
        format!(r#"{{"choices":[{{"text":"{text}"}}],"usage":{{"completion_tokens":{tokens}}}}}"#)
    };
    let (one, three, back) = (chunk("a", 1), chunk("bcd", 4), chunk("e", 3));
    let (arrivals, _) = answer(4, &[&one, &three]);
    assert_eq!(arrivals, [Arrival(Some(1)), Arrival(Some(3))]);
    assert_eq!(kind(4, &[&one, &three, &back]), Kind::Usage);
}

#[test]
fn what_is_no_answer_has_a_kind_of_its_own() {
    let a = text("a");
    let stop = r#"{"choices":[{"text":"","finish_reason":"stop"}]}"#;
    assert_eq!(kind(3, &[]), Kind::NoBody);
    assert_eq!(kind(3, &[&a, LAST, USAGE]), Kind::NoEnd);
    assert_eq!(kind(3, &[&a, stop, USAGE, DONE]), Kind::Finish);
    assert_eq!(kind(3, &[&a, DONE]), Kind::Uncounted);
    assert_eq!(kind(4, &[&a, LAST, USAGE, DONE]), Kind::Length);
    assert_eq!(kind(3, &[&text(""), USAGE, DONE]), Kind::NoText);
    assert_eq!(kind(3, &[&a, &a, &a, LAST, USAGE, DONE]), Kind::Usage);
    assert_eq!(
        kind(3, &[&a, r#"{"error":{"message":"full"}}"#]),
        Kind::ErrorEvent
    );
    assert_eq!(
        kind(3, &[r#"{"code":500,"message":"full"}"#]),
        Kind::NotAChunk
    );
    assert_eq!(kind(3, &["hello"]), Kind::NotAChunk);
    assert_eq!(
        kind(3, &[r#"{"choices":[{"text":"a"},{"text":"b"}]}"#]),
        Kind::NotAChunk
    );
    let many = r#"{"choices":[],"usage":{"completion_tokens":-1}}"#;
    assert_eq!(kind(3, &[many]), Kind::NotAChunk);
}

#[test]
fn what_comes_after_the_end_is_of_no_answer() {
    let (arrivals, whole) = answer(3, &[LAST, USAGE, DONE, &text("more"), "rubbish"]);
    assert_eq!(arrivals.len(), 1);
    assert!(whole.is_ok());
}

#[test]
fn a_fault_reads_as_a_sentence_that_no_terminal_obeys() {
    let fault = Kind::ErrorEvent.of("full\u{1b}[2J\nof it");
    assert_eq!(
        fault.to_string(),
        "error told within the stream: full\u{fffd}[2J of it"
    );
}
