//! Errors of building or comparing revisions. Each message is one whole sentence and includes the
//! way out.

use std::path::PathBuf;

/// A revision does not exist, cannot be built, or is the same as another.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The workspace is in no repository.
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
        /// The name.
        name: String,
        /// The repository.
        top: PathBuf,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// A shallow clone may lack the revision.
    #[error(
        "there is no revision `{name}` in this shallow clone; fetch it with `git fetch --unshallow`, \
         or check out with the whole history (GitHub Actions: `fetch-depth: 0`)"
    )]
    Shallow {
        /// The name.
        name: String,
    },
    /// A name that would be ambiguous in a list of variants.
    #[error("`{name}` cannot be the name of a revision here: give its branch, tag or commit")]
    Misnamed {
        /// The name.
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
    /// Two commits without a difference in any source that is built.
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
    /// Two variants of different sources that are the same program.
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
    /// A branch has moved since it was built.
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
    /// A file of Cargo settings that no revision has.
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
    /// A path dependency outside the repository.
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
    /// A revision where a recipe is expected.
    #[error(
        "`{variant}` is built by two flags: coordinator build --ref {revision} --variants {recipe}"
    )]
    InVariants {
        /// The argument.
        variant: String,
        /// Its recipe.
        recipe: String,
        /// Its revision.
        revision: String,
    },
}
