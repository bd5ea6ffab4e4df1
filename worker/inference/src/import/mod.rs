//! Imports a GGUF file into a Hugging Face model directory: dequantised tensors under Hugging Face
//! names, `config.json`, `tokenizer.json` and the chat template. Owns the order of steps and the
//! errors; the submodules own the formats. Must not print. Leaves either a complete directory or
//! none.

mod error;
mod families;
mod gguf;
mod metadata;
mod model;
mod parts;
mod pieces;
mod pretokenizer;
mod quant;
mod superblocks;
mod vocabulary;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

pub use self::error::ImportError;
use self::families::Family;
pub use self::gguf::GgufError;
use self::gguf::{Gguf, TensorInfo};
use self::metadata::Metadata;
use self::model::{FREQUENCIES, Target, interleaved_row};
use self::parts::Parts;
use crate::architecture::{Architecture, Ends, Scaling};
use crate::bytelevel::Vocabulary;
pub use crate::directory::Precision;
use crate::directory::{ModelDir, TensorWriter};
use crate::tokenizer::Tokenizer;

/// Approximate number of values dequantised at a time.
const CHUNK: usize = 1 << 18;

/// Result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSummary {
    /// The model's name, if the file gives one.
    pub name: Option<String>,
    /// The licence, if the file gives one.
    pub license: Option<String>,
    /// Tensors written.
    pub tensors: usize,
    /// Values in them.
    pub parameters: u64,
    /// Tokens in the tokenizer.
    pub vocabulary: usize,
    /// Number of tensors by their format in the file.
    pub formats: BTreeMap<&'static str, usize>,
}

/// Source and target of an import, for errors.
struct Paths<'a> {
    target: &'a Path,
}

/// The checked contents to write.
struct ImportPlan {
    model: Architecture,
    /// The family's additional settings.
    settings: serde_json::Map<String, serde_json::Value>,
    vocabulary: Vocabulary,
    ends: Ends,
    template: Option<String>,
    tensors: Vec<(Target, TensorInfo)>,
}

/// Imports as BF16.
pub fn gguf(source: &Path, target: &Path) -> Result<ImportSummary, ImportError> {
    gguf_as(source, target, Precision::Bf16)
}

/// Imports `source` into the new directory `target`, with tensors of the given precision. BF16
/// keeps 8 bits of significand, so more precise dequantised values are rounded to nearest even. For
/// a model in several files, `source` is the first.
pub fn gguf_as(
    source: &Path,
    target: &Path,
    precision: Precision,
) -> Result<ImportSummary, ImportError> {
    let paths = Paths { target };
    let mut parts = Parts::open(source)?;
    let gguf = parts.contents()?;
    let plan = ImportPlan::make(&gguf, &mut parts)?;
    let dir = ModelDir::begin(target).map_err(|error| paths.writing(error))?;
    plan.write_text(&dir, precision)
        .map_err(|error| paths.writing(error))?;
    Tokenizer::read(dir.path()).map_err(ImportError::Unusable)?;
    plan.write_tensors(&dir, precision, &mut parts, &paths)?;
    dir.commit().map_err(|error| paths.writing(error))?;
    plan.summary(&Metadata::new(&gguf.metadata))
}

impl Paths<'_> {
    fn writing(&self, source: io::Error) -> ImportError {
        ImportError::Target {
            path: self.target.to_owned(),
            source,
        }
    }
}

impl ImportPlan {
    fn make(gguf: &Gguf, parts: &mut Parts) -> Result<Self, ImportError> {
        let meta = Metadata::new(&gguf.metadata);
        let (mut model, family) = model::read(gguf, &meta)?;
        if let Some(info) = gguf.tensors.get(FREQUENCIES) {
            let divisors = parts.rows(info, 0, 1)?;
            if model.scaling.is_some() {
                let values = format!("a factor and {FREQUENCIES}");
                return Err(ImportError::Contradiction {
                    key: "the rotary scaling".to_owned(),
                    values,
                });
            }
            model.scaling = Some(Scaling::Llama3(model::scaling_of(&model, &divisors)?));
        }
        let plan = Self {
            settings: family.settings(&meta, &model)?,
            tensors: pair(gguf, &model, family)?,
            vocabulary: vocabulary::read(&meta, model.vocabulary)?,
            ends: Ends {
                bos: meta.number("tokenizer.ggml.bos_token_id")?,
                eos: meta.number("tokenizer.ggml.eos_token_id")?,
            },
            template: meta.text("tokenizer.chat_template")?.map(str::to_owned),
            model,
        };
        meta.all_read(family.arch)?;
        Ok(plan)
    }

    fn write_text(&self, dir: &ModelDir, precision: Precision) -> io::Result<()> {
        let mut config = self.model.config(precision.torch_dtype(), self.ends);
        config
            .as_object_mut()
            .expect("a configuration is an object")
            .extend(self.settings.clone());
        dir.write_json("config.json", &config)?;
        dir.write(
            "tokenizer.json",
            self.vocabulary.to_json().to_string().as_bytes(),
        )?;
        self.template.as_ref().map_or(Ok(()), |text| {
            dir.write("chat_template.jinja", text.as_bytes())
        })
    }

    fn write_tensors(
        &self,
        dir: &ModelDir,
        precision: Precision,
        parts: &mut Parts,
        paths: &Paths<'_>,
    ) -> Result<(), ImportError> {
        let specs: Vec<_> = self
            .tensors
            .iter()
            .map(|(target, _)| target.spec.clone())
            .collect();
        let mut writer = dir
            .tensors(&specs, precision)
            .map_err(|error| paths.writing(error))?;
        for (target, info) in &self.tensors {
            copy(parts, target, info, &mut writer, paths)?;
        }
        writer.finish().map_err(|error| paths.writing(error))
    }

    fn summary(&self, meta: &Metadata<'_>) -> Result<ImportSummary, ImportError> {
        let mut formats = BTreeMap::new();
        for (_, info) in &self.tensors {
            *formats.entry(info.quant.name()).or_default() += 1;
        }
        Ok(ImportSummary {
            name: meta.text("general.name")?.map(str::to_owned),
            license: meta.text("general.license")?.map(str::to_owned),
            tensors: self.tensors.len(),
            parameters: self
                .tensors
                .iter()
                .map(|(target, _)| target.spec.elements() as u64)
                .sum(),
            vocabulary: self.vocabulary.tokens.len(),
            formats,
        })
    }
}

/// Matches the architecture's tensors with those in the file; there must be no others.
fn pair(
    gguf: &Gguf,
    model: &Architecture,
    family: &Family,
) -> Result<Vec<(Target, TensorInfo)>, ImportError> {
    let targets = model::targets(model, family);
    let known: HashSet<_> = targets
        .iter()
        .map(|target| target.source.as_str())
        .chain([FREQUENCIES])
        .collect();
    if let Some(name) = gguf
        .tensors
        .keys()
        .find(|name| !known.contains(name.as_str()))
    {
        return Err(ImportError::UnknownTensor { name: name.clone() });
    }
    let place = |target: Target| {
        let info = gguf
            .tensors
            .get(&target.source)
            .ok_or_else(|| metadata::missing(&target.source))?;
        if info.shape() != target.spec.shape {
            let (name, expected) = (target.source, target.spec.shape);
            return Err(ImportError::Shape {
                name,
                found: info.shape(),
                expected,
            });
        }
        Ok((target, info.clone()))
    };
    targets.into_iter().map(place).collect()
}

/// Copies one tensor in pieces of whole rows, an interleaved one head by head.
fn copy(
    parts: &mut Parts,
    target: &Target,
    info: &TensorInfo,
    writer: &mut TensorWriter,
    paths: &Paths<'_>,
) -> Result<(), ImportError> {
    // The bias of interleaved rows is treated as a column of them.
    let (columns, rows) = match (target.interleaved, info.dimensions.as_slice()) {
        (Some(_), &[length]) => (1, length),
        (_, dimensions) => (info.columns(), dimensions.iter().skip(1).product()),
    };
    let step = target.interleaved.unwrap_or((CHUNK / columns).max(1));
    for first in (0..rows).step_by(step) {
        let count = step.min(rows - first);
        let mut values = match columns {
            1 if info.dimensions.len() == 1 => parts.elements(info, first, count)?,
            _ => parts.rows(info, first, count)?,
        };
        if target.offset != 0.0 {
            values.iter_mut().for_each(|value| *value += target.offset);
        }
        if let Some(value) = values.iter().find_map(|&value| writer.spoilt(value)) {
            return Err(ImportError::NotFinite {
                name: target.source.clone(),
                value,
            });
        }
        let ordered = match target.interleaved {
            Some(head) => (0..count)
                .flat_map(|row| values.chunks(columns).nth(interleaved_row(row, head)))
                .flatten()
                .copied()
                .collect(),
            None => values,
        };
        writer
            .push(&ordered)
            .map_err(|error| paths.writing(error))?;
    }
    Ok(())
}
