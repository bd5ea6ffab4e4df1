//! The program's flags. Parsed by hand, so that the example needs no extra dependency. Must not
//! read files or the environment.

use std::path::PathBuf;
use std::str::FromStr;

/// Printed for `--help` and after an error.
pub(crate) const HELP: &str = "\
Usage: concurrent_inference [FLAGS]

Releases N requests together into one engine in one process and says what became of them.

  --concurrent N      requests released together [1]
  --prompt TEXT       what every request asks
  --prompt-tokens N   repeat or cut the prompt to exactly N tokens
  --max-tokens N      tokens every request makes [32]
  --model-path PATH   safetensors directory or file; else BENCH_MODEL_PATH, models/default,
                      ~/.inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0
  --threads N         threads that compute [all processors]
  --cpu               compute on the processor; there is nothing else, so it changes nothing
  --verbose           every request by itself, and its answer
  --json              one line of JSON instead of tables
  --help              this text

Exit code: 0 all answered, 1 some request was not, 2 nothing could be measured.";

const PROMPT: &str =
    "Explain in simple words why the sky turns red in the evening but stays blue at noon.";

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Run(Args),
}

/// The flags of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) prompt: String,
    pub(crate) prompt_tokens: Option<usize>,
    pub(crate) model_path: Option<PathBuf>,
    pub(crate) concurrent: usize,
    pub(crate) max_tokens: usize,
    /// `None` means one for each processor.
    pub(crate) threads: Option<usize>,
    pub(crate) verbose: bool,
    pub(crate) json: bool,
}

/// An error in the flags.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgsError {
    #[error("{flag} is not a flag of this program")]
    Unknown { flag: String },
    #[error("{flag} needs a value")]
    Valueless { flag: String },
    #[error("{flag} takes no value")]
    Superfluous { flag: String },
    #[error("{flag} needs a whole number of at least 1, not {value}")]
    NotANumber { flag: String, value: String },
}

impl Default for Args {
    fn default() -> Self {
        Self {
            prompt: PROMPT.to_owned(),
            prompt_tokens: None,
            model_path: None,
            concurrent: 1,
            max_tokens: 32,
            threads: None,
            verbose: false,
            json: false,
        }
    }
}

/// Reads the flags; `--flag value` and `--flag=value` are the same.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Asked, ArgsError> {
    let (mut args, mut words) = (Args::default(), words.into_iter());
    while let Some(word) = words.next() {
        let (flag, inline) = match word.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if is_switch(&flag) && inline.is_some() {
            return Err(ArgsError::Superfluous { flag });
        }
        let mut value = || {
            inline
                .clone()
                .or_else(|| words.next())
                .ok_or(ArgsError::Valueless { flag: flag.clone() })
        };
        match flag.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--cpu" => {}
            "--verbose" => args.verbose = true,
            "--json" => args.json = true,
            "--prompt" => args.prompt = value()?,
            "--model-path" => args.model_path = Some(value()?.into()),
            "--prompt-tokens" => args.prompt_tokens = Some(number(&flag, &value()?)?),
            "--concurrent" => args.concurrent = number(&flag, &value()?)?,
            "--max-tokens" => args.max_tokens = number(&flag, &value()?)?,
            "--threads" => args.threads = Some(number(&flag, &value()?)?),
            _ => return Err(ArgsError::Unknown { flag }),
        }
    }
    Ok(Asked::Run(args))
}

fn is_switch(flag: &str) -> bool {
    ["--help", "-h", "--cpu", "--verbose", "--json"].contains(&flag)
}

fn number(flag: &str, value: &str) -> Result<usize, ArgsError> {
    let wrong = || ArgsError::NotANumber {
        flag: flag.to_owned(),
        value: value.to_owned(),
    };
    usize::from_str(value)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, ArgsError> {
        parse(line.split_ascii_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_flags_of_the_first_program_are_understood() {
        let asked = parsed("--prompt Hi --model-path /m --concurrent=100 --cpu --verbose");
        let expected = Args {
            prompt: "Hi".to_owned(),
            model_path: Some("/m".into()),
            concurrent: 100,
            verbose: true,
            ..Args::default()
        };
        assert_eq!(asked, Ok(Asked::Run(expected)));
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |line: &str| parsed(line).expect_err("a mistake").to_string();
        assert_eq!(
            wrong("--concurent 3"),
            "--concurent is not a flag of this program"
        );
        assert_eq!(wrong("--concurrent"), "--concurrent needs a value");
        assert_eq!(wrong("--cpu=1"), "--cpu takes no value");
        for value in ["0", "-1", "many"] {
            let expected = format!("--concurrent needs a whole number of at least 1, not {value}");
            assert_eq!(wrong(&format!("--concurrent {value}")), expected);
        }
    }
}
