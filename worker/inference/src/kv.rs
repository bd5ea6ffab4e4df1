//! The paged key/value cache: a fixed number of pages of sixteen tokens, each with every layer and
//! head. Owns the memory and its layout; [`crate::pages`] knows who holds which page, and the
//! scheduler decides who gets pages.
#![expect(
    unsafe_code,
    reason = "kernels read pages by address and threads write disjoint tokens"
)]

use crate::aligned::Aligned;
use crate::config::{Config, KvFormat};
use crate::kernels::{Bf16, Element, F32, PAGE};
use crate::pages::{PagePool, PageTable};

/// The cache. Keys and values of a page are `[layer][page][kv head]` blocks of [`PAGE`] × head
/// elements, keys transposed (element-major), values token-major.
pub(crate) struct KvCache {
    format: KvFormat,
    // Bytes, because the format is chosen at run time; kernels need no alignment.
    keys: Aligned<u8>,
    values: Aligned<u8>,
    pub(crate) pool: PagePool,
    total: usize,
    heads: usize,
    head: usize,
}

/// Pages that `tokens` tokens occupy.
pub(crate) fn pages_for(tokens: usize) -> usize {
    tokens.div_ceil(PAGE)
}

/// Bytes of one page over all layers.
pub(crate) fn page_bytes(config: &Config, format: KvFormat) -> usize {
    PAGE * config.kv_bytes_per_token_as(format)
}

impl KvCache {
    /// A cache of as many pages as fit in `bytes`. Memory is touched only when a page is first
    /// used, or by [`KvCache::touch`].
    pub(crate) fn new(config: &Config, format: KvFormat, bytes: usize) -> Self {
        let total = (bytes / page_bytes(config, format)).min(u32::MAX as usize);
        let half = total * page_bytes(config, format) / 2;
        Self {
            format,
            keys: Aligned::new(half),
            values: Aligned::new(half),
            pool: PagePool::new(total as u32),
            total,
            heads: config.kv_heads,
            head: config.head_dim,
        }
    }

    /// Touches all memory, so that no later use of a page waits for the system. Call it before any
    /// page is taken.
    pub(crate) fn touch(&mut self) {
        for half in [&mut self.keys, &mut self.values] {
            // New memory is known to be zero, so filling it could be optimised away unless its
            // origin is hidden.
            std::hint::black_box(&mut **half).fill(0);
        }
    }

    pub(crate) fn format(&self) -> KvFormat {
        self.format
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn used(&self) -> usize {
        self.pool.used()
    }

    /// Takes `count` pages, or none if there are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Option<PageTable> {
        self.pool.take(count)
    }

    /// Gives pages back.
    pub(crate) fn give_back(&mut self, pages: &[u32]) {
        self.pool.give_back(pages);
    }

    /// Bytes from one page to the next, of keys or of values.
    pub(crate) fn page_stride(&self) -> usize {
        self.heads * self.block()
    }

    /// Keys of a layer and head in page 0.
    pub(crate) fn keys(&self, layer: usize, head: usize) -> *const u8 {
        self.keys[self.offset(layer, 0, head)..].as_ptr()
    }

    /// Values of a layer and head in page 0.
    pub(crate) fn values(&self, layer: usize, head: usize) -> *const u8 {
        self.values[self.offset(layer, 0, head)..].as_ptr()
    }

    /// Access for writing from several threads within one parallel region.
    pub(crate) fn writer(&mut self) -> KvWriter<'_> {
        KvWriter {
            keys: self.keys.as_mut_ptr(),
            values: self.values.as_mut_ptr(),
            cache: self,
        }
    }

    fn block(&self) -> usize {
        PAGE * self.head * self.format.bytes()
    }

    fn offset(&self, layer: usize, page: usize, head: usize) -> usize {
        ((layer * self.total + page) * self.heads + head) * self.block()
    }
}

/// Writes tokens into pages.
pub(crate) struct KvWriter<'a> {
    keys: *mut u8,
    values: *mut u8,
    cache: &'a KvCache,
}

// SAFETY: `write` accesses only the elements of its own token, and its callers promise that no two
// threads write the same token.
unsafe impl Sync for KvWriter<'_> {}

impl KvWriter<'_> {
    /// Stores the keys and values of all heads of one token in one layer; `position` is its index
    /// in the sequence.
    ///
    /// # Safety
    /// No other thread accesses this token of these pages meanwhile.
    pub(crate) unsafe fn write(
        &self,
        layer: usize,
        pages: &[u32],
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.cache.format {
                KvFormat::Bf16 => self.write_as::<Bf16>(layer, pages, position, key, value),
                KvFormat::F32 => self.write_as::<F32>(layer, pages, position, key, value),
            }
        }
    }

    unsafe fn write_as<E: Element>(
        &self,
        layer: usize,
        pages: &[u32],
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (page, token) = (pages[position / PAGE] as usize, position % PAGE);
        let width = self.cache.head;
        assert!(
            page < self.cache.total,
            "page tables hold pages of this cache"
        );
        for head in 0..self.cache.heads {
            let start = self.cache.offset(layer, page, head);
            let rows = key[head * width..]
                .iter()
                .zip(&value[head * width..])
                .take(width);
            for (i, (&key, &value)) in rows.enumerate() {
                // SAFETY: the page is one of this cache and the element lies inside its block, so
                // both addresses are inside their buffers.
                unsafe {
                    E::write(self.keys.add(start + (i * PAGE + token) * E::BYTES), key);
                    E::write(
                        self.values.add(start + (token * width + i) * E::BYTES),
                        value,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = r#"{"model_type": "llama", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "vocab_size": 16, "max_position_embeddings": 64}"#;
        Config::parse(text, std::path::Path::new("config.json")).unwrap()
    }

    #[test]
    fn pages_are_taken_whole_or_not_at_all_and_come_back() {
        let mut cache = KvCache::new(
            &config(),
            KvFormat::F32,
            5 * page_bytes(&config(), KvFormat::F32) + 1,
        );
        assert_eq!(cache.total(), 5);
        let first = cache.take(3).unwrap();
        assert!(cache.take(3).is_none());
        assert_eq!(cache.used(), 3);
        let second = cache.take(2).unwrap();
        let mut all = [first.clone(), second].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
        cache.give_back(&first);
        assert_eq!(cache.used(), 2);
        assert_eq!(cache.take(3).unwrap(), first);
    }

    #[test]
    fn a_token_lands_where_the_layout_says_and_nowhere_else() {
        let mut cache = KvCache::new(
            &config(),
            KvFormat::F32,
            4 * page_bytes(&config(), KvFormat::F32),
        );
        let pages = cache.take(2).unwrap();
        let key: Vec<f32> = (1..=16).map(|i| i as f32).collect();
        let value: Vec<f32> = key.iter().map(|k| -k).collect();
        // SAFETY: one thread.
        unsafe { cache.writer().write(1, &pages, PAGE + 3, &key, &value) };
        let read =
            |bytes: &[u8], at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let block = cache.offset(1, pages[1] as usize, 1);
        assert_eq!(read(&cache.keys, block + (2 * PAGE + 3) * 4), 11.0);
        assert_eq!(read(&cache.values, block + (3 * 8 + 2) * 4), -11.0);
        let nonzero = |bytes: &[u8]| {
            bytes
                .as_chunks::<4>()
                .0
                .iter()
                .filter(|b| **b != [0; 4])
                .count()
        };
        assert_eq!((nonzero(&cache.keys), nonzero(&cache.values)), (16, 16));
    }
}
