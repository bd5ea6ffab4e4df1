//! The compiler that builds the variants, and the `llvm-profdata` that reads its profiles. Owns
//! discovery and the refusal of a mismatch; must not know variants.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::profdata::Profdata;
use super::{BuildError, tool};

/// The command that installs a compiler.
const RUSTUP: &str = "install Rust with rustup (https://rustup.rs)";

/// The programs that build and merge, found for one workspace.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: Rustc,
    /// Cargo's version line.
    pub cargo: String,
    /// The profile tool that reads this compiler's profiles.
    pub profdata: Profdata,
}

/// Output of `rustc -vV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// First line: release, commit and date.
    pub version: String,
    /// Target triple of this machine.
    pub host: String,
    /// LLVM version, such as `22.1.2`.
    pub llvm: String,
    /// Directory of the target's libraries; the matching LLVM tools are next to it.
    pub target_libdir: PathBuf,
}

impl Toolchain {
    /// Finds cargo, rustc and a matching `llvm-profdata` for the workspace at `root`.
    ///
    /// # Errors
    /// When one of them is missing; the message has the command that installs it.
    pub fn discover(root: &Path) -> Result<Self, BuildError> {
        let rustc = Rustc::discover(root)?;
        let cargo = cargo_version(root)?;
        let profdata = Profdata::discover(root, &rustc)?;
        Ok(Self {
            rustc,
            cargo,
            profdata,
        })
    }
}

impl Rustc {
    /// Queries the compiler that the workspace at `root` uses.
    ///
    /// # Errors
    /// When there is none, or its output has no host or LLVM version.
    pub fn discover(root: &Path) -> Result<Self, BuildError> {
        let verbose = tool::stdout(Command::new("rustc").arg("-vV").current_dir(root), RUSTUP)?;
        let libdir = tool::stdout(
            Command::new("rustc")
                .args(["--print", "target-libdir"])
                .current_dir(root),
            RUSTUP,
        )?;
        Self::parse(&verbose, Path::new(libdir.trim())).ok_or_else(|| BuildError::ToolFailed {
            program: "rustc -vV".to_owned(),
            status: "no host or LLVM version in its answer".to_owned(),
            stderr: verbose,
        })
    }

    /// Major version of the compiler's LLVM.
    #[must_use]
    pub fn llvm_major(&self) -> u32 {
        major(&self.llvm).unwrap_or(0)
    }

    fn parse(verbose: &str, target_libdir: &Path) -> Option<Self> {
        let value = |key: &str| {
            verbose
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .map(str::trim)
        };
        let llvm = value("LLVM version:")?;
        major(llvm)?;
        Some(Self {
            version: verbose.lines().next()?.to_owned(),
            host: value("host:")?.to_owned(),
            llvm: llvm.to_owned(),
            target_libdir: target_libdir.to_owned(),
        })
    }
}

/// Cargo's version line.
///
/// # Errors
/// When cargo is missing.
pub fn cargo_version(root: &Path) -> Result<String, BuildError> {
    let version = tool::stdout(Command::new("cargo").arg("-V").current_dir(root), RUSTUP)?;
    Ok(version.trim().to_owned())
}

/// The number before the first dot.
pub(super) fn major(version: &str) -> Option<u32> {
    version.trim().split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_text_gives_host_and_llvm_or_nothing() {
        let text = "rustc 1.95.0 (abc 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n";
        let rustc = Rustc::parse(text, Path::new("/lib")).expect("complete answer");
        assert_eq!(
            (rustc.host.as_str(), rustc.llvm_major()),
            ("x86_64-unknown-linux-gnu", 22)
        );
        assert_eq!(
            Rustc::parse(
                &text.replace("LLVM version: 22.1.2\n", ""),
                Path::new("/lib")
            ),
            None
        );
        assert_eq!(
            Rustc::parse(&text.replace("22.1.2", "unknown"), Path::new("/lib")),
            None
        );
    }
}
