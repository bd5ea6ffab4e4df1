//! Memory maps: weight files, read-only, and anonymous memory in huge pages for weights in another
//! layout. The only file that maps memory. Must not know what the bytes mean.
#![expect(
    unsafe_code,
    reason = "mapping a file is inherently unsafe; this file is made for it"
)]

use std::path::Path;

use crate::error::LoadError;
use crate::opened;

/// A whole file, mapped read-only.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: memmap2::Mmap,
}

/// Zeroed memory that begins at a page.
#[derive(Debug)]
pub(crate) struct Anonymous {
    map: memmap2::MmapMut,
}

impl Anonymous {
    /// `length` bytes, in huge pages if the system has them.
    pub(crate) fn new(length: usize) -> std::io::Result<Self> {
        let map = memmap2::MmapMut::map_anon(length)?;
        // Only advice: without huge pages it works the same, but more slowly.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

impl Mapping {
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io {
            path: path.to_owned(),
            source,
        };
        let file = opened::regular(path).map_err(io)?;
        // SAFETY: the map is read-only and private to this process. Another process that truncates
        // the file while it is mapped would raise SIGBUS; model files are not rewritten in place,
        // and every format reads the bytes as plain numbers for which any bit pattern is valid.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Ok(Self { map })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
