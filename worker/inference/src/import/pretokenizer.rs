//! How byte-level tokenizers split text before merging, by the name in `tokenizer.ggml.pre`, and
//! what each name implies in llama.cpp. Must not know metadata.

use super::ImportError;
use crate::bytelevel::Cut;

/// Meaning of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pre {
    names: &'static [&'static str],
    pub(super) cut: Cut,
    /// Whether a piece that is a token as a whole is used without merging.
    pub(super) whole: bool,
    /// Whether texts begin with the BOS token, if the file does not say.
    pub(super) adds_bos: bool,
}

/// Llama 3's pattern, as its own tokenizer declares it.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen 2's: digits one by one.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's Tekken: words are split between lower and upper case.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-2's.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";
/// llama.cpp's behaviour if the file names nothing.
const DEFAULT: [&str; 4] = [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"];
const FALCON: [&str; 3] = [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"];

const ALL: [Pre; 9] = [
    Pre {
        names: &[
            "llama-bpe",
            "llama-v3",
            "llama3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
        ],
        cut: Cut::Patterns(&[LLAMA3]),
        whole: true,
        adds_bos: true,
    },
    Pre {
        names: &["dbrx", "smaug-bpe"],
        cut: Cut::Patterns(&[LLAMA3]),
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &[
            "qwen2",
            "deepseek-r1-qwen",
            "megrez",
            "kormo",
            "stablelm2",
            "hunyuan",
        ],
        cut: Cut::Patterns(&[QWEN2]),
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &["tekken"],
        cut: Cut::Patterns(&[TEKKEN]),
        whole: true,
        adds_bos: true,
    },
    Pre {
        names: &[
            "smollm",
            "starcoder",
            "refact",
            "command-r",
            "codeshell",
            "exaone",
            "minerva-7b",
        ],
        cut: Cut::DigitsThenGpt2,
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "exaone4",
            "trillion",
            "granite-docling",
            "mellum",
            "a.x-4.0",
        ],
        cut: Cut::Gpt2,
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &["default"],
        cut: Cut::Patterns(&DEFAULT),
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &["falcon"],
        cut: Cut::Patterns(&FALCON),
        whole: false,
        adds_bos: false,
    },
    Pre {
        names: &["gigachat"],
        cut: Cut::Gpt2,
        whole: false,
        adds_bos: false,
    },
];

/// Finds the meaning of a name.
pub(super) fn find(name: &str) -> Result<Pre, ImportError> {
    let known = || {
        ALL.iter()
            .flat_map(|pre| pre.names)
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    ALL.into_iter()
        .find(|pre| pre.names.contains(&name))
        .ok_or_else(|| ImportError::Tokenizer {
            kind: format!("gpt2 with pre-tokenizer {name}"),
            known: known(),
        })
}
