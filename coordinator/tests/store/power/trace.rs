//! A program's file operations, read from strace's log. Owns the log's format; must not know disks.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The calls that [`read`] understands, as an strace filter.
pub(crate) const CALLS: &str = "trace=openat,pwrite64,write,fsync,fdatasync,rename,ftruncate,\
                                unlink,unlinkat,mkdir";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    MakeDir(PathBuf),
    Open {
        path: PathBuf,
        emptied: bool,
    },
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        len: u64,
    },
    SyncBegins {
        path: PathBuf,
        thread: u32,
    },
    SyncEnds {
        path: PathBuf,
        thread: u32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    /// A line on standard output.
    Said(String),
}

/// The calls in order. A write that is interrupted by another thread's call counts from its
/// beginning, because it may have reached the device. A sync counts from its end, for writes before
/// its beginning.
pub(crate) fn read(log: &str) -> Vec<Call> {
    let mut open: BTreeMap<u32, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(thread), text) = (thread.parse(), text.trim_start()) else {
            continue;
        };
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            open.insert(thread, begun);
            calls.extend(begins(begun, thread));
        } else if text.starts_with("<... ") {
            let (Some(begun), Some((_, rest))) = (open.remove(&thread), text.split_once('>'))
            else {
                continue;
            };
            calls.extend(ends(begun, rest, thread));
        } else {
            calls.extend(begins(text, thread));
            calls.extend(ends(text, text, thread));
        }
    }
    calls
}

fn is_sync(text: &str) -> bool {
    text.starts_with("fsync(") || text.starts_with("fdatasync(")
}

fn begins(text: &str, thread: u32) -> Option<Call> {
    if is_sync(text) {
        return Some(Call::SyncBegins {
            path: of_descriptor(text)?,
            thread,
        });
    }
    let at = || text.rsplit(", ").next()?.split(')').next()?.parse().ok();
    if text.starts_with("pwrite64(") {
        let bytes = quoted(text).into_iter().next()?;
        return Some(Call::Write {
            path: of_descriptor(text)?,
            at: at(),
            bytes,
        });
    }
    if text.starts_with("write(1<") {
        let line = String::from_utf8(quoted(text).into_iter().next()?).ok()?;
        return Some(Call::Said(line));
    }
    if text.starts_with("write(") {
        let bytes = quoted(text).into_iter().next()?;
        return Some(Call::Write {
            path: of_descriptor(text)?,
            at: None,
            bytes,
        });
    }
    None
}

fn ends(begun: &str, rest: &str, thread: u32) -> Option<Call> {
    if rest.contains("= -1 ") {
        return None;
    }
    if is_sync(begun) {
        return Some(Call::SyncEnds {
            path: of_descriptor(begun)?,
            thread,
        });
    }
    let mut names = quoted(begun)
        .into_iter()
        .map(|name| PathBuf::from(std::ffi::OsString::from_vec(name)));
    match begun.split_once('(')?.0 {
        "mkdir" => Some(Call::MakeDir(names.next()?)),
        "openat" if begun.contains("O_CREAT") => Some(Call::Open {
            path: names.next()?,
            emptied: begun.contains("O_TRUNC"),
        }),
        "rename" => Some(Call::Rename {
            from: names.next()?,
            to: names.next()?,
        }),
        "unlink" | "unlinkat" => Some(Call::Remove(names.next()?)),
        "ftruncate" => {
            let len = begun.rsplit(", ").next()?.split(')').next()?.parse().ok()?;
            Some(Call::Truncate {
                path: of_descriptor(begun)?,
                len,
            })
        }
        _ => None,
    }
}

/// The file of the first argument, as `-y` shows it.
fn of_descriptor(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    let name = rest.split_once('>')?.0;
    let name = if name.starts_with("\\x") {
        unescaped(name)
    } else {
        name.as_bytes().to_vec()
    };
    Some(PathBuf::from(std::ffi::OsString::from_vec(name)))
}

/// The quoted strings, which `-xx` shows as hexadecimal digits.
fn quoted(text: &str) -> Vec<Vec<u8>> {
    text.split('"').skip(1).step_by(2).map(unescaped).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .filter_map(|byte| u8::from_str_radix(byte.get(..2)?, 16).ok())
        .collect()
}

/// Whether a call concerns files in a directory, or prints.
pub(crate) fn concerns(call: &Call, dir: &Path) -> bool {
    match call {
        Call::Said(_) => true,
        Call::MakeDir(path)
        | Call::Open { path, .. }
        | Call::Write { path, .. }
        | Call::Truncate { path, .. }
        | Call::SyncBegins { path, .. }
        | Call::SyncEnds { path, .. }
        | Call::Rename { to: path, .. }
        | Call::Remove(path) => path.starts_with(dir),
    }
}
