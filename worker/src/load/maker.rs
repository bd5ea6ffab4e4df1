//! Makes requests from a scenario or its trace, with texts that are built in or come from a file.
//! Depends only on seed, scenario and index, so that requests are the same for every arm and number
//! of slots. Must not know when a request is sent.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::part::Length;
use contract::prompt_files::{BLOCK_TOKENS, Entry};
use contract::spec::{Assignment, PromptSet};

use super::draw::{self, Drawn};
use super::error::PhaseError;
use super::files::Files;
use super::prompt;
use super::requests::Prepared;
use crate::engine::{Engine, EngineRequest};
use crate::stream::{Purpose, Stream};

/// Makes the requests of one assignment.
pub(super) struct Maker<'a> {
    of: &'a Assignment,
    engine: &'a dyn Engine,
    files: &'a Files,
    shared: BTreeMap<Beginning, Rc<[u32]>>,
}

/// Prefix tokens that requests share. Equal prefixes are made once; each depends only on the seed
/// and its own identity, never on what was made before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Beginning {
    /// A group of one kind of request; kinds share nothing.
    Group { kind: u32, group: u32 },
    /// A block that a trace names.
    Block { id: u64, set: PromptSet },
}

impl<'a> Maker<'a> {
    pub(super) fn new(of: &'a Assignment, engine: &'a dyn Engine, files: &'a Files) -> Self {
        Self {
            of,
            engine,
            files,
            shared: BTreeMap::new(),
        }
    }

    /// A request of the window.
    pub(super) fn measured(&mut self, index: u32) -> Result<Prepared, PhaseError> {
        let drawn = self.drawn(index);
        let set = drawn.prompt.set;
        let mut tokens = match drawn.prompt.prefix {
            None => Vec::new(),
            Some(prefix) => {
                let beginning = Beginning::Group {
                    kind: drawn.kind,
                    group: drawn.group,
                };
                self.shared(set, beginning, prefix.tokens)?.to_vec()
            }
        };
        let before = count(&tokens);
        let whole = tokens.len() + drawn.prompt_tokens.sent as usize;
        for &id in self.entry(index).map_or(&[][..], |entry| &entry.blocks) {
            if tokens.len() < whole {
                tokens.extend_from_slice(&self.shared(
                    set,
                    Beginning::Block { id, set },
                    BLOCK_TOKENS,
                )?);
            }
        }
        tokens.truncate(whole);
        let blocks = count(&tokens) - before;
        let (text, length) = self.text(&drawn, set, Purpose::Prompt, index, blocks)?;
        tokens.extend(text);
        let request = EngineRequest {
            index,
            prompt: tokens.into(),
            max_new_tokens: drawn.output_tokens.sent,
        };
        Ok(Prepared {
            request,
            prompt: length.behind(before),
            answer: drawn.output_tokens,
        })
    }

    /// A request as long as the measured one with this index, with a text of the training set and,
    /// if given, another answer length.
    pub(super) fn warming(
        &mut self,
        index: u32,
        answer: Option<u32>,
    ) -> Result<Prepared, PhaseError> {
        let mut drawn = self.drawn(index);
        let before = drawn.prompt.prefix.map_or(0, |prefix| prefix.tokens);
        drawn.prompt_tokens = drawn.prompt_tokens.behind(before);
        let (prompt, _) = self.text(&drawn, PromptSet::Training, Purpose::WarmUp, index, 0)?;
        let max_new_tokens = answer.unwrap_or(drawn.output_tokens.sent);
        Ok(EngineRequest {
            index,
            prompt: prompt.into(),
            max_new_tokens,
        }
        .into())
    }

    /// What the scenario draws; a trace sets the lengths, and the drawn kind limits them.
    fn drawn(&self, index: u32) -> Drawn<'a> {
        let of: &'a Assignment = self.of;
        let drawn = draw::request(&of.scenario, of.seed, index);
        let bounded = |asked: u32, most: u32| Length {
            asked,
            sent: asked.min(most),
        };
        match self.entry(index) {
            None => drawn,
            Some(entry) => Drawn {
                prompt_tokens: bounded(entry.prompt_tokens, drawn.prompt.tokens.max()),
                output_tokens: bounded(entry.output_tokens, drawn.longest_answer),
                ..drawn
            },
        }
    }

    fn entry(&self, index: u32) -> Option<&'a Entry> {
        self.files
            .trace
            .as_ref()
            .and_then(|trace| trace.get(index as usize))
    }

    /// Tokens of one prefix, made once.
    fn shared(
        &mut self,
        set: PromptSet,
        of: Beginning,
        tokens: u32,
    ) -> Result<Rc<[u32]>, PhaseError> {
        if let Some(known) = self.shared.get(&of) {
            return Ok(known.clone());
        }
        let (purpose, number) = match of {
            Beginning::Group { kind, group } => {
                (Purpose::Prefix, u64::from(kind) << 32 | u64::from(group))
            }
            Beginning::Block { id, .. } => (Purpose::Block, id),
        };
        let mut text = Stream::new(self.of.seed, purpose, number);
        let made: Rc<[u32]> = prompt::compose(set, tokens, &mut text, self.engine)?.into();
        self.shared.insert(of, made.clone());
        Ok(made)
    }

    /// The tokens after the first `blocks` tokens of a prompt of the drawn length, and the length
    /// of the whole. From a file, as much of the next text as fits; the text's own length is the
    /// length asked for, unless a trace sets it.
    fn text(
        &self,
        drawn: &Drawn<'_>,
        set: PromptSet,
        purpose: Purpose,
        index: u32,
        blocks: u32,
    ) -> Result<(Vec<u32>, Length), PhaseError> {
        let whole = drawn.prompt_tokens;
        let rest = whole.sent - blocks;
        if rest == 0 {
            return Ok((Vec::new(), whole));
        }
        let Some(text) = self.files.text(drawn.prompt, set, index)? else {
            let mut stream = Stream::new(self.of.seed, purpose, index.into());
            return Ok((prompt::compose(set, rest, &mut stream, self.engine)?, whole));
        };
        let (tokens, all) = prompt::encode(text, rest, self.engine)?;
        let asked = if self.files.trace.is_some() {
            whole.asked
        } else {
            all
        };
        let sent = blocks + count(&tokens);
        Ok((tokens, Length { asked, sent }))
    }
}

fn count(tokens: &[u32]) -> u32 {
    u32::try_from(tokens.len()).expect("lengths of prompts are u32")
}
