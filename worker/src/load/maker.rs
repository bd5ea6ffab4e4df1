//! Makes requests: what a scenario draws, or its trace says, with texts that are built in or come from a file. Depends on
//! seed, scenario and index alone, so that it is equal for every arm and number of slots. It must not know when a
//! request is sent.

use std::collections::BTreeMap;

use contract::listed::BLOCK_TOKENS;
use contract::spec::{Assignment, PromptSet};

use super::draw::{self, Drawn};
use super::files::Files;
use super::phase::PhaseError;
use super::prompt;
use crate::engine::{Engine, EngineRequest};
use crate::stream::{Purpose, Stream};

/// Makes the requests of one assignment.
pub(super) struct Maker<'a> {
    of: &'a Assignment,
    engine: &'a dyn Engine,
    pub(super) files: Files,
    /// Tokens of beginnings that requests share, by their number.
    shared: BTreeMap<u64, Vec<u32>>,
}

impl<'a> Maker<'a> {
    /// Opens the files there are.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) fn new(of: &'a Assignment, engine: &'a dyn Engine) -> Result<Self, PhaseError> {
        let files = Files::open(&of.scenario)?;
        Ok(Self { of, engine, files, shared: BTreeMap::new() })
    }

    /// A request of the window.
    pub(super) fn measured(&mut self, index: u32) -> Result<EngineRequest, PhaseError> {
        let drawn = self.drawn(index);
        let set = drawn.prompt.set;
        let (prefix, blocks) = (drawn.prompt.prefix, self.blocks(index));
        let mut tokens = match prefix {
            None => Vec::new(),
            Some(prefix) => self.shared(set, drawn.group.into(), prefix.tokens)?,
        };
        let own = drawn.prompt_tokens as usize + tokens.len();
        for block in blocks {
            if tokens.len() < own {
                tokens.extend(self.shared(set, block, BLOCK_TOKENS)?);
            }
        }
        tokens.truncate(own);
        let rest = u32::try_from(own - tokens.len()).expect("it was a u32");
        if rest > 0 {
            tokens.extend(self.text(&drawn, set, Purpose::Prompt, index, rest)?);
        }
        Ok(EngineRequest { index, prompt: tokens.into(), max_new_tokens: drawn.output_tokens })
    }

    /// As long as the measured one of this index, with a text of the training set and, if one is given, an answer of
    /// another length.
    pub(super) fn warming(&mut self, index: u32, answer: Option<u32>) -> Result<EngineRequest, PhaseError> {
        let drawn = self.drawn(index);
        let tokens = drawn.prompt.prefix.map_or(0, |prefix| prefix.tokens) + drawn.prompt_tokens;
        let prompt = self.text(&drawn, PromptSet::Training, Purpose::WarmUp, index, tokens)?;
        let max_new_tokens = answer.unwrap_or(drawn.output_tokens);
        Ok(EngineRequest { index, prompt: prompt.into(), max_new_tokens })
    }

    /// What the scenario draws; where there is a trace, it says the lengths and the scenario bounds them.
    fn drawn(&self, index: u32) -> Drawn<'a> {
        let of: &'a Assignment = self.of;
        let drawn = draw::request(&of.scenario, of.seed, index);
        match self.files.trace.as_ref().and_then(|trace| trace.get(index as usize)) {
            None => drawn,
            Some(entry) => Drawn {
                prompt_tokens: entry.prompt_tokens.clamp(1, drawn.prompt.tokens.max()),
                output_tokens: entry.output_tokens.clamp(1, of.scenario.output_tokens.max()),
                ..drawn
            },
        }
    }

    fn blocks(&self, index: u32) -> Vec<u64> {
        let entry = self.files.trace.as_ref().and_then(|trace| trace.get(index as usize));
        entry.map(|entry| entry.blocks.clone()).unwrap_or_default()
    }

    /// Tokens of one beginning, made once.
    fn shared(&mut self, set: PromptSet, number: u64, tokens: u32) -> Result<Vec<u32>, PhaseError> {
        if let Some(known) = self.shared.get(&number) {
            return Ok(known.clone());
        }
        let mut text = Stream::new(self.of.seed, Purpose::Prefix, number);
        let made = prompt::compose(set, tokens, &mut text, self.engine)?;
        self.shared.insert(number, made.clone());
        Ok(made)
    }

    /// So many tokens of a built-in text, or at most so many of the file's next.
    fn text(
        &self,
        drawn: &Drawn<'_>,
        set: PromptSet,
        purpose: Purpose,
        index: u32,
        tokens: u32,
    ) -> Result<Vec<u32>, PhaseError> {
        // Every round of another seed begins elsewhere in the file.
        let first = Stream::new(self.of.seed, Purpose::File, 0).below(1 << 20);
        match self.files.text(drawn.prompt, set, first + index as usize)? {
            Some(text) => Ok(prompt::encode(text, tokens, self.engine)?),
            None => {
                let mut stream = Stream::new(self.of.seed, purpose, index.into());
                Ok(prompt::compose(set, tokens, &mut stream, self.engine)?)
            }
        }
    }
}
