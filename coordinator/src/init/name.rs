//! Names of packages: what Cargo accepts and what the templates can hold. Must not know files.

use std::fmt;
use std::str::FromStr;

/// The names that the templates use: of the package, and of its library.
const PACKAGE: &str = "my-engine";
const LIBRARY: &str = "my_engine";

/// Names that Cargo, Rust or the project itself already use.
const TAKEN: &str = "abstract alloc as async await become box break build const continue core crate deps do \
    dyn else enum examples extern false final fn for gen if impl in incremental let loop \
    macro match mod model move mut override priv proc_macro pub ref return schemars self \
    serde serde_json static std struct super test trait true try type typeof unsafe unsized \
    use virtual where while worker yield";
/// Cargo has no limit except that of file names.
const LONGEST: usize = 64;

/// The name of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It contains characters that Cargo does not accept.
    #[error(
        "name a package `{0}`: begin with a letter and use lower-case letters, digits, - and _, at most \
         {LONGEST} of them; give one with --name"
    )]
    Letters(String),
    /// It has another meaning already.
    #[error(
        "name a package `{0}`: the name means something else to Cargo, Rust or the project; give another with --name"
    )]
    Taken(String),
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || text.len() > LONGEST || !text.chars().all(fits) {
            return Err(NameError::Letters(text.to_owned()));
        }
        let library = text.replace('-', "_");
        if TAKEN.split(' ').any(|taken| taken == library) {
            return Err(NameError::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// The template with this name instead of its own.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace(PACKAGE, &self.0)
            .replace(LIBRARY, &self.0.replace('-', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_takes_are_taken_and_others_are_refused() {
        for good in ["a", "my-engine", "llama_2", "x86-kernels"] {
            assert_eq!(
                good.parse::<Name>().map(|name| name.to_string()),
                Ok(good.to_owned())
            );
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in ["", "2x", "Mine", "a b", "a/b", "é", "-a", "a\"", &long] {
            assert_eq!(bad.parse::<Name>(), Err(NameError::Letters(bad.to_owned())));
        }
        for taken in ["worker", "serde-json", "test", "self", "proc-macro"] {
            assert_eq!(
                taken.parse::<Name>(),
                Err(NameError::Taken(taken.to_owned()))
            );
        }
    }

    #[test]
    fn a_template_gets_the_name_in_both_spellings() {
        let name: Name = "an-other".parse().expect("a name");
        assert_eq!(
            name.fill("name = \"my-engine\"; my_engine::ENGINE; MyEngine"),
            "name = \"an-other\"; an_other::ENGINE; MyEngine"
        );
    }
}
