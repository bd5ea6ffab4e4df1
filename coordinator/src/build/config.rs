//! Cargo's configuration files: where they are, what they contain, and how a setting is refused.
//! Must not know what a setting is used for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::BuildError;

/// Tables of the configuration that can change code.
const RECORDED: [&str; 6] = ["profile", "target", "env", "build", "patch", "unstable"];
/// Keys of `build` that change no code, or are handled elsewhere.
const BESIDE: [&str; 10] = [
    "rustflags",
    "rustc-wrapper",
    "target",
    "jobs",
    "target-dir",
    "build-dir",
    "rustc",
    "rustc-workspace-wrapper",
    "rustdocflags",
    "warnings",
];

/// Refuses Cargo settings in the directory of the request, or between it and the workspace: Cargo
/// would read them there, but builds run in the workspace's own directory.
pub(super) fn check_below(asked: &Path, root: &Path) -> Result<(), BuildError> {
    for folder in asked.ancestors().take_while(|folder| *folder != root) {
        // If the workspace is not above it, there is no such directory.
        if !folder.starts_with(root) {
            break;
        }
        for name in ["config.toml", "config"] {
            let path = folder.join(".cargo").join(name);
            refuse_if(
                path.is_file(),
                &path.display().to_string(),
                "move its settings to .cargo/config.toml of the workspace's directory",
            )?;
        }
    }
    Ok(())
}

/// One configuration file.
pub(super) struct Config {
    pub(super) path: PathBuf,
    table: Table,
}

impl Config {
    fn read(path: PathBuf) -> Result<Option<Self>, BuildError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BuildError::Io { path, source }),
        };
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            refused(
                &path.display().to_string(),
                &format!("Cargo's configuration cannot be read: {}", error.message()),
            )
        })?;
        refuse_if(
            table.contains_key("include"),
            &format!("`include` in {}", path.display()),
            "write the settings into the file itself",
        )?;
        Ok(Some(Self { path, table }))
    }

    pub(super) fn build(&self, key: &str) -> Option<&Value> {
        self.table.get("build")?.get(key)
    }

    /// Its flags for a target. Conditional flags (`cfg`) cannot be evaluated here and are refused.
    pub(super) fn target_flags(&self, triple: &str) -> Result<Vec<String>, BuildError> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let mut flags = Vec::new();
        for (target, value) in targets.into_iter().flatten() {
            let Some(given) = value.get("rustflags") else {
                continue;
            };
            refuse_if(
                target.starts_with("cfg("),
                &format!("target.'{target}'.rustflags in {}", self.path.display()),
                "give the flags in RUSTFLAGS, or under the target's own name",
            )?;
            if target == triple {
                flags.extend(words(given));
            }
        }
        Ok(flags)
    }

    /// The settings that can change code, one by one.
    pub(super) fn settings(&self) -> Vec<String> {
        let mut all = Vec::new();
        for name in RECORDED {
            if let Some(value) = self.table.get(name) {
                leaves(name, value, &mut all);
            }
        }
        all
    }
}

/// The files that Cargo reads, lowest priority first.
pub(super) fn configs(
    root: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<Config>, BuildError> {
    let home = variables.get("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(variables.get("HOME")?).join(".cargo")));
    let mut folders: Vec<PathBuf> = root
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .collect();
    folders.extend(home.filter(|home| !folders.contains(home)));
    let mut configs = Vec::new();
    for folder in folders.iter().rev() {
        // If both exist, Cargo reads the one without an extension.
        let config = match Config::read(folder.join("config"))? {
            Some(config) => Some(config),
            None => Config::read(folder.join("config.toml"))?,
        };
        configs.extend(config);
    }
    Ok(configs)
}

/// A list, or a string split at spaces.
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn leaves(at: &str, value: &Value, all: &mut Vec<String>) {
    let Value::Table(table) = value else {
        all.push(format!("{at} = {value}"));
        return;
    };
    for (key, value) in table {
        let beside = at == "build" && BESIDE.contains(&key.as_str());
        // Flags and test runners are not settings of the code.
        let told = at.starts_with("target.") && matches!(key.as_str(), "rustflags" | "runner");
        if !beside && !told {
            leaves(&format!("{at}.{key}"), value, all);
        }
    }
}

pub(super) fn refuse_if(is: bool, setting: &str, way_out: &str) -> Result<(), BuildError> {
    if is {
        Err(refused(setting, way_out))
    } else {
        Ok(())
    }
}

pub(super) fn refused(setting: &str, way_out: &str) -> BuildError {
    BuildError::SettingRefused {
        setting: setting.to_owned(),
        way_out: way_out.to_owned(),
    }
}
