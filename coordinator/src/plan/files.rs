//! The files that a plan names: found relative to the plan, parsed, and from then on identified by
//! their hash. Must not know when their contents are sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use contract::identity::Sha256;
use contract::part::{Length, Sent};
use contract::prompt_files::{self, PromptFileError, Survey};
use contract::source::{MOST_PROMPTS, MOST_TRACE, Text};
use contract::spec::{FileSpec, PromptSpec, Scenario, Shape};

use super::{Plan, PlanError};

/// The contents of a scenario's files, as far as they are known before anything is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ahead {
    /// Lengths that a trace requests and those that are sent. Unknown if prompt files or a mix also
    /// decide.
    pub sent: Option<Sent>,
    /// The contents of each prompt file.
    pub prompts: Vec<(PathBuf, Survey)>,
}

/// Reads each file once, even if several scenarios name it.
#[derive(Default)]
struct Reader {
    traces: BTreeMap<PathBuf, (Vec<Recorded>, Sha256)>,
    prompts: BTreeMap<(PathBuf, u32), (Survey, Sha256)>,
}

/// The kept data of a line of a trace: its time, and the lengths of prompt and answer.
type Recorded = (std::time::Duration, u32, u32);

impl Plan {
    /// Reads all files that the plan names, relative to `place`. Also returns their contents by
    /// scenario.
    pub(super) fn with_files(mut self, place: &Path) -> Result<(Self, Vec<Ahead>), PlanError> {
        self.engine.place(place);
        let mut reader = Reader::default();
        let each = self.scenarios.iter_mut();
        let ahead = each
            .map(|scenario| reader.scenario(scenario, place))
            .collect::<Result<_, _>>()?;
        Ok((self, ahead))
    }
}

impl Reader {
    fn scenario(&mut self, scenario: &mut Scenario, place: &Path) -> Result<Ahead, PlanError> {
        let mut ahead = Ahead::default();
        let stop = scenario.stop.requests;
        if let Shape::Trace { file, facts, .. } = &mut scenario.shape {
            let entries = self.trace(file, place)?;
            *facts = Some(prompt_files::facts(
                entries.iter().map(|entry| entry.0).collect(),
                stop,
            ));
            ahead.sent = Some(Sent::default());
        }
        let mixed = scenario
            .mix
            .iter_mut()
            .filter_map(|part| part.prompt.as_mut());
        for prompt in mixed.chain([&mut scenario.prompt]) {
            ahead.prompts.extend(self.prompt(prompt, place)?);
        }
        ahead.prompts.dedup();
        if let (Shape::Trace { file, .. }, true) = (&scenario.shape, ahead.sent.is_some()) {
            let plain = scenario.mix.is_empty() && ahead.prompts.is_empty();
            let recorded = self.traces.get(Path::new(&file.path)).filter(|_| plain);
            ahead.sent = recorded.map(|(entries, _)| replayed(scenario, entries));
        }
        Ok(ahead)
    }

    fn trace(&mut self, file: &mut FileSpec, place: &Path) -> Result<&[Recorded], PlanError> {
        let path = found(file, place)?;
        if !self.traces.contains_key(&path) {
            let mut entries = Vec::new();
            let hash = read(&path, MOST_TRACE, |text| {
                prompt_files::requests(text, |e| {
                    entries.push((e.at, e.prompt_tokens, e.output_tokens));
                })
            })?;
            entries.sort_by_key(|entry| entry.0);
            self.traces.insert(path.clone(), (entries, hash.1));
        }
        let (entries, hash) = &self.traces[&path];
        file.sha256 = Some(*hash);
        Ok(entries)
    }

    fn prompt(
        &mut self,
        prompt: &mut PromptSpec,
        place: &Path,
    ) -> Result<Option<(PathBuf, Survey)>, PlanError> {
        let turns = prompt.turns;
        let Some(file) = &mut prompt.file else {
            return Ok(None);
        };
        let path = found(file, place)?;
        let key = (path.clone(), turns);
        if !self.prompts.contains_key(&key) {
            let survey = |text: &mut _| {
                prompt_files::prompts(&path, text, turns, &mut |_| ()).and_then(Survey::both)
            };
            let read = read(&path, MOST_PROMPTS, survey)?;
            self.prompts.insert(key.clone(), read);
        }
        let (survey, hash) = self.prompts[&key];
        file.sha256 = Some(hash);
        Ok(Some((path, survey)))
    }
}

impl Plan {
    /// The plan without the locations of its files and its model: files are identified by their
    /// hashes.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut plan = self.clone();
        for scenario in &mut plan.scenarios {
            if let Shape::Trace { file, .. } = &mut scenario.shape {
                forget_place(file);
            }
            let mixed = scenario
                .mix
                .iter_mut()
                .filter_map(|part| part.prompt.as_mut());
            let prompts = mixed.chain([&mut scenario.prompt]);
            prompts
                .filter_map(|prompt| prompt.file.as_mut())
                .for_each(forget_place);
        }
        plan.engine.forget_places();
        plan
    }
}

fn forget_place(file: &mut FileSpec) {
    if file.sha256.is_some() {
        file.path.clear();
    }
}

/// The lengths that a trace requests, and those that are sent.
fn replayed(scenario: &Scenario, entries: &[Recorded]) -> Sent {
    let before = scenario.prompt.prefix.map_or(0, |prefix| prefix.tokens);
    let bounded = |asked: u32, most: u32| Length {
        asked,
        sent: asked.min(most),
    };
    let mut sent = Sent::default();
    for &(_, prompt, output) in entries.iter().take(scenario.requests() as usize) {
        let prompt = bounded(prompt, scenario.prompt.tokens.max()).behind(before);
        sent.count(prompt, bounded(output, scenario.output_tokens.max()));
    }
    sent
}

/// Fills in the location of a file.
fn found(file: &mut FileSpec, place: &Path) -> Result<PathBuf, PlanError> {
    let path = place.join(&file.path);
    let path = std::path::absolute(&path).map_err(|source| PlanError::ReadListed {
        path: path.clone(),
        source: source.into(),
    })?;
    file.path = path.display().to_string();
    Ok(path)
}

/// The contents of a file, and its hash.
fn read<T>(
    path: &Path,
    most: u64,
    parse: impl FnOnce(&mut Text<File>) -> Result<T, PromptFileError>,
) -> Result<(T, Sha256), PlanError> {
    let unread = |source| PlanError::ReadListed {
        path: path.to_owned(),
        source,
    };
    let mut text = Text::open(path, most).map_err(unread)?;
    let parsed = parse(&mut text).map_err(|source| PlanError::Listed {
        path: path.to_owned(),
        source,
    })?;
    Ok((parsed, text.finish().map_err(unread)?))
}
