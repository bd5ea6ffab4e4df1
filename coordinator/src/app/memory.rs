//! How the allocator treats memory that was freed. Opening a part takes nine histograms of a
//! quarter of a megabyte each and frees them again: handed back to the system in between, every
//! page of them would be faulted in anew with the next part, which was two fifths of a
//! coordinator's processor time. Must not know what the memory is for.
#![expect(
    unsafe_code,
    reason = "the allocator's settings have no safe interface"
)]

/// Freed memory at the heap's end that is kept for the next part, bytes.
#[cfg(target_env = "gnu")]
const KEPT: libc::c_int = 64 << 20;
/// Pieces from this size on come from the system and go back to it, bytes.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 4 << 20;

/// Has freed memory kept for what comes next.
pub(super) fn keep_freed() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointer is involved; a refusal leaves what was set before.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
