//! What can keep a revision from being built or compared. Each message is one whole sentence with
//! the way out in it.

use std::path::PathBuf;

/// A revision that is not there, cannot be built as it is, or is no other than another one.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The workspace lies in no repository.
    #[error(
        "{} is in no git repository, so that there are no revisions of it; build without --ref, or \
         in a clone", path.display()
    )]
    NoRepository {
        /// The workspace.
        path: PathBuf,
    },
    /// git knows no such revision.
    #[error(
        "there is no revision `{name}` in {}{}; `git branch --all` and `git tag` list what there is",
        top.display(),
        nearest.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The repository.
        top: PathBuf,
        /// What it may have meant.
        nearest: Option<String>,
    },
    /// It may be there, but not in this clone.
    #[error(
        "there is no revision `{name}` in this shallow clone; fetch it with `git fetch --unshallow`, \
         or check out with the whole history (GitHub Actions: `fetch-depth: 0`)"
    )]
    Shallow {
        /// What was asked for.
        name: String,
    },
    /// A name that could not be told apart in a list of variants.
    #[error("`{name}` cannot be the name of a revision here: give its branch, tag or commit")]
    Misnamed {
        /// What was asked for.
        name: String,
    },
    /// Two names of one commit.
    #[error(
        "`{one}` and `{other}` are the same code: both are commit {commit}; name two commits, or \
         compare a build with itself: coordinator run --variants baseline --a-a"
    )]
    SameCommit {
        /// The first name.
        one: String,
        /// The second name.
        other: String,
        /// The commit, short.
        commit: String,
    },
    /// Two commits between which nothing changes that is built.
    #[error(
        "`{one}` and `{other}` are the same code: no source of the package `{package}` differs \
         between them, so there is nothing to compare"
    )]
    SameSources {
        /// The first name.
        one: String,
        /// The second name.
        other: String,
        /// The package.
        package: String,
    },
    /// Two variants of different sources that are one program.
    #[error(
        "the variants `{one}` and `{other}` are the same code (.text {text}) and have the same \
         constants: what differs between their sources does not reach the program, so there is \
         nothing to compare"
    )]
    SameProgram {
        /// The first variant.
        one: String,
        /// The second variant.
        other: String,
        /// SHA-256 of both `.text` sections.
        text: String,
    },
    /// A branch went on since it was built.
    #[error(
        "`{name}` was built at commit {built} and is commit {now} now: coordinator build --ref {name}"
    )]
    Moved {
        /// The revision.
        name: String,
        /// Its commit when it was built, short.
        built: String,
        /// Its commit now, short.
        now: String,
    },
    /// The revision lacks the directory that is built.
    #[error(
        "the revision `{name}` has no directory {}; name the workspace that it has with \
         --manifest-path", path.display()
    )]
    NoDirectory {
        /// The revision.
        name: String,
        /// Relative to the repository.
        path: PathBuf,
    },
    /// A checkout has no files of submodules.
    #[error(
        "the revision `{name}` has submodules, whose files are not in its checkout; build each \
         revision in a clone of its own (`git clone --recurse-submodules`) and compare the runs: \
         coordinator compare NEW --against OLD"
    )]
    Submodules {
        /// The revision.
        name: String,
    },
    /// Cargo's settings in a file that no revision has.
    #[error(
        "{} is not in git, so that revisions would be built without it; commit it, or move what it \
         says to the environment or to the configuration in CARGO_HOME", path.display()
    )]
    SettingsNotInGit {
        /// The file.
        path: PathBuf,
    },
    /// Dependencies in a directory that the revision lacks.
    #[error(
        "the revision `{name}` takes its dependencies from the directory {}, which is not in git; \
         commit it, or remove the source replacement from .cargo/config.toml", path.display()
    )]
    VendorNotInGit {
        /// The revision.
        name: String,
        /// The directory, relative to the repository.
        path: PathBuf,
    },
    /// A dependency by path that no checkout has.
    #[error(
        "a dependency lies outside of the repository, in {}, so that a checkout of the revision \
         `{name}` cannot be built; bring it into the repository, or depend on it by git",
        path.display()
    )]
    DependencyOutside {
        /// The revision.
        name: String,
        /// Its directory.
        path: PathBuf,
    },
    /// A revision among the names of recipes.
    #[error(
        "`{variant}` is built by two flags: coordinator build --ref {revision} --variants {recipe}"
    )]
    InVariants {
        /// What was asked for.
        variant: String,
        /// Its recipe.
        recipe: String,
        /// Its revision.
        revision: String,
    },
}
