//! Creates model directories: everything is written into a hidden sibling directory, which gets the
//! final name only when complete. Tensors are streamed in the safetensors layout, so that no tensor
//! need be in memory as a whole. Must not know the source of the weights.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// A model directory under construction. If dropped before [`ModelDir::commit`], it leaves nothing
/// behind.
pub(crate) struct ModelDir {
    staging: PathBuf,
    target: PathBuf,
    committed: bool,
}

/// Number format of the tensors written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Brain float, two bytes: what the engine reads fastest.
    #[default]
    Bf16,
    /// IEEE single, four bytes: keeps dequantised values exactly.
    F32,
}

/// Name and shape (rows first) of one tensor to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

/// Accepts the tensors' values in the order of the specs it was opened with.
pub(crate) struct TensorWriter {
    file: BufWriter<File>,
    precision: Precision,
    missing: u64,
    bytes: Vec<u8>,
}

impl Precision {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Bf16 => "BF16",
            Self::F32 => "F32",
        }
    }

    /// The name Hugging Face configurations use.
    pub(crate) fn torch_dtype(self) -> &'static str {
        match self {
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
        }
    }
}

impl TensorSpec {
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl ModelDir {
    /// Refuses a target that is not empty: a model directory is never overwritten.
    pub(crate) fn begin(target: &Path) -> io::Result<Self> {
        if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the directory is not empty",
            ));
        }
        let name = target.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the path names no directory")
        })?;
        let staging = target.with_file_name(format!(
            ".{}.partial-{}",
            name.to_string_lossy(),
            std::process::id()
        ));
        if staging.exists() {
            fs::remove_dir_all(&staging)?;
        }
        fs::create_dir_all(&staging)?;
        Ok(Self {
            staging,
            target: target.to_owned(),
            committed: false,
        })
    }

    /// Path of the files before the commit.
    pub(crate) fn path(&self) -> &Path {
        &self.staging
    }

    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.staging.join(name))?;
        file.write_all(contents)?;
        file.sync_all()
    }

    pub(crate) fn write_json(&self, name: &str, value: &Value) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        self.write(name, &text)
    }

    /// Opens `model.safetensors` and writes its header.
    pub(crate) fn tensors(
        &self,
        specs: &[TensorSpec],
        precision: Precision,
    ) -> io::Result<TensorWriter> {
        let (header, data) = header(specs, precision)?;
        let mut file = BufWriter::with_capacity(
            1 << 20,
            File::create(self.staging.join("model.safetensors"))?,
        );
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        Ok(TensorWriter {
            file,
            precision,
            missing: data,
            bytes: Vec::new(),
        })
    }

    /// Gives the directory its final name.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        fs::rename(&self.staging, &self.target)?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for ModelDir {
    fn drop(&mut self) {
        if !self.committed {
            // A failure here cannot be handled, and the leftover is hidden and harmless.
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}

impl TensorWriter {
    /// What a value would be in the file, if it would not be finite.
    pub(crate) fn spoilt(&self, value: f32) -> Option<&'static str> {
        let written = match self.precision {
            Precision::Bf16 => half::bf16::from_f32(value).to_f32(),
            Precision::F32 => value,
        };
        match (written.is_nan(), written.is_infinite()) {
            (true, _) => Some("NaN"),
            (_, true) if value.is_finite() => Some("a number beyond BF16"),
            (_, true) => Some("infinity"),
            _ => None,
        }
    }

    /// Appends values, rounded to nearest even if the precision requires it.
    pub(crate) fn push(&mut self, values: &[f32]) -> io::Result<()> {
        self.bytes.clear();
        match self.precision {
            Precision::Bf16 => {
                self.bytes.extend(
                    values
                        .iter()
                        .flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()),
                );
            }
            Precision::F32 => self
                .bytes
                .extend(values.iter().flat_map(|v| v.to_le_bytes())),
        }
        self.missing = self
            .missing
            .checked_sub(self.bytes.len() as u64)
            .ok_or_else(|| io::Error::other("more values than the header declares"))?;
        self.file.write_all(&self.bytes)
    }

    /// Makes the file durable; fails if values are missing.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.missing > 0 {
            return Err(io::Error::other("fewer values than the header declares"));
        }
        self.file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()
    }
}

/// The safetensors header (JSON, padded with spaces to a multiple of 8) and the length of the data.
fn header(specs: &[TensorSpec], precision: Precision) -> io::Result<(Vec<u8>, u64)> {
    let mut entries = Map::new();
    entries.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut end = 0u64;
    for spec in specs {
        let begin = end;
        end += (spec.elements() * precision.bytes()) as u64;
        let entry =
            json!({ "dtype": precision.tag(), "shape": spec.shape, "data_offsets": [begin, end] });
        entries.insert(spec.name.clone(), entry);
    }
    let mut text = serde_json::to_vec(&entries)?;
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok((text, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn safetensors_reads_back_what_was_streamed() {
        let place = tempfile::tempdir().unwrap();
        let dir = ModelDir::begin(&place.path().join("m")).unwrap();
        let mut writer = dir
            .tensors(&[spec("a", &[2, 2]), spec("b", &[1])], Precision::F32)
            .unwrap();
        writer.push(&[1.0, 2.0, 3.0]).unwrap();
        writer.push(&[4.0, 5.0]).unwrap();
        writer.finish().unwrap();
        dir.commit().unwrap();
        let bytes = fs::read(place.path().join("m/model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("a").unwrap().shape(), [2, 2]);
        assert_eq!(file.tensor("b").unwrap().data(), 5.0f32.to_le_bytes());
    }

    #[test]
    fn too_few_and_too_many_values_are_errors() {
        let place = tempfile::tempdir().unwrap();
        let dir = ModelDir::begin(&place.path().join("m")).unwrap();
        let mut writer = dir.tensors(&[spec("a", &[2])], Precision::Bf16).unwrap();
        writer.push(&[1.0]).unwrap();
        assert!(writer.push(&[1.0, 2.0]).is_err());
        let short = dir.tensors(&[spec("a", &[2])], Precision::Bf16).unwrap();
        assert!(short.finish().is_err());
    }

    #[test]
    fn without_commit_nothing_remains_and_full_directories_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("m");
        let dir = ModelDir::begin(&target).unwrap();
        dir.write("x", b"1").unwrap();
        drop(dir);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        let dir = ModelDir::begin(&target).unwrap();
        dir.write("x", b"1").unwrap();
        dir.commit().unwrap();
        assert!(ModelDir::begin(&target).is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
