//! Finds the files of a model. The rule is that of transformers: `model.safetensors` takes
//! precedence over an index, an index decides which file contains a tensor, and files that neither
//! names are ignored. Numbered files without an index are used if all exist. Must not read weights.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::LoadError;
use crate::json::{self, JsonError};

const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";

/// Weight files and, if there is an index, the file of each tensor.
type Found = (Vec<PathBuf>, Option<BTreeMap<String, usize>>);

/// Other formats of weights or tokenizers that users may have, and what to do about each.
const OTHER_FORMS: [(&str, &str, &str); 8] = [
    (
        "consolidated.safetensors",
        SINGLE,
        "it has Mistral's own names; take the files of the same model for transformers",
    ),
    (
        "pytorch_model.bin",
        SINGLE,
        "load it with transformers and save it again, which writes safetensors",
    ),
    (
        "pytorch_model.bin.index.json",
        SINGLE,
        "load it with transformers and save it again, which writes safetensors",
    ),
    (
        "adapter_model.safetensors",
        SINGLE,
        "it is an adapter; merge it into its base model (merge_and_unload) and save that",
    ),
    (
        "tf_model.h5",
        SINGLE,
        "load it with transformers and save it again, which writes safetensors",
    ),
    (
        "flax_model.msgpack",
        SINGLE,
        "load it with transformers and save it again, which writes safetensors",
    ),
    (
        "tokenizer.model",
        "tokenizer.json",
        "load it with transformers' AutoTokenizer and save it again, which writes tokenizer.json",
    ),
    (
        "vocab.json",
        "tokenizer.json",
        "load it with transformers' AutoTokenizer and save it again, which writes tokenizer.json",
    ),
];

/// The directory part of a path; `.` for a bare file name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Fails if a path is a link whose target does not exist.
pub(super) fn dangling(path: &Path) -> Result<(), LoadError> {
    match std::fs::read_link(path) {
        Ok(target) if !path.exists() => Err(LoadError::DanglingLink {
            path: path.to_owned(),
            target,
        }),
        _ => Ok(()),
    }
}

/// A required file of a folder.
pub(super) fn present(folder: &Path, file: &str) -> Result<PathBuf, LoadError> {
    let path = folder.join(file);
    dangling(&path)?;
    match path.is_file() {
        true => Ok(path),
        false => Err(LoadError::FileMissing {
            folder: folder.to_owned(),
            file: file.to_owned(),
        }),
    }
}

/// `tokenizer.json`.
pub(super) fn tokenizer(folder: &Path) -> Result<PathBuf, LoadError> {
    present(folder, "tokenizer.json").map_err(|error| other_form(folder, "tokenizer.json", error))
}

/// The weights of the model at a path in a folder.
pub(super) fn weights(path: &Path, folder: &Path) -> Result<Found, LoadError> {
    if path.is_dir() {
        return in_folder(folder);
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    if name.ends_with(".index.json") {
        return shards(path, folder);
    }
    if !name.ends_with(".safetensors") {
        return Err(LoadError::NotAModel {
            path: path.to_owned(),
        });
    }
    let index = folder.join(INDEX);
    if name != SINGLE && index.is_file() {
        let all = shards(&index, folder)?;
        if all
            .0
            .iter()
            .any(|shard| shard.file_name() == path.file_name())
        {
            return Ok(all);
        }
    }
    match numbered(folder)? {
        Some(all)
            if name != SINGLE
                && all
                    .iter()
                    .any(|shard| shard.file_name() == path.file_name()) =>
        {
            Ok((all, None))
        }
        _ => Ok((vec![path.to_owned()], None)),
    }
}

fn in_folder(folder: &Path) -> Result<Found, LoadError> {
    let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
    dangling(&single)?;
    dangling(&index)?;
    if single.is_file() {
        return Ok((vec![single], None));
    }
    if index.is_file() {
        return shards(&index, folder);
    }
    if let Some(all) = numbered(folder)? {
        return Ok((all, None));
    }
    let missing = LoadError::FileMissing {
        folder: folder.to_owned(),
        file: SINGLE.to_owned(),
    };
    Err(other_form(folder, SINGLE, missing))
}

/// The files `model-00001-of-0000N.safetensors` of a folder without an index, if there are any.
fn numbered(folder: &Path) -> Result<Option<Vec<PathBuf>>, LoadError> {
    let io = |source| LoadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut counts = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        counts.extend(name.to_str().and_then(count_of));
    }
    let Some(&count) = counts.last() else {
        return Ok(None);
    };
    let names: Vec<String> = (1..=count)
        .map(|n| format!("model-{n:05}-of-{count:05}.safetensors"))
        .collect();
    let there = |name: &&String| folder.join(name).is_file();
    match names.iter().find(|name| !there(name)) {
        None => Ok(Some(names.iter().map(|name| folder.join(name)).collect())),
        Some(missing) => Err(LoadError::ShardMissing {
            folder: folder.to_owned(),
            found: names.iter().filter(there).count(),
            count,
            missing: missing.clone(),
        }),
    }
}

/// N of `model-00001-of-0000N.safetensors`.
fn count_of(name: &str) -> Option<usize> {
    let rest = name.strip_prefix("model-")?.strip_suffix(".safetensors")?;
    let (number, count) = rest.split_once("-of-")?;
    let whole = |digits: &str| digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit());
    (whole(number) && whole(count))
        .then(|| count.parse().ok())
        .flatten()
        .filter(|&count| count > 0)
}

fn shards(index: &Path, folder: &Path) -> Result<Found, LoadError> {
    let syntax = |reason: &str| LoadError::NotJson {
        path: index.to_owned(),
        source: JsonError::Syntax {
            reason: reason.to_owned(),
        },
    };
    let parsed = json::read(index)?;
    let map = parsed
        .get("weight_map")
        .and_then(Value::as_object)
        .filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| syntax("weight_map names no file"))?;
    let placed = map
        .iter()
        .map(|(tensor, file)| Some((tensor.clone(), file.as_str()?)));
    let placed: BTreeMap<String, &str> = placed
        .collect::<Option<_>>()
        .ok_or_else(|| syntax("weight_map names a file that is no text"))?;
    let names: BTreeSet<&str> = placed.values().copied().collect();
    let files = names
        .iter()
        .map(|name| present(folder, name))
        .collect::<Result<_, _>>()?;
    let number: BTreeMap<&str, usize> = names.into_iter().zip(0..).collect();
    Ok((
        files,
        Some(
            placed
                .into_iter()
                .map(|(tensor, file)| (tensor, number[file]))
                .collect(),
        ),
    ))
}

/// The same error, or that the model exists in another format.
fn other_form(folder: &Path, file: &'static str, missing: LoadError) -> LoadError {
    let there =
        |&&(found, wanted, _): &&(&str, &str, &str)| wanted == file && folder.join(found).exists();
    match OTHER_FORMS.iter().find(there) {
        Some(&(found, file, way_out)) if matches!(missing, LoadError::FileMissing { .. }) => {
            LoadError::OtherForm {
                folder: folder.to_owned(),
                found: found.to_owned(),
                file,
                way_out,
            }
        }
        _ => missing,
    }
}
