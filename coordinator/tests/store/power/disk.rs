//! A disk that loses what was not synced. Names become durable with the sync of their directory,
//! contents with the sync of their file; whatever is pending may reach the device wholly, in part,
//! or not at all, each piece for itself. Owns that model; knows nothing of stores.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::trace::Call;

#[derive(Clone, Debug)]
enum Change {
    Put { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Where a write without a position goes.
    position: u64,
}

/// What happens to a name.
#[derive(Clone, Debug)]
enum Naming {
    Dir(PathBuf),
    File(PathBuf, usize),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf),
}

#[derive(Clone, Debug, Default)]
struct Names {
    dirs: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, usize>,
}

impl Names {
    fn apply(&mut self, naming: &Naming) {
        match naming {
            Naming::Dir(path) => drop(self.dirs.insert(path.clone())),
            Naming::File(path, file) => drop(self.files.insert(path.clone(), *file)),
            Naming::Gone(path) => {
                self.files.remove(path);
                self.dirs.remove(path);
            }
            Naming::Moved(from, to) => self.rename(from, to),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let moved = |path: &PathBuf| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
            Ok(rest) => to.join(rest),
            Err(_) => path.clone(),
        };
        let renamed = |(path, file): (&PathBuf, &usize)| (moved(path), *file);
        // First the others, so that what is moved replaces what was there.
        let (ours, mut rest): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.files)
            .into_iter()
            .partition(|(path, _)| path.starts_with(from));
        rest.extend(ours.iter().map(renamed));
        self.files = rest;
        self.dirs = self.dirs.iter().map(moved).collect();
    }
}

/// How much of what is pending the device has at the cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reached {
    Nothing,
    Everything,
    /// Some of it, some in part, some as zeros, by this seed.
    Some(u64),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    seen: Names,
    durable: Names,
    pending: BTreeMap<PathBuf, Vec<Naming>>,
    syncing: HashMap<u32, usize>,
}

impl Disk {
    /// A disk that holds a directory, wholly synced.
    pub(crate) fn holding(dir: &Path) -> Self {
        let mut disk = Self::default();
        disk.take(dir);
        disk.durable = disk.seen.clone();
        disk
    }

    fn take(&mut self, dir: &Path) {
        self.seen.dirs.insert(dir.to_owned());
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                self.take(&path);
            } else {
                let durable = std::fs::read(&path).unwrap();
                self.seen.files.insert(path, self.files.len());
                self.files.push(File {
                    durable,
                    ..File::default()
                });
            }
        }
    }

    fn name(&mut self, dir: Option<&Path>, naming: Naming) {
        self.seen.apply(&naming);
        let dir = dir.unwrap_or(Path::new("/")).to_owned();
        self.pending.entry(dir).or_default().push(naming);
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(&mut File) -> Change) {
        if let Some(file) = self.seen.files.get(path) {
            let file = &mut self.files[*file];
            let change = change(file);
            file.pending.push(change);
        }
    }

    pub(crate) fn take_in(&mut self, call: &Call) {
        match call {
            Call::MakeDir(path) => self.name(path.parent(), Naming::Dir(path.clone())),
            Call::Open { path, emptied } => self.open(path, *emptied),
            Call::Write { path, at, bytes } => self.change(path, |file| {
                let at = at.unwrap_or(file.position);
                file.position = at + bytes.len() as u64;
                Change::Put {
                    at: at as usize,
                    bytes: bytes.clone(),
                }
            }),
            Call::Truncate { path, len } => self.change(path, |_| Change::Cut(*len as usize)),
            Call::SyncBegins { path, thread } => {
                let file = self
                    .seen
                    .files
                    .get(path)
                    .map(|file| self.files[*file].pending.len());
                let dir = self.pending.get(path).map(Vec::len);
                self.syncing.insert(*thread, file.or(dir).unwrap_or(0));
            }
            Call::SyncEnds { path, thread } => self.sync(path, *thread),
            Call::Rename { from, to } => {
                self.name(to.parent(), Naming::Moved(from.clone(), to.clone()));
            }
            Call::Remove(path) => self.name(path.parent(), Naming::Gone(path.clone())),
            Call::Said(_) => {}
        }
    }

    fn open(&mut self, path: &Path, emptied: bool) {
        if let Some(file) = self.seen.files.get(path) {
            let file = &mut self.files[*file];
            file.position = 0;
            file.pending.extend(emptied.then_some(Change::Cut(0)));
            return;
        }
        let file = self.files.len();
        self.files.push(File::default());
        self.name(path.parent(), Naming::File(path.to_owned(), file));
    }

    fn sync(&mut self, path: &Path, thread: u32) {
        let upto = self.syncing.remove(&thread).unwrap_or(0);
        if let Some(file) = self.seen.files.get(path) {
            let file = &mut self.files[*file];
            let upto = upto.min(file.pending.len());
            for change in file.pending.drain(..upto) {
                put(&mut file.durable, &change);
            }
        } else if let Some(pending) = self.pending.get_mut(path) {
            for naming in pending.drain(..upto.min(pending.len())) {
                self.durable.apply(&naming);
            }
        }
    }

    /// Writes what is there after the power went: everything below `dir`, to another place.
    pub(crate) fn cut(&self, dir: &Path, to: &Path, reached: Reached) {
        let mut chance = Chance(match reached {
            Reached::Some(seed) => seed,
            _ => 1,
        });
        let mut names = self.durable.clone();
        for pending in self.pending.values() {
            let upto = match reached {
                Reached::Nothing => 0,
                Reached::Everything => pending.len(),
                Reached::Some(_) => chance.below(pending.len() + 1),
            };
            pending[..upto]
                .iter()
                .for_each(|naming| names.apply(naming));
        }
        let place = |path: &Path| path.strip_prefix(dir).map(|rest| to.join(rest));
        for path in names.dirs.iter().filter_map(|path| place(path).ok()) {
            std::fs::create_dir_all(path).unwrap();
        }
        for (path, file) in &names.files {
            let (Ok(target), true) = (
                place(path),
                path.parent().is_some_and(|dir| names.dirs.contains(dir)),
            ) else {
                continue;
            };
            std::fs::write(target, self.files[*file].after(reached, &mut chance)).unwrap();
        }
    }
}

impl File {
    fn after(&self, reached: Reached, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            match (reached, change) {
                (Reached::Nothing, _) => {}
                (Reached::Everything, _) => put(&mut bytes, change),
                (Reached::Some(_), Change::Cut(_)) if chance.below(2) == 0 => {}
                (Reached::Some(_), Change::Cut(_)) => put(&mut bytes, change),
                (Reached::Some(_), Change::Put { at, bytes: new }) => {
                    let new = match chance.below(10) {
                        0..=2 => continue,
                        3 | 4 => new[..chance.below(new.len() + 1)].to_vec(),
                        5 => vec![0; new.len()],
                        _ => new.clone(),
                    };
                    put(
                        &mut bytes,
                        &Change::Put {
                            at: *at,
                            bytes: new,
                        },
                    );
                }
            }
        }
        bytes
    }
}

fn put(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(len) => file.resize(*len, 0),
        Change::Put { at, bytes } => {
            file.resize(file.len().max(at + bytes.len()), 0);
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// A fixed sequence that looks like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
