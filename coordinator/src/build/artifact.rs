//! One built binary: its bytes, its SHA-256 and the SHA-256 of its code. Owns the copy from Cargo's
//! target directory to the directory of variants; must not know flags or profiles.

use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};
use serde::{Deserialize, Serialize};

use super::{BuildError, digest};

/// A built binary, as recorded in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Path, relative to the manifest's directory.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the `.text` section alone: equal code has equal values.
    pub text_sha256: String,
    /// SHA-256 of its constants, the `.rodata` and `.data` sections; absent in older manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
}

impl Artifact {
    /// Copies `built` to `dir/relative` atomically and records it.
    ///
    /// # Errors
    /// When the file cannot be copied or is not an ELF program.
    pub(super) fn install(built: &Path, dir: &Path, relative: &Path) -> Result<Self, BuildError> {
        let place = dir.join(relative);
        let folder = place.parent().expect("a binary is always inside a folder");
        fs::create_dir_all(folder).map_err(BuildError::io(folder))?;
        let text_sha256 = text_sha256(built)?;
        let data_sha256 = sections_sha256(built, &[".rodata", ".data"])?;
        // A copy, not a link, because Cargo overwrites its own output with the next variant.
        let fresh = place.with_extension("new");
        fs::copy(built, &fresh).map_err(BuildError::io(&fresh))?;
        fs::rename(&fresh, &place).map_err(BuildError::io(&place))?;
        let bytes = fs::metadata(&place).map_err(BuildError::io(&place))?.len();
        Ok(Self {
            path: relative.to_owned(),
            bytes,
            sha256: digest::file(&place)?,
            text_sha256,
            data_sha256: Some(data_sha256),
        })
    }
}

/// SHA-256 of the code of an ELF program: its `.text` section.
///
/// # Errors
/// When the file cannot be read or has no such section.
pub fn text_sha256(path: &Path) -> Result<String, BuildError> {
    sections_sha256(path, &[".text"])
}

/// SHA-256 of these sections in sequence; at least one must exist.
fn sections_sha256(path: &Path, names: &[&str]) -> Result<String, BuildError> {
    let no_text = |reason: String| BuildError::NoText {
        path: path.to_owned(),
        reason,
    };
    let data =
        contract::files::read(path, contract::files::PROGRAM).map_err(BuildError::io(path))?;
    let elf = object::File::parse(&*data).map_err(|e| no_text(e.to_string()))?;
    let sections: Vec<_> = names
        .iter()
        .filter_map(|name| elf.section_by_name(name))
        .collect();
    if sections.is_empty() {
        return Err(no_text("the section is missing".to_owned()));
    }
    let mut bytes = Vec::new();
    for section in sections {
        bytes.extend_from_slice(section.data().map_err(|e| no_text(e.to_string()))?);
    }
    Ok(digest::bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_program_has_code_and_a_text_file_has_none() {
        let own = std::env::current_exe().expect("own path");
        assert_eq!(text_sha256(&own).expect("code").len(), 64);
        let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(matches!(
            text_sha256(&other),
            Err(BuildError::NoText { .. })
        ));
    }
}
