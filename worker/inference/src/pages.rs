//! Which sequence holds which page of the cache: free pages, pages in use, and idle pages with
//! known contents that a later prompt with the same prefix may use. Must not know the bytes in
//! pages, nor requests.
//!
//! ```text
//! free ──take──▶ in use ──give back──▶ free, or idle if registered
//!                  ▲ ──register──▶ found by `find` ◀── idle ──take, when none is free──▶ in use, forgotten
//! ```

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::kernels::PAGE;

/// Page numbers of one sequence, in order of position.
pub(crate) type PageTable = Vec<u32>;

/// A page of tokens after a known prefix. The whole key is compared, so different tokens are never
/// confused.
type Key = (Node, [u32; PAGE]);

/// Identifies a prefix of whole pages; 0 is the empty one. Never reused, so pages that followed a
/// forgotten page cannot be reached.
pub(crate) type Node = u64;

/// All pages of a cache.
pub(crate) struct PagePool {
    free: Vec<u32>,
    /// Number of sequences that use each page.
    uses: Vec<u32>,
    /// Keys of registered pages.
    keys: Vec<Option<Key>>,
    /// When each idle page was released.
    stamps: Vec<u64>,
    idle: BTreeMap<u64, u32>,
    index: HashMap<Key, (Node, u32), BuildHasherDefault<DefaultHasher>>,
    last_node: Node,
    last_stamp: u64,
}

impl PagePool {
    pub(crate) fn new(total: u32) -> Self {
        Self {
            // Popped from the end, so low page numbers come first.
            free: (0..total).rev().collect(),
            uses: vec![0; total as usize],
            keys: vec![None; total as usize],
            stamps: vec![0; total as usize],
            idle: BTreeMap::new(),
            index: HashMap::default(),
            last_node: 0,
            last_stamp: 0,
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.uses.len()
    }

    /// Pages that sequences hold.
    pub(crate) fn used(&self) -> usize {
        self.total() - self.free.len() - self.idle.len()
    }

    /// Takes `count` pages, or none if there are fewer. Idle pages are forgotten if necessary,
    /// longest idle first.
    pub(crate) fn take(&mut self, count: usize) -> Option<PageTable> {
        while self.free.len() < count {
            let (_, page) =
                (self.free.len() + self.idle.len() >= count).then(|| self.idle.pop_first())??;
            self.forget(page);
            // Below the others, so that free pages are taken first.
            self.free.insert(0, page);
        }
        let rest = self.free.len() - count;
        let pages: PageTable = self.free.drain(rest..).rev().collect();
        pages.iter().for_each(|page| self.uses[*page as usize] = 1);
        Some(pages)
    }

    /// Releases a sequence's pages, the last first, so that a page is never forgotten before those
    /// that follow it.
    pub(crate) fn give_back(&mut self, pages: &[u32]) {
        for &page in pages.iter().rev() {
            let at = page as usize;
            self.uses[at] -= 1;
            if self.uses[at] > 0 {
                continue;
            }
            if self.keys[at].is_none() {
                self.free.push(page);
            } else {
                self.last_stamp += 1;
                self.stamps[at] = self.last_stamp;
                self.idle.insert(self.last_stamp, page);
            }
        }
    }

    /// Replaces a sequence's first pages by known ones, as far as its prompt has their prefix and
    /// at least one of its tokens is left to compute. Returns their number, and the prefix they
    /// form.
    pub(crate) fn adopt(&mut self, prompt: &[u32], pages: &mut [u32]) -> (usize, Node) {
        let (mut count, mut node) = (0, 0);
        let whole = (prompt.len() - 1) / PAGE;
        for (tokens, own) in prompt.as_chunks::<PAGE>().0.iter().take(whole).zip(pages) {
            let Some(&(next, page)) = self.index.get(&(node, *tokens)) else {
                break;
            };
            if self.uses[page as usize] == 0 {
                self.idle.remove(&self.stamps[page as usize]);
            }
            self.uses[page as usize] += 1;
            self.give_back(&[std::mem::replace(own, page)]);
            (count, node) = (count + 1, next);
        }
        (count, node)
    }

    /// Registers a page with `tokens` after the prefix `node`; returns the prefix that includes it.
    /// `None` if another page is registered for the same.
    pub(crate) fn register(&mut self, node: Node, tokens: [u32; PAGE], page: u32) -> Option<Node> {
        let key = (node, tokens);
        if self.index.contains_key(&key) {
            return None;
        }
        self.last_node += 1;
        self.index.insert(key, (self.last_node, page));
        self.keys[page as usize] = Some(key);
        Some(self.last_node)
    }

    /// Forgets all contents.
    pub(crate) fn forget_all(&mut self) {
        self.index.clear();
        self.keys.fill(None);
        self.free
            .extend(std::mem::take(&mut self.idle).into_values().rev());
    }

    fn forget(&mut self, page: u32) {
        if let Some(key) = self.keys[page as usize].take() {
            self.index.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u32; PAGE] = [1; PAGE];
    const B: [u32; PAGE] = [2; PAGE];

    /// Registers A then B in the first two of three pages.
    fn two_known(pool: &mut PagePool) -> PageTable {
        let pages = pool.take(3).unwrap();
        let node = pool.register(0, A, pages[0]).unwrap();
        pool.register(node, B, pages[1]).unwrap();
        pages
    }

    #[test]
    fn a_known_beginning_is_adopted_and_the_own_pages_come_back() {
        let mut pool = PagePool::new(8);
        let first = two_known(&mut pool);
        let mut second = pool.take(3).unwrap();
        let prompt = [&A[..], &B[..], &[7]].concat();
        assert_eq!(pool.adopt(&prompt, &mut second).0, 2);
        assert_eq!(
            (second[..2].to_vec(), pool.used()),
            (first[..2].to_vec(), 4)
        );
        pool.give_back(&first);
        assert_eq!(pool.used(), 3);
        pool.give_back(&second);
        assert_eq!((pool.used(), pool.idle.len()), (0, 2));
    }

    #[test]
    fn other_beginnings_and_the_last_token_are_not_adopted() {
        let mut pool = PagePool::new(8);
        let first = two_known(&mut pool);
        let mut second = pool.take(3).unwrap();
        assert_eq!(
            pool.adopt(&[&B[..], &A[..], &[7]].concat(), &mut second).0,
            0,
            "B is known after A alone"
        );
        assert_eq!(
            pool.adopt(&[&A[..], &B[..]].concat(), &mut second).0,
            1,
            "a token is left to be computed"
        );
        assert_eq!(
            pool.register(0, A, second[2]),
            None,
            "known with another page"
        );
        assert_eq!(second[0], first[0]);
    }

    #[test]
    fn idle_pages_are_taken_last_leaves_first_and_forgotten() {
        let mut pool = PagePool::new(3);
        let pages = two_known(&mut pool);
        pool.give_back(&pages);
        assert!(pool.take(4).is_none());
        assert_eq!(pool.take(2).unwrap(), [pages[2], pages[1]]);
        let mut none = [];
        assert_eq!(
            pool.adopt(&[&A[..], &[7]].concat(), &mut none).0,
            0,
            "no page of its own to replace"
        );
        assert_eq!(pool.index.len(), 1);
        pool.forget_all();
        assert_eq!(
            (pool.index.len(), pool.take(1).unwrap()),
            (0, vec![pages[0]])
        );
    }
}
