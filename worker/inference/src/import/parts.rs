//! The files of one GGUF model, and reading tensors from them. With several files, the first gives
//! their number, and the names are numbered: `NAME-00001-of-0000N.gguf`. Must not know what tensors
//! mean.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::ImportError;
use super::gguf::{Gguf, GgufError, TensorInfo, Value};
use crate::opened;

/// Opened files, in order.
pub(super) struct Parts {
    files: Vec<(PathBuf, BufReader<File>)>,
}

impl Parts {
    /// Opens the file and, if its name is numbered, the others of the same model.
    pub(super) fn open(first: &Path) -> Result<Self, ImportError> {
        Ok(Self {
            files: vec![open(first)?],
        })
    }

    /// The contents of all files without the tensor data.
    pub(super) fn contents(&mut self) -> Result<Gguf, ImportError> {
        let mut whole = Gguf::read(&mut self.files[0].1)?;
        let number = |gguf: &Gguf, key: &str| match gguf.metadata.get(key) {
            Some(&Value::Unsigned(n)) => usize::try_from(n).ok(),
            Some(&Value::Signed(n)) => usize::try_from(n).ok(),
            _ => None,
        };
        let count = number(&whole, "split.count").unwrap_or(1);
        let (path, at) = (
            self.files[0].0.clone(),
            number(&whole, "split.no").unwrap_or(0),
        );
        if count > 1 && at > 0 {
            return Err(ImportError::Part {
                number: at + 1,
                count,
            });
        }
        for number in 2..=count {
            let mut part =
                open(&sibling(&path, number, count).ok_or(ImportError::PartName { count })?)?;
            let gguf = Gguf::read(&mut part.1)?;
            for (name, mut info) in gguf.tensors {
                info.file = self.files.len();
                if whole.tensors.insert(name.clone(), info).is_some() {
                    let what = format!("tensor {name}, which is in two of the files");
                    return Err(GgufError::Malformed { what }.into());
                }
            }
            self.files.push(part);
        }
        let declared = number(&whole, "split.tensors.count");
        if let Some(declared) =
            declared.filter(|&declared| count > 1 && declared != whole.tensors.len())
        {
            return Err(ImportError::PartTensors {
                found: whole.tensors.len(),
                declared,
            });
        }
        whole.metadata.retain(|key, _| !key.starts_with("split."));
        Ok(whole)
    }

    /// Rows of a tensor, dequantised.
    pub(super) fn rows(
        &mut self,
        info: &TensorInfo,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, ImportError> {
        let columns = info.columns();
        self.read(
            info,
            first * info.quant.row_bytes(columns),
            count * info.quant.row_bytes(columns),
        )
    }

    /// Elements of a vector whose format has no blocks.
    pub(super) fn elements(
        &mut self,
        info: &TensorInfo,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, ImportError> {
        let element = info.quant.row_bytes(info.columns()) / info.columns();
        self.read(info, first * element, count * element)
    }

    fn read(
        &mut self,
        info: &TensorInfo,
        from: usize,
        length: usize,
    ) -> Result<Vec<f32>, ImportError> {
        let (path, file) = &mut self.files[info.file];
        let mut bytes = vec![0; length];
        let mut read = || {
            file.seek(SeekFrom::Start(info.offset + from as u64))?;
            file.read_exact(&mut bytes)
        };
        read().map_err(|source| ImportError::Source {
            path: path.clone(),
            source,
        })?;
        let mut values = Vec::new();
        info.quant.dequantise(&bytes, &mut values);
        Ok(values)
    }
}

fn open(path: &Path) -> Result<(PathBuf, BufReader<File>), ImportError> {
    let opened = opened::regular(path);
    let failed = |source: io::Error| ImportError::Source {
        path: path.to_owned(),
        source,
    };
    Ok((
        path.to_owned(),
        BufReader::with_capacity(1 << 20, opened.map_err(failed)?),
    ))
}

/// The name of another file of the same model.
fn sibling(first: &Path, number: usize, count: usize) -> Option<PathBuf> {
    let name = first.file_name()?.to_str()?;
    let stem = name.strip_suffix(&format!("-00001-of-{count:05}.gguf"))?;
    Some(first.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_the_files() {
        let name = |first: &str| sibling(Path::new(first), 3, 12);
        assert_eq!(
            name("a/b-00001-of-00012.gguf"),
            Some(PathBuf::from("a/b-00003-of-00012.gguf"))
        );
        assert_eq!(
            (name("a/b-00002-of-00012.gguf"), name("a/b.gguf")),
            (None, None)
        );
    }
}
