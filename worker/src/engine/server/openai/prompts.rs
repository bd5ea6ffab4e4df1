//! Prompts for a server: which tokenizer turns text into tokens, and in which form prompts are
//! sent. Prompts are counted and cut in tokens; a server without an available tokenizer is sent
//! words.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use contract::spec::{Endpoint, OpenAiSpec, PromptForm};
use serde_json::Value;

use crate::engine::EngineError;

/// Asks the server for the tokens of a text.
pub(super) type Ask = Box<dyn Fn(&str) -> Result<Vec<u32>, EngineError> + Send + Sync>;

/// The tokens of texts, and the form in which they are sent.
pub(super) struct Prompts {
    tokenizer: Tokenizer,
    ids: bool,
}

enum Tokenizer {
    /// The model's own tokenizer, from a directory.
    Local(Box<inference::tokenizer::Tokenizer>),
    /// The server's `/tokenize`.
    Server(Ask),
    /// No tokenizer: a word is a token.
    Words(Mutex<Words>),
}

/// Words by number, in the order of their first use.
#[derive(Default)]
struct Words {
    numbers: HashMap<String, u32>,
    words: Vec<String>,
}

impl Prompts {
    /// Prompts according to the plan; `ask` is the server's tokenizer, if it has one.
    ///
    /// # Errors
    /// One sentence, when the plan requires what is not available.
    pub(super) fn new(spec: &OpenAiSpec, ask: Option<Ask>) -> Result<Self, String> {
        let text = spec.endpoint == Endpoint::Chat || spec.prompt == PromptForm::Text;
        let tokenizer = match (spec.tokenizer.as_str(), ask) {
            // The server's tokens cannot be turned into text here.
            ("", Some(ask)) if !text => Tokenizer::Server(ask),
            ("", _) => Tokenizer::Words(Mutex::default()),
            (directory, _) => local(directory)?,
        };
        let words = matches!(tokenizer, Tokenizer::Words(_));
        match spec.prompt {
            PromptForm::Ids if spec.endpoint == Endpoint::Chat => {
                Err("a chat takes no token ids: write prompt = \"text\"".to_owned())
            }
            PromptForm::Ids if words => Err(
                "the server has no /tokenize: name the model's directory as tokenizer, or write \
                 prompt = \"text\""
                    .to_owned(),
            ),
            _ => Ok(Self {
                ids: !text && !words,
                tokenizer,
            }),
        }
    }

    #[cfg(test)]
    pub(super) fn ids_of_nobody() -> Self {
        Self {
            tokenizer: Tokenizer::Words(Mutex::default()),
            ids: true,
        }
    }

    /// Tokens of a text.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match &self.tokenizer {
            Tokenizer::Local(tokenizer) => {
                tokenizer.encode(text).map_err(|error| EngineError::Encode {
                    reason: error.to_string(),
                })
            }
            Tokenizer::Server(ask) => ask(text),
            Tokenizer::Words(words) => {
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(text
                    .split_whitespace()
                    .map(|word| words.number(word))
                    .collect())
            }
        }
    }

    /// The form in which a prompt is sent.
    pub(super) fn sent(&self, tokens: &[u32]) -> Result<Value, EngineError> {
        if self.ids {
            return Ok(tokens.into());
        }
        match &self.tokenizer {
            Tokenizer::Local(tokenizer) => Ok(tokenizer.decode(tokens).into()),
            Tokenizer::Server(_) => Ok(tokens.into()),
            Tokenizer::Words(words) => {
                let words = words.lock().unwrap_or_else(PoisonError::into_inner);
                let text: Option<Vec<&str>> = tokens.iter().map(|&at| words.word(at)).collect();
                let text = text.ok_or_else(|| EngineError::Encode {
                    reason: "it has a token that no text has".to_owned(),
                })?;
                Ok(text.join(" ").into())
            }
        }
    }

    /// A description for reports.
    pub(super) fn described(&self) -> &'static str {
        match (&self.tokenizer, self.ids) {
            (Tokenizer::Local(_), true) => "token ids of the tokenizer in the plan's directory",
            (Tokenizer::Local(_), false) => "text, cut by the tokenizer in the plan's directory",
            (Tokenizer::Server(_), _) => "token ids of the server's /tokenize",
            (Tokenizer::Words(_), _) => {
                "text, counted and cut in words: the server's tokens differ"
            }
        }
    }
}

fn local(directory: &str) -> Result<Tokenizer, String> {
    inference::tokenizer::Tokenizer::read(std::path::Path::new(directory))
        .map(|tokenizer| Tokenizer::Local(Box::new(tokenizer)))
        .map_err(|error| {
            format!(
                "failed to {}: look at tokenizer in the plan",
                crate::causes::with_causes(&error)
            )
        })
}

impl Words {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.numbers.insert(word.to_owned(), number);
        self.words.push(word.to_owned());
        number
    }

    fn word(&self, number: u32) -> Option<&str> {
        self.words.get(number as usize).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_and_come_back_as_text() {
        let prompts = Prompts::new(&OpenAiSpec::default(), None).expect("words need nothing");
        let tokens = prompts.encode("the cat  and the dog").expect("it is text");
        assert_eq!(tokens, [0, 1, 2, 0, 3]);
        assert_eq!(prompts.sent(&tokens[1..4]), Ok("cat and the".into()));
        assert!(prompts.sent(&[4]).is_err());
    }

    #[test]
    fn ids_are_sent_where_the_server_has_them_and_refused_where_nobody_does() {
        let ask = || -> Option<Ask> { Some(Box::new(|_| Ok(vec![7]))) };
        let spec = |prompt, endpoint| OpenAiSpec {
            prompt,
            endpoint,
            ..OpenAiSpec::default()
        };
        let auto = spec(PromptForm::Auto, Endpoint::Completions);
        let prompts = Prompts::new(&auto, ask()).expect("it has a tokenizer");
        assert_eq!(prompts.encode("x"), Ok(vec![7]));
        assert_eq!(prompts.sent(&[7]), Ok(serde_json::json!([7])));
        let chat = Prompts::new(&spec(PromptForm::Auto, Endpoint::Chat), ask()).expect("words do");
        assert!(chat.described().contains("words"));
        let ids = spec(PromptForm::Ids, Endpoint::Completions);
        assert!(Prompts::new(&ids, None).is_err() && Prompts::new(&ids, ask()).is_ok());
        assert!(Prompts::new(&spec(PromptForm::Ids, Endpoint::Chat), ask()).is_err());
    }
}
