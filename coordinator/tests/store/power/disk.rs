//! A disk that loses what was not synced. Names become durable with the sync of their directory,
//! contents with the sync of their file; pending changes may reach the device completely, partly,
//! or not at all, each independently. Owns that model; must not know stores.

use std::collections::BTreeMap;
use std::ffi::OsString;
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
    /// Offset of a write without a position.
    position: u64,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Dir(usize),
    File(usize),
}

type Names = BTreeMap<OsString, Node>;

/// Sets or removes a name in a directory.
#[derive(Clone, Debug)]
struct Edit {
    dir: usize,
    name: OsString,
    node: Option<Node>,
}

#[derive(Clone, Debug, Default)]
struct Dir {
    seen: Names,
    durable: Names,
    /// Made durable by its next sync; the edits of one call together.
    pending: Vec<Vec<Edit>>,
}

/// How much of the pending changes the device has at the cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reached {
    Nothing,
    Everything,
    /// Some of them, partly or as zeros, by this seed.
    Some(u64),
}

/// The first directory is the one it was made from.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    dirs: Vec<Dir>,
    files: Vec<File>,
    syncing: BTreeMap<u32, usize>,
}

impl Disk {
    /// A disk with a directory, completely synced.
    pub(crate) fn holding(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            dirs: Vec::new(),
            files: Vec::new(),
            syncing: BTreeMap::new(),
        };
        disk.hold(root);
        disk
    }

    fn hold(&mut self, path: &Path) -> Node {
        let dir = self.dirs.len();
        self.dirs.push(Dir::default());
        for entry in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let node = if path.is_dir() {
                self.hold(&path)
            } else {
                self.file(std::fs::read(&path).unwrap())
            };
            self.dirs[dir].seen.insert(entry.file_name(), node);
        }
        self.dirs[dir].durable = self.dirs[dir].seen.clone();
        Node::Dir(dir)
    }

    fn file(&mut self, durable: Vec<u8>) -> Node {
        self.files.push(File {
            durable,
            ..File::default()
        });
        Node::File(self.files.len() - 1)
    }

    fn node(&self, path: &Path) -> Option<Node> {
        let names = path.strip_prefix(&self.root).ok()?;
        names
            .iter()
            .try_fold(Node::Dir(0), |node, name| match node {
                Node::Dir(dir) => self.dirs[dir].seen.get(name).copied(),
                Node::File(_) => None,
            })
    }

    fn edit(&self, path: &Path, node: Option<Node>) -> Option<Edit> {
        let Node::Dir(dir) = self.node(path.parent()?)? else {
            return None;
        };
        let name = path.file_name()?.to_owned();
        Some(Edit { dir, name, node })
    }

    /// Adds the edits of one call; the last one's directory makes them durable.
    fn name(&mut self, edits: impl IntoIterator<Item = Option<Edit>>) {
        let edits: Vec<_> = edits.into_iter().flatten().collect();
        let Some(dir) = edits.last().map(|edit| edit.dir) else {
            return;
        };
        for edit in &edits {
            apply(&mut self.dirs[edit.dir].seen, edit);
        }
        self.dirs[dir].pending.push(edits);
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(&mut File) -> Change) {
        if let Some(Node::File(file)) = self.node(path) {
            let file = &mut self.files[file];
            let change = change(file);
            file.pending.push(change);
        }
    }

    pub(crate) fn take_in(&mut self, call: &Call) {
        match call {
            Call::MakeDir(path) => {
                let edit = self.edit(path, Some(Node::Dir(self.dirs.len())));
                self.dirs.push(Dir::default());
                self.name([edit]);
            }
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
                let pending = match self.node(path) {
                    Some(Node::File(file)) => self.files[file].pending.len(),
                    Some(Node::Dir(dir)) => self.dirs[dir].pending.len(),
                    None => 0,
                };
                self.syncing.insert(*thread, pending);
            }
            Call::SyncEnds { path, thread } => self.sync(path, *thread),
            Call::Rename { from, to } => {
                let edits = [self.edit(from, None), self.edit(to, self.node(from))];
                self.name(edits);
            }
            Call::Remove(path) => self.name([self.edit(path, None)]),
            Call::Said(_) => {}
        }
    }

    fn open(&mut self, path: &Path, emptied: bool) {
        if let Some(Node::File(file)) = self.node(path) {
            let file = &mut self.files[file];
            file.position = 0;
            file.pending.extend(emptied.then_some(Change::Cut(0)));
            return;
        }
        let file = self.file(Vec::new());
        self.name([self.edit(path, Some(file))]);
    }

    fn sync(&mut self, path: &Path, thread: u32) {
        let upto = self.syncing.remove(&thread).unwrap_or(0);
        match self.node(path) {
            Some(Node::File(file)) => {
                let file = &mut self.files[file];
                let upto = upto.min(file.pending.len());
                for change in file.pending.drain(..upto) {
                    put(&mut file.durable, &change);
                }
            }
            Some(Node::Dir(dir)) => {
                let upto = upto.min(self.dirs[dir].pending.len());
                let done: Vec<_> = self.dirs[dir].pending.drain(..upto).flatten().collect();
                for edit in done {
                    apply(&mut self.dirs[edit.dir].durable, &edit);
                }
            }
            None => {}
        }
    }

    /// Writes the contents after the power cut to another directory.
    pub(crate) fn cut(&self, to: &Path, reached: Reached) {
        let mut chance = Chance(match reached {
            Reached::Some(seed) => seed,
            _ => 1,
        });
        let mut names: Vec<_> = self.dirs.iter().map(|dir| dir.durable.clone()).collect();
        for dir in &self.dirs {
            let upto = match reached {
                Reached::Nothing => 0,
                Reached::Everything => dir.pending.len(),
                Reached::Some(_) => chance.below(dir.pending.len() + 1),
            };
            for edit in dir.pending[..upto].iter().flatten() {
                apply(&mut names[edit.dir], edit);
            }
        }
        self.write(&names, 0, to, reached, &mut chance);
    }

    fn write(&self, names: &[Names], dir: usize, to: &Path, reached: Reached, chance: &mut Chance) {
        std::fs::create_dir_all(to).unwrap();
        for (name, node) in &names[dir] {
            let path = to.join(name);
            match *node {
                Node::Dir(dir) => self.write(names, dir, &path, reached, chance),
                Node::File(file) => {
                    std::fs::write(path, self.files[file].after(reached, chance)).unwrap();
                }
            }
        }
    }
}

fn apply(names: &mut Names, edit: &Edit) {
    match edit.node {
        Some(node) => names.insert(edit.name.clone(), node),
        None => names.remove(&edit.name),
    };
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

/// A fixed pseudo-random sequence.
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
