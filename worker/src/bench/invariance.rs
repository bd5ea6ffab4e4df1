//! `worker bench --invariance`: whether a request's tokens depend on the other requests in its
//! batch. Each request is answered alone once on each path of kernels, and then repeatedly in
//! random combinations of batch, order of arrival, chunk size and number of threads. Must not know
//! times.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::sync::Arc;

use inference::batcher::{Batcher, kv_bytes_needed};
use inference::error::LoadError;
use inference::kernels::Isa;
use inference::model::{LoadOptions, Model, WeightForm};
use inference::request::{BatchOptions, Event, Request};
use inference::sampling::Sampling;
use serde_json::{Value, json};

use super::engine::finite;
use super::{BenchError, Settings};
use crate::stream::{Purpose, Stream};

/// Number of requests from which combinations are drawn.
const REQUESTS: usize = 24;
/// Longest prompt and longest answer, tokens.
const LONGEST: (usize, usize) = (48, 12);

/// Result of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invariance {
    compositions: usize,
    /// Number of tokens compared.
    compared: usize,
    /// Number of these that differ from those of the request alone, including missing ones.
    differing: usize,
    kernels: Vec<&'static str>,
    threads: Vec<usize>,
}

type Answers = BTreeMap<u64, Vec<u32>>;

/// Checks `compositions` random combinations, divided among all paths of kernels of this machine
/// (or the requested one) and three numbers of threads, and calls `progress` for each path and
/// number of threads.
///
/// # Errors
/// Any [`BenchError`] except differences, which are counted.
pub fn invariance(
    settings: &Settings,
    compositions: usize,
    progress: &mut dyn FnMut(&'static str, usize),
) -> Result<Invariance, BenchError> {
    let paths = paths(settings)?;
    let mut threads = vec![1, settings.threads, settings.threads + 1];
    threads.dedup();
    let parts = paths.len() * threads.len();
    let mut found = Invariance {
        threads: threads.clone(),
        ..Invariance::default()
    };
    let mut random = Stream::new(0, Purpose::Token, 0);
    for (path, lone) in paths.iter().enumerate() {
        let isa = lone.isa();
        found.kernels.push(isa.name());
        let requests = requests(lone, &mut random);
        let expected = alone(&settings.model, lone, &requests)?;
        for (at, &count) in threads.iter().enumerate() {
            progress(isa.name(), count);
            let part = path * threads.len() + at;
            let share = compositions / parts + usize::from(part < compositions % parts);
            let model = if count == 1 {
                Arc::clone(lone)
            } else {
                load(&settings.model, count, isa, settings.form)?
            };
            found.check(
                &settings.model,
                &model,
                &requests,
                &expected,
                share,
                &mut random,
            )?;
        }
    }
    Ok(found)
}

impl Invariance {
    /// Number of tokens that differ, if any do.
    #[must_use]
    pub fn differing(&self) -> Option<usize> {
        Some(self.differing).filter(|count| *count > 0)
    }

    /// The result for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "format": "worker-invariance/1", "compositions": self.compositions, "tokens": self.compared,
            "differing": self.differing, "kernels": self.kernels, "threads": self.threads,
        })
    }

    fn check(
        &mut self,
        path: &Path,
        model: &Arc<Model>,
        requests: &[Request],
        expected: &Answers,
        compositions: usize,
        random: &mut Stream,
    ) -> Result<(), BenchError> {
        for _ in 0..compositions {
            let mut chosen = requests.to_vec();
            chosen.rotate_left(random.below(requests.len()));
            chosen.truncate(1 + random.below(requests.len()));
            let (max_batch, prefill_chunk) = (1 + random.below(REQUESTS), 1 + random.below(64));
            let gap = 1 + random.below(8);
            let got = serve(path, model, &chosen, max_batch, prefill_chunk, gap)?;
            self.compositions += 1;
            for request in &chosen {
                self.compare(
                    &expected[&request.id],
                    got.get(&request.id).map_or(&[], Vec::as_slice),
                );
            }
        }
        Ok(())
    }

    fn compare(&mut self, expected: &[u32], got: &[u32]) {
        let same = expected.iter().zip(got).filter(|(a, b)| a == b).count();
        self.compared += expected.len();
        self.differing += expected.len().max(got.len()) - same;
    }
}

impl Display for Invariance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let threads: Vec<String> = self.threads.iter().map(usize::to_string).collect();
        writeln!(
            f,
            "{} compositions, {} differing tokens of {} ({} kernels; {} threads)",
            self.compositions,
            self.differing,
            self.compared,
            self.kernels.join(", "),
            threads.join(", ")
        )
    }
}

/// The model with one thread, once for each path of kernels that it supports.
fn paths(settings: &Settings) -> Result<Vec<Arc<Model>>, BenchError> {
    if let Some(isa) = settings.isa {
        return Ok(vec![load(&settings.model, 1, isa, settings.form)?]);
    }
    let mut models = Vec::new();
    for isa in Isa::available() {
        match load(&settings.model, 1, isa, settings.form) {
            Err(BenchError::Load {
                source: LoadError::IsaUnavailable { .. },
                ..
            }) => {}
            model => models.push(model?),
        }
    }
    Ok(models)
}

fn load(path: &Path, threads: usize, isa: Isa, form: WeightForm) -> Result<Arc<Model>, BenchError> {
    let options = LoadOptions {
        threads,
        isa: Some(isa),
        form,
    };
    Model::load(path, &options, &mut |_| ())
        .map(Arc::new)
        .map_err(|source| refused(path, source))
}

fn refused(path: &Path, source: LoadError) -> BenchError {
    BenchError::Load {
        path: path.to_owned(),
        source,
    }
}

/// One request in four is sampled, so that random streams are checked too.
fn requests(model: &Model, random: &mut Stream) -> Vec<Request> {
    let vocabulary = model.config().vocab_size;
    let request = |id: usize| {
        let length = 1 + random.below(LONGEST.0);
        let prompt = (0..length)
            .map(|_| random.below(vocabulary) as u32)
            .collect();
        let sampling = match id % 4 {
            0 => Sampling::Seeded {
                seed: id as u64,
                temperature: 0.9,
                top_k: 20,
                top_p: 0.95,
            },
            _ => Sampling::Greedy,
        };
        let max_new_tokens = 1 + random.below(LONGEST.1);
        Request {
            id: id as u64,
            prompt,
            max_new_tokens,
            sampling,
            stop_on_eos: false,
        }
    };
    (0..REQUESTS).map(request).collect()
}

fn alone(path: &Path, model: &Arc<Model>, requests: &[Request]) -> Result<Answers, BenchError> {
    let mut answers = Answers::new();
    for request in requests {
        answers.extend(serve(
            path,
            model,
            std::slice::from_ref(request),
            1,
            LONGEST.0,
            1,
        )?);
    }
    Ok(answers)
}

/// Submits `gap` requests before each step until all are answered.
fn serve(
    path: &Path,
    model: &Arc<Model>,
    requests: &[Request],
    max_batch: usize,
    prefill_chunk: usize,
    gap: usize,
) -> Result<Answers, BenchError> {
    let own = BatchOptions::default();
    let kv_bytes = kv_bytes_needed(
        model.config(),
        own.kv_format,
        max_batch,
        LONGEST.0 + LONGEST.1,
    );
    let options = BatchOptions {
        kv_bytes,
        max_batch,
        prefill_chunk,
        ..own
    };
    let mut batcher =
        Batcher::new(Arc::clone(model), options).map_err(|source| refused(path, source))?;
    let (mut events, mut answers, mut rest) = (Vec::new(), Answers::new(), requests.iter());
    loop {
        for request in rest.by_ref().take(gap) {
            batcher.submit(request.clone())?;
        }
        if batcher.is_idle() {
            return Ok(answers);
        }
        batcher.step(&mut events);
        finite(&events)?;
        for event in events.drain(..) {
            if let Event::Token { id, token } = event {
                answers.entry(id).or_default().push(token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use inference::synth::{self, Preset};

    use super::*;

    fn tiny(seed: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        synth::write(Preset::Tiny, seed, &path).expect("a model");
        (folder, path)
    }

    /// Answers of one model compared with those of another alone.
    fn differing(expected: u64, measured: u64) -> Invariance {
        let (a, b) = (tiny(expected), tiny(measured));
        let isa = Isa::available()
            .into_iter()
            .next()
            .expect("the portable path");
        let load = |path, threads| load(path, threads, isa, WeightForm::AsStored).unwrap();
        let (lone, other) = (load(&a.1, 1), load(&b.1, 2));
        let mut random = Stream::new(1, Purpose::Token, 0);
        let requests = requests(&lone, &mut random);
        let expected = alone(&a.1, &lone, &requests).unwrap();
        let mut found = Invariance::default();
        found
            .check(&b.1, &other, &requests, &expected, 3, &mut random)
            .unwrap();
        found
    }

    #[test]
    fn company_changes_nothing_and_another_model_is_found_out() {
        let same = differing(0, 0);
        assert_eq!((same.compositions, same.differing()), (3, None), "{same}");
        let other = differing(0, 1);
        assert!(other.differing().is_some_and(|count| count > 0), "{other}");
        assert_eq!(other.json()["differing"], other.differing);
    }

    #[test]
    fn missing_and_surplus_tokens_differ() {
        let mut found = Invariance::default();
        found.compare(&[1, 2, 3], &[1, 2]);
        found.compare(&[1], &[1, 2]);
        found.compare(&[1, 2], &[1, 2]);
        assert_eq!((found.compared, found.differing), (6, 2));
    }
}
