//! Every plan on a page is accepted by the program. A block without a scenario is a part of a plan,
//! and is put before the scenarios of a built-in one.

use crate::blocks::{Block, blocks_of, pages};
use crate::workplace::Workplace;

/// The scenario that completes a part of a plan.
const SCENARIO: &str = r#"
[[scenario]]
name = "burst"
shape = { kind = "burst", requests = 20 }
prompt = { tokens = 16 }
output_tokens = 8
"#;

fn whole(block: &Block) -> String {
    let has_scenario = block.text.contains("[[scenario]]");
    if has_scenario {
        block.text.clone()
    } else {
        format!("{}\n{SCENARIO}", block.text)
    }
}

/// The program's error for a plan, if it refuses it.
fn refused(workplace: &Workplace, text: &str) -> Option<String> {
    workplace.write("plan.toml", text);
    let done = workplace.bash("coordinator plan check plan.toml");
    (done.code != Some(0)).then_some(done.stderr)
}

#[test]
fn every_plan_of_every_page_is_taken() {
    let workplace = Workplace::new();
    // The page says that the file is next to the plan.
    workplace.write("trace.jsonl", include_str!("../../../docs/trace.jsonl"));
    let plans: Vec<Block> = pages()
        .iter()
        .flat_map(|page| blocks_of(page))
        .filter(|block| block.language == "toml")
        .collect();
    assert!(plans.len() >= 14, "{}", plans.len());
    let wrong: Vec<String> = plans
        .iter()
        .filter_map(|block| {
            refused(&workplace, &whole(block))
                .map(|why| format!("{}:{}: {why}", block.page, block.line))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plan_with_a_misspelt_key_is_not() {
    let block = Block {
        page: "p.md".to_owned(),
        line: 1,
        language: "toml".to_owned(),
        text: "ruonds = 3\n".to_owned(),
    };
    let why = refused(&Workplace::new(), &whole(&block)).expect("refused");
    assert!(why.contains("rounds"), "{why}");
}
