//! The tensors of a model in the mapped files: looked up by name, checked for shape and format, and
//! returned as matrices that keep their map, or their own memory, alive. Must not know what a
//! tensor is used for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors};

use crate::aligned::Aligned;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::finite::first_spoilt;
pub use crate::format::WeightFormat;
use crate::kernels::Tiles;
use crate::mapping::{Anonymous, Mapping};

/// A row-major matrix; its bytes need not be aligned to its element.
#[derive(Clone)]
pub(crate) struct Matrix {
    place: Place,
    /// One factor for each row, for formats that have them.
    factors: Option<Arc<[f32]>>,
    pub(crate) format: WeightFormat,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// The same weights in the layout of the kernels, if they need one, from this offset on.
    packed: Option<(Arc<Anonymous>, usize)>,
}

/// Location of a matrix's bytes.
#[derive(Clone)]
enum Place {
    /// In a mapped file, from this offset on.
    Mapped(Arc<Mapping>, usize),
    /// In separate memory.
    Owned(Arc<Aligned<u8>>),
}

/// All mapped shards of a model.
pub(crate) struct Weights {
    shards: Vec<Shard>,
    /// The shard that contains a tensor.
    holders: BTreeMap<String, usize>,
    /// Tensors that were returned, by name.
    used: RefCell<BTreeMap<String, Matrix>>,
}

struct Shard {
    path: PathBuf,
    map: Arc<Mapping>,
    metadata: Metadata,
    data_start: usize,
}

fn format_of(name: &str, dtype: Dtype) -> Result<WeightFormat, LoadError> {
    match dtype {
        Dtype::F32 => Ok(WeightFormat::F32),
        Dtype::F16 => Ok(WeightFormat::F16),
        Dtype::BF16 => Ok(WeightFormat::Bf16),
        other => Err(LoadError::TensorFormat {
            name: name.to_owned(),
            dtype: format!("{other:?}"),
        }),
    }
}

impl Matrix {
    /// The stored bytes of the whole matrix.
    pub(crate) fn bytes(&self) -> &[u8] {
        let length = self.rows * self.columns * self.format.bytes();
        match &self.place {
            Place::Mapped(map, offset) => &map.bytes()[*offset..*offset + length],
            Place::Owned(bytes) => &bytes[..length],
        }
    }

    /// A matrix in separate memory.
    pub(crate) fn owned(
        bytes: Aligned<u8>,
        format: WeightFormat,
        rows: usize,
        columns: usize,
        factors: Arc<[f32]>,
    ) -> Self {
        Self {
            place: Place::Owned(Arc::new(bytes)),
            factors: Some(factors),
            packed: None,
            format,
            rows,
            columns,
        }
    }

    /// The factor of each row, if the format has them.
    pub(crate) fn factors(&self) -> Option<&[f32]> {
        self.factors.as_deref()
    }

    /// Bytes that a product with the whole matrix reads.
    pub(crate) fn bytes_read(&self) -> usize {
        self.bytes().len() + self.factors().map_or(0, size_of_val)
    }

    /// Bytes of the weights in tile layout; `None` if there is none, because the kernels need whole
    /// tasks of BF16 rows.
    pub(crate) fn packed_bytes(&self, tiles: &Tiles) -> Option<usize> {
        let fits = self.format == WeightFormat::Bf16 && self.rows.is_multiple_of(tiles.rows);
        fits.then(|| (tiles.packed_bytes)(self.rows, self.columns))
    }

    /// Uses the weights in their new layout.
    pub(crate) fn use_packed(&mut self, memory: &Arc<Anonymous>, offset: usize) {
        self.packed = Some((Arc::clone(memory), offset));
    }

    /// The weights in their new layout, and what follows them.
    pub(crate) fn packed(&self) -> Option<&[u8]> {
        self.packed
            .as_ref()
            .map(|(memory, offset)| &memory.bytes()[*offset..])
    }

    /// Widens one row to f32.
    pub(crate) fn read_row(&self, row: usize, out: &mut [f32]) {
        let stride = self.columns * self.format.bytes();
        let bytes = &self.bytes()[row * stride..(row + 1) * stride];
        match self.format {
            WeightFormat::F32 => widen(bytes, out, f32::from_le_bytes),
            WeightFormat::F16 => widen(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            WeightFormat::Bf16 => widen(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            WeightFormat::Int8 => {
                let factor = self.factors().map_or(1.0, |factors| factors[row]);
                widen(bytes, out, |b| f32::from(i8::from_le_bytes(b)) * factor);
            }
        }
    }
}

fn widen<const N: usize>(bytes: &[u8], out: &mut [f32], convert: impl Fn([u8; N]) -> f32) {
    for (value, chunk) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = convert(*chunk);
    }
}

impl Weights {
    pub(crate) fn map(files: &ModelFiles) -> Result<Self, LoadError> {
        let shards = files
            .weights
            .iter()
            .map(Shard::open)
            .collect::<Result<Vec<_>, _>>()?;
        let holders = holders(&shards, files.placed.as_ref())?;
        Ok(Self {
            shards,
            holders,
            used: RefCell::default(),
        })
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.holders.contains_key(name)
    }

    /// A two-dimensional tensor of exactly this shape.
    pub(crate) fn matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Matrix, LoadError> {
        self.tensor(name, &[rows, columns])
    }

    /// Neighbouring rows, from `first` on, of a two-dimensional tensor that has `all` of them.
    pub(crate) fn rows(
        &self,
        name: &str,
        [first, rows, all]: [usize; 3],
        columns: usize,
    ) -> Result<Matrix, LoadError> {
        let mut matrix = self.tensor(name, &[all, columns])?;
        if let Place::Mapped(_, offset) = &mut matrix.place {
            *offset += first * columns * matrix.format.bytes();
        }
        Ok(Matrix { rows, ..matrix })
    }

    /// A one-dimensional tensor of exactly this length, widened to f32.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let row = self.tensor(name, &[length])?;
        let mut values = vec![0.0; length];
        row.read_row(0, &mut values);
        Ok(values)
    }

    /// Fails at the first returned weight that is not finite. Reads all of them into memory, so
    /// that the first token does not pay for it.
    pub(crate) fn all_finite(&self, threads: usize) -> Result<(), LoadError> {
        let used = self.used.borrow();
        let ranges: Vec<_> = used
            .values()
            .map(|matrix| (matrix.bytes(), matrix.format))
            .collect();
        let Some(spoilt) = first_spoilt(&ranges, threads) else {
            return Ok(());
        };
        let (name, matrix) = used.iter().nth(spoilt.range).expect("a range is a tensor");
        let (row, column) = (
            spoilt.element / matrix.columns,
            spoilt.element % matrix.columns,
        );
        Err(LoadError::NotFinite {
            name: name.clone(),
            value: if spoilt.nan { "NaN" } else { "infinity" },
            place: if matrix.rows > 1 {
                vec![row, column]
            } else {
                vec![column]
            },
            hint: match matrix.format {
                WeightFormat::F16 => {
                    " (F16 ends at 65504; a model converted from BF16 can exceed it: keep BF16 or F32)"
                }
                _ => "",
            },
        })
    }

    /// Fails at the first tensor that was not returned and may have an effect.
    pub(crate) fn all_used(&self, family: &'static str) -> Result<(), LoadError> {
        let used = self.used.borrow();
        match self
            .holders
            .keys()
            .find(|name| !used.contains_key(*name) && !without_effect(name))
        {
            Some(name) => Err(LoadError::UnknownTensor {
                name: name.clone(),
                family,
            }),
            None => Ok(()),
        }
    }

    fn tensor(&self, name: &str, expected: &[usize]) -> Result<Matrix, LoadError> {
        let shard = self.holders.get(name).map(|&holder| &self.shards[holder]);
        let found = shard.and_then(|shard| Some((shard, shard.metadata.info(name)?)));
        let (shard, info) = found.ok_or_else(|| LoadError::TensorMissing {
            name: name.to_owned(),
        })?;
        if info.shape != expected {
            return Err(LoadError::TensorShape {
                name: name.to_owned(),
                expected: expected.to_vec(),
                actual: info.shape.clone(),
            });
        }
        let columns = *expected.last().expect("shapes asked for are never empty");
        let matrix = Matrix {
            place: Place::Mapped(
                Arc::clone(&shard.map),
                shard.data_start + info.data_offsets.0,
            ),
            factors: None,
            format: format_of(name, info.dtype)?,
            rows: expected.iter().product::<usize>() / columns,
            columns,
            packed: None,
        };
        self.used
            .borrow_mut()
            .insert(name.to_owned(), matrix.clone());
        Ok(matrix)
    }
}

/// Tensors without effect, by reason. All others of the model's own modules have one.
fn without_effect(name: &str) -> bool {
    // Older files contain the frequencies of the rotary embedding, which follow from the
    // configuration.
    if name.ends_with("rotary_emb.inv_freq") {
        return true;
    }
    // A language model consists of `model` and `lm_head`. Tensors outside them that name none of
    // their modules (reward or classification heads, leftovers of training) are not part of it, and
    // transformers ignores them.
    const MODULES: [&str; 8] = [
        "layers.",
        "embed_tokens",
        "lm_head",
        "_proj",
        "norm",
        "self_attn",
        "mlp",
        "lora_",
    ];
    !name.starts_with("model.") && !MODULES.iter().any(|module| name.contains(module))
}

/// The shard of each tensor: the one that the index names, or the only one that has it.
fn holders(
    shards: &[Shard],
    placed: Option<&BTreeMap<String, usize>>,
) -> Result<BTreeMap<String, usize>, LoadError> {
    let file = |shard: usize| file_name(&shards[shard].path);
    let mut holders = BTreeMap::new();
    for (index, shard) in shards.iter().enumerate() {
        for name in shard.metadata.offset_keys() {
            if placed.is_some_and(|placed| placed.get(&name).is_some_and(|&place| place != index)) {
                continue;
            }
            if let Some(&other) = holders.get(&name) {
                return Err(LoadError::TwoSources {
                    first: file(other),
                    second: file(index),
                    name,
                });
            }
            holders.insert(name, index);
        }
    }
    let lost = placed
        .into_iter()
        .flatten()
        .find(|(name, _)| !holders.contains_key(*name));
    match lost {
        Some((name, &place)) => Err(LoadError::Misplaced {
            name: name.clone(),
            shard: file(place),
        }),
        None => Ok(holders),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

impl Shard {
    fn open(path: &PathBuf) -> Result<Self, LoadError> {
        let map = Arc::new(Mapping::open(path)?);
        let (header, metadata) =
            SafeTensors::read_metadata(map.bytes()).map_err(|error| broken(path, &error))?;
        Ok(Self {
            path: path.clone(),
            map,
            metadata,
            data_start: header + size_of::<u64>(),
        })
    }
}

fn broken(path: &PathBuf, error: &SafeTensorError) -> LoadError {
    LoadError::Header {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
