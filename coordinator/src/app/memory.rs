//! Configures how the allocator treats freed memory. Decoding a part allocates nine histograms of a
//! quarter of a megabyte each and frees them again. If they were returned to the system, every page
//! would fault again for the next part, which took two fifths of a coordinator's processor time.
//! Must not know what the memory is for.
#![expect(
    unsafe_code,
    reason = "the allocator's settings have no safe interface"
)]

/// Freed memory at the end of the heap that is kept for the next part, bytes.
#[cfg(target_env = "gnu")]
const KEPT: libc::c_int = 64 << 20;
/// Allocations of at least this size come from the system and are returned to it, bytes.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 4 << 20;

/// Keeps freed memory for later allocations.
pub(super) fn keep_freed() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointer is involved; if the call fails, the settings stay as they were.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
