//! The fenced blocks of the user-visible pages.

use std::fs;
use std::path::{Path, PathBuf};

/// One fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Page: `README.md`, `docs/load.md`.
    pub(crate) page: String,
    /// Line of the opening fence.
    pub(crate) line: usize,
    /// Language: `bash`, `toml`, `text`.
    pub(crate) language: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every user-visible page, in order of names.
pub(crate) fn pages() -> Vec<String> {
    let mut pages: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    pages.sort();
    pages
}

pub(crate) fn blocks_of(page: &str) -> Vec<Block> {
    parse(page, &fs::read_to_string(root().join(page)).unwrap())
}

pub(crate) fn parse(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                let (page, language) = (page.to_owned(), language.trim().to_owned());
                open = Some(Block {
                    page,
                    line: index + 1,
                    language,
                    text: String::new(),
                });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "{page}: a block is not closed");
    blocks
}

/// A block's language decides how it is tested, so every block must have one. `text` is program
/// output.
#[test]
fn every_block_says_what_it_is() {
    let known = [
        "bash", "json", "proto", "python", "rust", "text", "toml", "yaml",
    ];
    let all: Vec<Block> = pages().iter().flat_map(|page| blocks_of(page)).collect();
    assert!(all.len() > 30, "{}", all.len());
    for block in all {
        let place = format!("{}:{}: `{}`", block.page, block.line, block.language);
        assert!(known.contains(&block.language.as_str()), "{place}");
    }
}

#[test]
fn a_block_is_found_with_its_place_and_language() {
    let blocks = parse(
        "p.md",
        "words\n```toml\na = 1\n```\n\n- item\n  ```bash\n  ls\n  ```\n",
    );
    assert_eq!(
        blocks[0],
        Block {
            page: "p.md".to_owned(),
            line: 2,
            language: "toml".to_owned(),
            text: "a = 1\n".to_owned()
        }
    );
    assert_eq!((blocks[1].line, blocks[1].text.as_str()), (7, "  ls\n"));
}
