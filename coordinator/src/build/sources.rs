//! The source files of a binary and their hashes: the basis for deciding that nothing changed. The
//! list is the compiler's own dep-info, so it is exact; manifests and the lock file are added. Must
//! not know flags.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{BuildError, digest, git};

/// Files besides those the compiler lists, relative to the workspace.
const ALSO: [&str; 5] = [
    "Cargo.lock",
    "rust-toolchain.toml",
    "rust-toolchain",
    ".cargo/config.toml",
    ".cargo/config",
];

/// Stands for the hash of a missing file.
const ABSENT: &str = "absent";

/// All files that a build read, with their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Digest over all files: equal digests, equal sources.
    pub digest: String,
    /// The files, sorted by path.
    pub files: Vec<SourceFile>,
}

/// One file (or directory that a build script watches).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// Relative to the workspace if it is inside the workspace or its repository, so that it does
    /// not depend on the location of the checkout.
    pub path: PathBuf,
    /// SHA-256 of its bytes; for a directory, of the names and bytes of all files below.
    pub sha256: String,
}

/// State of the sources in version control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Full commit hash.
    pub sha: String,
    /// Whether a source differs from that commit.
    pub dirty: bool,
}

impl Sources {
    /// The source files of the binary whose dep-info is at `dep_info`. Files below `made` were made
    /// by the build itself (generated code, the profile) and are not sources; neither are git's own
    /// files. `top` is the repository's directory, if there is one.
    pub(super) fn of_build(
        root: &Path,
        top: Option<&Path>,
        dep_info: &Path,
        made: &Path,
    ) -> Result<Self, BuildError> {
        let text = contract::files::read_text(dep_info, contract::files::TEXT)
            .map_err(BuildError::io(dep_info))?;
        let mut paths: BTreeSet<PathBuf> = ALSO.iter().map(PathBuf::from).collect();
        let is_source =
            |path: &PathBuf| !path.starts_with(made) && !path.iter().any(|part| part == ".git");
        let listed = parse_dep_info(&text).into_iter();
        for path in listed.map(|path| straight(&path)).filter(is_source) {
            let relative = name_of(root, top, &path);
            paths.extend(manifests_above(root, &relative));
            paths.insert(relative);
        }
        Self::of_files(root, paths)
    }

    /// The same files with their current hashes.
    pub(super) fn now(&self, root: &Path) -> Result<Self, BuildError> {
        Self::of_files(root, self.files.iter().map(|file| file.path.clone()))
    }

    /// A file that was modified after `since`. Cargo itself may write the lock file.
    pub(super) fn modified_since(&self, root: &Path, since: SystemTime) -> Option<PathBuf> {
        let modified = |path: &Path| {
            fs::metadata(root.join(path))
                .and_then(|facts| facts.modified())
                .ok()
        };
        let paths = self
            .files
            .iter()
            .map(|file| &file.path)
            .filter(|path| !path.ends_with("Cargo.lock"));
        paths
            .filter(|path| modified(path).is_some_and(|at| at > since))
            .min()
            .cloned()
    }

    /// Files that differ from `other`, or exist in only one of them.
    #[must_use]
    pub fn changed_from(&self, other: &Self) -> Vec<PathBuf> {
        let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
            (self.files.iter().collect(), other.files.iter().collect());
        let changed: BTreeSet<_> = ours
            .symmetric_difference(&theirs)
            .map(|file| file.path.clone())
            .collect();
        changed.into_iter().collect()
    }

    fn of_files(root: &Path, paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, BuildError> {
        let mut files = Vec::new();
        for path in paths {
            files.push(SourceFile {
                sha256: hash_of(&root.join(&path))?,
                path,
            });
        }
        files.sort();
        let fields = files
            .iter()
            .fold(digest::Fields::new("sources"), |fields, file| {
                fields.field(&file.path.to_string_lossy(), &file.sha256)
            });
        Ok(Self {
            digest: fields.hex(),
            files,
        })
    }
}

impl GitState {
    /// The commit and whether `sources` differ from it; `None` outside a git checkout.
    pub(super) fn of(root: &Path, top: Option<&Path>, sources: &Sources) -> Option<Self> {
        let top = top?;
        let sha = git::said(root, &["rev-parse", "HEAD"])?;
        let status = [
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
        ];
        let status = git::said(root, &status)?;
        let changed: BTreeSet<PathBuf> = changed_paths(&status)
            .map(|path| name_of(root, Some(top), &top.join(path)))
            .collect();
        let dirty = sources
            .files
            .iter()
            .any(|file| changed.contains(&file.path));
        Some(Self {
            sha: sha.trim().to_owned(),
            dirty,
        })
    }
}

impl fmt::Display for GitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.sha, if self.dirty { "-dirty" } else { "" })
    }
}

/// The path without `..` components, as `include_str!` produces them.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        let turns_back = part == Component::ParentDir;
        let leaves = matches!(
            straight.components().next_back(),
            Some(Component::Normal(_))
        );
        if !(turns_back && leaves && straight.pop()) {
            straight.push(part);
        }
    }
    straight
}

/// The name of a file, independent of the location of the checkout: relative to the workspace, with
/// `..` within its repository. Other files keep their absolute path.
fn name_of(root: &Path, top: Option<&Path>, path: &Path) -> PathBuf {
    if let Ok(below) = path.strip_prefix(root) {
        return below.to_owned();
    }
    if !top.is_some_and(|top| path.starts_with(top)) {
        return path.to_owned();
    }
    let mut up = PathBuf::new();
    for above in root.ancestors().skip(1) {
        up.push("..");
        if let Ok(below) = path.strip_prefix(above) {
            return up.join(below);
        }
    }
    path.to_owned()
}

/// Paths below the repository's directory in the output of `git status --porcelain -z
/// --no-renames`: each entry has two letters, a space and an unquoted name.
fn changed_paths(status: &str) -> impl Iterator<Item = &str> {
    status.split('\0').filter_map(|entry| entry.get(3..))
}

/// `output: one two\ three`, as Cargo writes it.
fn parse_dep_info(text: &str) -> Vec<PathBuf> {
    let Some((_, list)) = text.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let escaped = list.replace("\\ ", "\0");
    escaped
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| PathBuf::from(word.replace('\0', " ")))
        .collect()
}

/// Every `Cargo.toml` from the file's directory up to the workspace, each with the build script
/// that Cargo would use beside it, even if it does not exist.
fn manifests_above(root: &Path, file: &Path) -> Vec<PathBuf> {
    if file.is_absolute() {
        return Vec::new();
    }
    let folders = file.ancestors().skip(1);
    folders
        .filter(|folder| root.join(folder).join("Cargo.toml").is_file())
        .flat_map(|folder| ["Cargo.toml", "build.rs"].map(|name| folder.join(name)))
        .collect()
}

fn hash_of(path: &Path) -> Result<String, BuildError> {
    if path.is_dir() {
        return hash_of_dir(path);
    }
    match digest::file(path) {
        Err(BuildError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(ABSENT.to_owned())
        }
        other => other,
    }
}

fn hash_of_dir(dir: &Path) -> Result<String, BuildError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(BuildError::io(dir))? {
        entries.push(entry.map_err(BuildError::io(dir))?.path());
    }
    entries.sort();
    let mut fields = digest::Fields::new("directory");
    for entry in entries {
        // Relative, because the same directory in another checkout is the same source.
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        fields = fields.field(&name, &hash_of(&entry)?);
    }
    Ok(fields.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_keeps_blanks_inside_names() {
        let paths = parse_dep_info("/t/app: /w/src/main.rs /w/a\\ b.rs\n");
        assert_eq!(
            paths,
            [PathBuf::from("/w/src/main.rs"), PathBuf::from("/w/a b.rs")]
        );
        assert!(parse_dep_info("").is_empty());
    }

    #[test]
    fn git_names_with_blanks_arrows_and_letters_beyond_ascii_are_read_whole() {
        let status = " M a b.rs\0?? sub/ä -> x.rs\0D  sub/old.rs\0";
        let expected = ["a b.rs", "sub/ä -> x.rs", "sub/old.rs"];
        assert!(changed_paths(status).eq(expected));
        assert_eq!(changed_paths("").count(), 0);
    }

    #[test]
    fn paths_are_straightened_as_far_as_they_can_be() {
        for (path, expected) in [
            ("/w/app/src/../../shared/x", "/w/shared/x"),
            ("../up/a/../b", "../up/b"),
            ("/w/./a", "/w/a"),
        ] {
            assert_eq!(straight(Path::new(path)), Path::new(expected));
        }
    }

    #[test]
    fn a_name_depends_on_the_repository_and_not_on_where_it_lies() {
        let name = |top: &str, path: &str| {
            let root = Path::new("/w/repo/rust");
            name_of(root, Some(Path::new(top)), Path::new(path))
                .display()
                .to_string()
        };
        assert_eq!(name("/w/repo", "/w/repo/rust/src/a.rs"), "src/a.rs");
        assert_eq!(name("/w/repo", "/w/repo/proto/x.proto"), "../proto/x.proto");
        assert_eq!(
            name("/w/repo", "/w/other/x.rs"),
            "/w/other/x.rs",
            "counter-check"
        );
        assert_eq!(
            name_of(Path::new("/w/a"), None, Path::new("/w/b")),
            Path::new("/w/b")
        );
    }

    #[test]
    fn a_directory_is_known_by_what_is_in_it_and_not_by_where_it_lies() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (place, text) in [("one", "a"), ("two", "a"), ("other", "b")] {
            let folder = dir.path().join(place).join("proto/v1");
            fs::create_dir_all(&folder).expect("folder");
            fs::write(folder.join("x.proto"), text).expect("file");
        }
        let hash = |place: &str| hash_of(&dir.path().join(place).join("proto")).expect("a hash");
        assert_eq!(hash("one"), hash("two"));
        assert_ne!(hash("one"), hash("other"), "counter-check: other bytes");
        fs::rename(
            dir.path().join("two/proto/v1/x.proto"),
            dir.path().join("two/proto/v1/y.proto"),
        )
        .expect("moved");
        assert_ne!(hash("one"), hash("two"), "another name");
    }

    #[test]
    fn a_changed_file_changes_the_digest_and_is_named() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(dir.path().join("src")).expect("folder");
        for name in ["Cargo.toml", "src/main.rs"] {
            fs::write(dir.path().join(name), name).expect("file");
        }
        let info = dir.path().join("app.d");
        fs::write(
            &info,
            format!("app: {}\n", dir.path().join("src/main.rs").display()),
        )
        .expect("dep-info");
        let before =
            Sources::of_build(dir.path(), None, &info, Path::new("/nowhere")).expect("sources");
        assert_eq!(before.now(dir.path()).expect("sources"), before);
        fs::write(dir.path().join("Cargo.toml"), "other").expect("file");
        let after = before.now(dir.path()).expect("sources");
        assert_ne!(after.digest, before.digest);
        assert_eq!(after.changed_from(&before), [PathBuf::from("Cargo.toml")]);
    }
}
