//! Quotes words of commands for a POSIX shell, for users to paste. Must not know the commands.

use std::path::PathBuf;

/// The word for any Bourne-family shell: bare if no character is special, otherwise in single
/// quotes.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// The word in single quotes, whatever it contains.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Paths as words of one command.
#[must_use]
pub fn words(paths: &[PathBuf]) -> String {
    let quoted: Vec<String> = paths
        .iter()
        .map(|path| word(&path.display().to_string()))
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_words_as_they_are() {
        for text in [
            "",
            "a b",
            "it's $HOME; `x` \"y\" *",
            "~/x",
            "-n",
            "a\nb",
            "{a,b}",
            "!x",
            "#",
            "plain/path.1",
        ] {
            for written in [word(text), quoted(text)] {
                let line = format!("printf %s {written}");
                let output = std::process::Command::new("sh")
                    .args(["-c", &line])
                    .output()
                    .expect("there is a shell");
                assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{line}");
            }
        }
    }

    #[test]
    fn what_needs_no_quotes_has_none() {
        assert_eq!(
            (word("/var/lib/store-1"), word("/my store")),
            ("/var/lib/store-1".into(), "'/my store'".into())
        );
    }
}
