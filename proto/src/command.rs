//! Identifies the program of a command by its bytes, those of the files among its arguments, its
//! arguments and its environment, wherever the files are. Coordinator and worker use the same
//! computation, so that both mean the same code. Reads files; must not start anything.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::Digest;

use crate::files;
use crate::identity::Sha256;
use crate::spec::{Command, Reach};

/// Arguments that are files up to this size are hashed by content, larger ones by name and size: a
/// script is code, while a model is not, and has its own digest.
const SCRIPT: u64 = 16 << 20;
/// Bytes of a script in which its first line is sought.
const HEAD: u64 = 256;

/// A command on this host, identified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Identifies program, arguments and environment.
    pub identity: Sha256,
    /// The program.
    pub program: PathBuf,
    /// Hash of the program's bytes; all zero for an address.
    pub program_sha256: Sha256,
    /// Programs that the process may turn out to run: the program, its interpreter if it is a
    /// script, or a program among the arguments.
    pub may_run: BTreeSet<Sha256>,
    /// The program is a script, which may run any other program in its place, as those of version
    /// managers do. That program is not identified.
    pub is_script: bool,
}

/// Why a command is not valid. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is empty.
    #[error("start a server: its command is empty; name a program in the plan")]
    Empty,
    /// There is no program of this name.
    #[error(
        "find the program `{program}`{}: {}", among(.directory), way_out(.program)
    )]
    NoProgram {
        /// As given.
        program: String,
        /// The directory to which relative paths refer.
        directory: String,
    },
    /// The program exists but cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn among(directory: &str) -> String {
    match directory {
        "" => String::new(),
        directory => format!(" from {directory}"),
    }
}

fn way_out(program: &str) -> &'static str {
    match program.contains('/') {
        true => {
            "there is no executable file of that name; correct `command` or `program` in the plan"
        }
        false => "no directory of PATH has it; install it, or give its path in the plan",
    }
}

/// Identifies the command of a server. `path` is the value of PATH.
///
/// # Errors
/// When there is no such program, or a file cannot be read.
pub fn identify(reach: &Reach, path: Option<&OsStr>) -> Result<Identified, CommandError> {
    match reach {
        Reach::Command(command) => of_command(command, path),
        Reach::Url(url) => Ok(Identified {
            identity: digest(["url", url]),
            program: PathBuf::new(),
            program_sha256: Sha256::default(),
            may_run: BTreeSet::new(),
            is_script: false,
        }),
    }
}

fn of_command(command: &Command, path: Option<&OsStr>) -> Result<Identified, CommandError> {
    let (name, arguments) = command.line.split_first().ok_or(CommandError::Empty)?;
    let path = command.env.get("PATH").map(OsStr::new).or(path);
    let directory = Path::new(&command.directory);
    let program = find(name, directory, path).ok_or_else(|| CommandError::NoProgram {
        program: name.clone(),
        directory: command.directory.clone(),
    })?;
    let program_sha256 = whole(&program)?;
    let mut may_run = BTreeSet::from([program_sha256]);
    let interpreter = interpreter(&program, path);
    let is_script = interpreter.is_some();
    if let Some(interpreter) = interpreter {
        may_run.insert(whole(&interpreter)?);
    }
    let mut words = vec![format!("program {program_sha256}")];
    for argument in arguments {
        let file = directory.join(argument);
        words.push(match size(&file) {
            Some(size) if size <= SCRIPT => {
                let sha256 = whole(&file)?;
                may_run.insert(sha256);
                format!("file {sha256}")
            }
            Some(size) => format!("file {argument} of {size} bytes"),
            None => format!("argument {argument}"),
        });
    }
    let env = command.env.iter();
    words.extend(env.map(|(name, value)| format!("variable {name}={value}")));
    Ok(Identified {
        identity: digest(words.iter().map(String::as_str)),
        program,
        program_sha256,
        may_run,
        is_script,
    })
}

/// Location of a program: relative to the directory if it contains a slash, else the first on PATH.
fn find(name: &str, directory: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let runs = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(directory.join(name)).filter(runs);
    }
    let places = path.into_iter().flat_map(std::env::split_paths);
    places
        .map(|place| directory.join(place).join(name))
        .find(runs)
}

/// A script's interpreter, from its first line: `#!/usr/bin/env NAME` is the NAME on PATH.
fn interpreter(program: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = files::open(program).ok()?;
    file.take(HEAD).read_to_end(&mut head).ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    let name = match first.ends_with("/env") {
        true => words.find(|word| !word.starts_with('-') && !word.contains('='))?,
        false => first,
    };
    find(name, Path::new("/"), path)
}

fn size(file: &Path) -> Option<u64> {
    let facts = file.metadata().ok()?;
    facts.is_file().then_some(facts.len())
}

fn whole(path: &Path) -> Result<Sha256, CommandError> {
    sha256(path).map_err(|source| CommandError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Hash of a file's contents.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> io::Result<Sha256> {
    let mut file = files::open(path)?;
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Sha256(hasher.finalize().into())),
            n => hasher.update(&chunk[..n]),
        }
    }
}

/// Hash over words, with separators so that no two lists of words give the same bytes.
fn digest<'a>(words: impl IntoIterator<Item = &'a str>) -> Sha256 {
    let mut hasher = sha2::Sha256::new();
    for word in words {
        hasher.update((word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    Sha256(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn directory() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("commands-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        dir
    }

    fn script(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::write(&path, text).expect("it is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn command(line: &[&str]) -> Command {
        Command {
            line: line.iter().map(|word| (*word).to_owned()).collect(),
            env: BTreeMap::new(),
            directory: directory().display().to_string(),
        }
    }

    fn identity(command: &Command) -> Sha256 {
        let path = std::env::var_os("PATH");
        let found = identify(&Reach::Command(command.clone()), path.as_deref());
        found.expect("it is there").identity
    }

    #[test]
    fn a_command_is_its_bytes_arguments_and_environment_wherever_they_lie() {
        let dir = directory();
        script(&dir, "one", "#!/bin/sh\nexit 1\n");
        script(&dir, "copy", "#!/bin/sh\nexit 1\n");
        script(&dir, "other", "#!/bin/sh\nexit 2\n");
        let one = identity(&command(&["./one", "-m", "{model}"]));
        assert_eq!(one, identity(&command(&["./copy", "-m", "{model}"])));
        assert_ne!(one, identity(&command(&["./other", "-m", "{model}"])));
        assert_ne!(
            one,
            identity(&command(&["./one", "-m{model}"])),
            "words do not run together"
        );
        let mut set = command(&["./one", "-m", "{model}"]);
        set.env.insert("OMP_NUM_THREADS".to_owned(), "1".to_owned());
        assert_ne!(one, identity(&set));
        let run = |name| identity(&command(&["sh", name]));
        assert_eq!(run("one"), run("copy"), "a script counts by what is in it");
        assert_ne!(run("one"), run("other"));
    }

    #[test]
    fn a_script_may_run_as_what_it_is_for() {
        let dir = directory();
        script(&dir, "direct", "#!/bin/sh -e\n");
        script(&dir, "by-env", "#!/usr/bin/env -S sh -e\n");
        let path = std::env::var_os("PATH");
        let sh = sha256(Path::new("/bin/sh")).expect("there is a shell");
        for name in ["./direct", "./by-env"] {
            let found = identify(&Reach::Command(command(&[name])), path.as_deref());
            assert!(found.expect("it is there").may_run.contains(&sh), "{name}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_with_the_way_out() {
        let path = Some(OsStr::new("/nowhere"));
        let error = |line: &[&str]| {
            let found = identify(&Reach::Command(command(line)), path);
            found.expect_err("it is not there").to_string()
        };
        assert!(error(&[]).contains("is empty"));
        assert!(error(&["no-such-engine"]).contains("PATH"));
        assert!(error(&["./no-such-engine"]).contains("correct `command`"));
        fs::write(directory().join("text"), "no program").expect("it is writable");
        assert!(error(&["./text"]).contains("no executable file"));
    }
}
