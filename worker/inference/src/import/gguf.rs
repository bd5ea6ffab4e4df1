//! Reads the GGUF container format, versions 2 and 3, little endian: metadata and tensor locations.
//! Trusts nothing: every length is checked against the bytes left in the file and against a fixed
//! limit before anything is allocated. Must not know what the metadata mean.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use super::quant::Quant;

/// Limits far above any real model, so that a hostile file cannot exhaust memory.
const MAX_STRING: u64 = 1 << 24;
const MAX_ELEMENTS: u64 = 1 << 22;
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_DIMENSIONS: u32 = 4;

/// Why the container cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file ends before its declared contents.
    #[error("read past the end of a truncated file")]
    Truncated,
    /// The operating system failed.
    #[error("read the file")]
    Io(#[source] io::Error),
    /// The first four bytes are not `GGUF`.
    #[error("recognise the file as GGUF")]
    NotGguf,
    /// The file is a Git LFS pointer.
    #[error(
        "read a pointer of Git LFS as GGUF: run `git lfs pull` where it was cloned, or fetch the file"
    )]
    Pointer,
    /// Written in the other byte order.
    #[error("read a big-endian GGUF: fetch or convert one for little-endian processors")]
    BigEndian,
    /// Version 1, or a version after 3.
    #[error("read GGUF version {version}, only 2 and 3 are known")]
    Version {
        /// Stored version.
        version: u32,
    },
    /// A count or length beyond any real model.
    #[error("accept {what} of {value}")]
    TooLarge {
        /// Name of the number.
        what: &'static str,
        /// Stored value.
        value: u64,
    },
    /// Text that is not UTF-8, an unknown value type, a repeated key and the like.
    #[error("understand {what}")]
    Malformed {
        /// Name of the item.
        what: String,
    },
    /// A tensor in an unsupported number format.
    #[error(
        "dequantise {tensor}: format {format} is not supported, but {} are",
        Quant::names()
    )]
    Quantisation {
        /// Name of the tensor.
        tensor: String,
        /// Name, or number if unknown.
        format: String,
    },
    /// A tensor whose data are outside the file.
    #[error("find the data of {tensor} inside the file")]
    OutOfBounds {
        /// Name of the tensor.
        tensor: String,
    },
}

/// One metadata value; integer and float widths are merged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(Vec<Value>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(n) => write!(f, "{n}"),
            Self::Signed(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{}", *x as f32),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Text(text) => write!(f, "{:?}", text.chars().take(40).collect::<String>()),
            Self::Array(values) => write!(f, "a list of {}", values.len()),
        }
    }
}

/// Location and shape of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorInfo {
    /// Dimensions, fastest first, as stored.
    pub(crate) dimensions: Vec<usize>,
    pub(crate) quant: Quant,
    /// Offset from the beginning of the file.
    pub(crate) offset: u64,
    /// Index of the file.
    pub(crate) file: usize,
}

/// A file's contents without the tensor data.
#[derive(Debug)]
pub(crate) struct Gguf {
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) tensors: BTreeMap<String, TensorInfo>,
}

struct Cursor<R> {
    inner: R,
    length: u64,
    position: u64,
    /// Array elements that may still be read; each takes more memory than space in the file.
    elements: u64,
}

struct RawInfo {
    name: String,
    dimensions: Vec<u64>,
    format: u32,
    offset: u64,
}

impl From<io::Error> for GgufError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}

impl Gguf {
    /// Reads header, metadata and tensor locations.
    pub(crate) fn read<R: Read + Seek>(mut inner: R) -> Result<Self, GgufError> {
        let length = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        let mut cursor = Cursor {
            inner,
            length,
            position: 0,
            elements: MAX_ELEMENTS,
        };
        cursor.magic()?;
        let tensors = cursor.bounded("a tensor count", MAX_ENTRIES)?;
        let pairs = cursor.bounded("a metadata count", MAX_ENTRIES)?;
        let metadata = cursor.metadata(pairs)?;
        let raw = (0..tensors)
            .map(|_| cursor.raw_info())
            .collect::<Result<Vec<_>, _>>()?;
        let start = cursor.position.next_multiple_of(alignment(&metadata)?);
        Ok(Self {
            tensors: locate(raw, start, length)?,
            metadata,
        })
    }
}

impl TensorInfo {
    /// Length of one row (the fastest dimension) in values.
    pub(crate) fn columns(&self) -> usize {
        self.dimensions.first().copied().unwrap_or(1)
    }

    /// Shape with rows first, as in safetensors.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.dimensions.iter().rev().copied().collect()
    }
}

impl<R: Read> Cursor<R> {
    fn magic(&mut self) -> Result<(), GgufError> {
        match self.array::<4>()? {
            [b'G', b'G', b'U', b'F'] => {}
            [b'v', b'e', b'r', b's'] => return Err(GgufError::Pointer),
            _ => return Err(GgufError::NotGguf),
        }
        match self.u32()? {
            2 | 3 => Ok(()),
            version if matches!(version.swap_bytes(), 1..=3) => Err(GgufError::BigEndian),
            version => Err(GgufError::Version { version }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count within both the limit and, at one byte each, the rest of the file.
    fn bounded(&mut self, what: &'static str, ceiling: u64) -> Result<u64, GgufError> {
        let value = self.u64()?;
        if value > ceiling {
            return Err(GgufError::TooLarge { what, value });
        }
        if value > self.length.saturating_sub(self.position) {
            return Err(GgufError::Truncated);
        }
        Ok(value)
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let length = self.bounded("a string length", MAX_STRING)?;
        let mut bytes = vec![0; usize::try_from(length).expect("below the ceiling")];
        self.inner.read_exact(&mut bytes)?;
        self.position += length;
        String::from_utf8(bytes).map_err(|_| malformed("text that is not UTF-8"))
    }

    fn metadata(&mut self, pairs: u64) -> Result<BTreeMap<String, Value>, GgufError> {
        let mut metadata = BTreeMap::new();
        for _ in 0..pairs {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = if kind == 9 {
                self.list()?
            } else {
                self.scalar(kind)?
            };
            if metadata.insert(key.clone(), value).is_some() {
                return Err(malformed(&format!("key {key}, given twice")));
            }
        }
        Ok(metadata)
    }

    /// Arrays of arrays exist in the format but in no model; refusing them bounds the recursion.
    fn list(&mut self) -> Result<Value, GgufError> {
        let kind = self.u32()?;
        let length = self.bounded("an array length", self.elements)?;
        self.elements -= length;
        Ok(Value::Array(
            (0..length)
                .map(|_| self.scalar(kind))
                .collect::<Result<_, _>>()?,
        ))
    }

    fn scalar(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(malformed(&format!("a value of type {other}"))),
        })
    }

    fn raw_info(&mut self) -> Result<RawInfo, GgufError> {
        let name = self.text()?;
        let count = self.u32()?;
        if count > MAX_DIMENSIONS {
            return Err(GgufError::TooLarge {
                what: "a dimension count",
                value: count.into(),
            });
        }
        let dimensions = (0..count).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(RawInfo {
            name,
            dimensions,
            format: self.u32()?,
            offset: self.u64()?,
        })
    }
}

impl RawInfo {
    fn locate(&self, start: u64, length: u64) -> Result<TensorInfo, GgufError> {
        let quant = Quant::from_id(self.format).map_err(|format| GgufError::Quantisation {
            tensor: self.name.clone(),
            format,
        })?;
        let outside = || GgufError::OutOfBounds {
            tensor: self.name.clone(),
        };
        // Without values it takes no bytes of the file, whatever its other dimensions.
        if self.dimensions.contains(&0) {
            return Err(malformed(&format!(
                "tensor {}, which has a dimension of zero",
                self.name
            )));
        }
        let bytes = quant.bytes(&self.dimensions).ok_or_else(outside)?;
        let offset = start.checked_add(self.offset).ok_or_else(outside)?;
        if offset.checked_add(bytes).is_none_or(|end| end > length) {
            return Err(outside());
        }
        let dimensions = self
            .dimensions
            .iter()
            .map(|&d| usize::try_from(d).map_err(|_| outside()));
        Ok(TensorInfo {
            dimensions: dimensions.collect::<Result<_, _>>()?,
            quant,
            offset,
            file: 0,
        })
    }
}

fn locate(
    raw: Vec<RawInfo>,
    start: u64,
    length: u64,
) -> Result<BTreeMap<String, TensorInfo>, GgufError> {
    let mut tensors = BTreeMap::new();
    for info in raw {
        let place = info.locate(start, length)?;
        if tensors.contains_key(&info.name) {
            return Err(malformed(&format!("tensor {}, given twice", info.name)));
        }
        tensors.insert(info.name, place);
    }
    Ok(tensors)
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, GgufError> {
    match metadata.get("general.alignment") {
        None => Ok(32),
        Some(&Value::Unsigned(a)) if a.is_power_of_two() && a <= 1 << 20 => Ok(a),
        Some(_) => Err(malformed("general.alignment")),
    }
}

fn malformed(what: &str) -> GgufError {
    GgufError::Malformed {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_without_values_is_refused_however_large_its_rows() {
        let located = |dimensions: &[u64]| {
            RawInfo {
                name: "t".to_owned(),
                dimensions: dimensions.to_vec(),
                format: 0,
                offset: 0,
            }
            .locate(0, 64)
        };
        for empty in [[0, 1 << 40], [1 << 40, 0]] {
            assert!(matches!(located(&empty), Err(GgufError::Malformed { .. })));
        }
        assert!(located(&[4, 4]).is_ok());
    }
}
