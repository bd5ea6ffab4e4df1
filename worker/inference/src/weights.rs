//! The tensors of a model as they lie in the mapped files: looked up by name, checked for shape and form,
//! and handed out as matrices that keep their map, or memory of their own, alive. It must not know what a tensor is used for.

use std::path::PathBuf;
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors};

use crate::aligned::Aligned;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::kernels::Tiles;
use crate::mapping::{Anonymous, Mapping};

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFormat {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// Brain float.
    Bf16,
    /// Whole numbers of eight bits with one factor a row: never in a file, made while loading.
    Int8,
}

/// A row-major matrix; its bytes need not be aligned to its element.
#[derive(Clone)]
pub(crate) struct Matrix {
    place: Place,
    /// One factor a row, for formats that have them.
    factors: Option<Arc<[f32]>>,
    pub(crate) format: WeightFormat,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// The same weights laid out for the kernels in use, where they want that: from this offset on.
    packed: Option<(Arc<Anonymous>, usize)>,
}

/// Where the bytes of a matrix are.
#[derive(Clone)]
enum Place {
    /// In a mapped file, from this offset on.
    Mapped(Arc<Mapping>, usize),
    /// In memory of its own.
    Owned(Arc<Aligned<u8>>),
}

/// All mapped shards of a model.
pub(crate) struct Weights {
    shards: Vec<Shard>,
}

struct Shard {
    map: Arc<Mapping>,
    metadata: Metadata,
    data_start: usize,
}

impl WeightFormat {
    /// Bytes of one stored element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }

    fn of(name: &str, dtype: Dtype) -> Result<Self, LoadError> {
        match dtype {
            Dtype::F32 => Ok(Self::F32),
            Dtype::F16 => Ok(Self::F16),
            Dtype::BF16 => Ok(Self::Bf16),
            other => Err(LoadError::TensorFormat { name: name.to_owned(), dtype: format!("{other:?}") }),
        }
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

    /// A matrix in memory of its own.
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

    /// Bytes that the weights take when laid out for kernels that take them in tiles; `None` where they cannot be:
    /// those kernels want whole tasks of BF16 rows.
    pub(crate) fn packed_bytes(&self, tiles: &Tiles) -> Option<usize> {
        let fits = self.format == WeightFormat::Bf16 && self.rows.is_multiple_of(tiles.rows);
        fits.then(|| (tiles.packed_bytes)(self.rows, self.columns))
    }

    /// Takes the weights from where they were laid out.
    pub(crate) fn use_packed(&mut self, memory: &Arc<Anonymous>, offset: usize) {
        self.packed = Some((Arc::clone(memory), offset));
    }

    /// The weights as they were laid out, and what lies behind them.
    pub(crate) fn packed(&self) -> Option<&[u8]> {
        self.packed.as_ref().map(|(memory, offset)| &memory.bytes()[*offset..])
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
        let shards = files.weights.iter().map(Shard::open).collect::<Result<_, _>>()?;
        Ok(Self { shards })
    }

    /// A two-dimensional tensor of exactly this shape.
    pub(crate) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, LoadError> {
        self.tensor(name, &[rows, columns])
    }

    /// A one-dimensional tensor of exactly this length, widened to f32.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let row = self.tensor(name, &[length])?;
        let mut values = vec![0.0; length];
        row.read_row(0, &mut values);
        Ok(values)
    }

    /// Bytes mapped, one slice a shard.
    pub(crate) fn regions(&self) -> impl Iterator<Item = &[u8]> {
        self.shards.iter().map(|shard| shard.map.bytes())
    }

    fn tensor(&self, name: &str, expected: &[usize]) -> Result<Matrix, LoadError> {
        let found = self.shards.iter().find_map(|shard| Some((shard, shard.metadata.info(name)?)));
        let (shard, info) = found.ok_or_else(|| LoadError::TensorMissing { name: name.to_owned() })?;
        if info.shape != expected {
            return Err(LoadError::TensorShape {
                name: name.to_owned(),
                expected: expected.to_vec(),
                actual: info.shape.clone(),
            });
        }
        let columns = *expected.last().expect("shapes asked for are never empty");
        Ok(Matrix {
            place: Place::Mapped(Arc::clone(&shard.map), shard.data_start + info.data_offsets.0),
            factors: None,
            format: WeightFormat::of(name, info.dtype)?,
            rows: expected.iter().product::<usize>() / columns,
            columns,
            packed: None,
        })
    }
}

impl Shard {
    fn open(path: &PathBuf) -> Result<Self, LoadError> {
        let map = Arc::new(Mapping::open(path)?);
        let (header, metadata) =
            SafeTensors::read_metadata(map.bytes()).map_err(|error| broken(path, &error))?;
        Ok(Self { map, metadata, data_start: header + size_of::<u64>() })
    }
}

fn broken(path: &PathBuf, error: &SafeTensorError) -> LoadError {
    LoadError::Header { path: path.to_owned(), reason: error.to_string() }
}
