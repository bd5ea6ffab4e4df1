//! Buffers that several engine threads write at once, each its own part. Contains the one argument
//! why that is sound: the code that divides the work gives the tasks of a parallel region disjoint
//! parts.
#![expect(
    unsafe_code,
    reason = "disjoint parallel writes need raw access; this file is made for it"
)]

use std::marker::PhantomData;

/// A mutable slice whose parts may be handed to different threads.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: access is only through `slice` and `pointer`, whose callers promise disjointness among
// threads; `T: Send` makes moving the access itself sound.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(values: &'a mut [T]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            length: values.len(),
            life: PhantomData,
        }
    }

    /// A part of the buffer.
    ///
    /// # Safety
    /// While the returned slice lives, nothing else accesses that part.
    #[expect(clippy::mut_from_ref, reason = "this is the purpose of the type")]
    pub(crate) unsafe fn slice(&self, offset: usize, length: usize) -> &mut [T] {
        assert!(
            offset + length <= self.length,
            "a part lies inside its buffer"
        );
        // SAFETY: in bounds by the assertion; unaliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), length) }
    }

    /// The address of an element, for kernels that need addresses.
    pub(crate) fn pointer(&self, offset: usize) -> *mut T {
        assert!(offset <= self.length, "an address lies inside its buffer");
        self.start.wrapping_add(offset)
    }
}
