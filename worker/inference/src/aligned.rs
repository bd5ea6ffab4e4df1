//! Zeroed buffers that begin at a cache line: a vector load across two lines costs twice as much,
//! which was a third of the speed of matrix products. Memory is touched only when it is used.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A fixed number of elements, the first at the start of a cache line.
pub(crate) struct Aligned<T> {
    // Never grows, so that its address stays the same.
    values: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `length` default values; for numbers zeros, which the system provides without touching the
    /// memory.
    pub(crate) fn new(length: usize) -> Self {
        let values = vec![T::default(); length + LINE / size_of::<T>()];
        let start = values.as_ptr().align_offset(LINE);
        Self {
            values,
            start,
            length,
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..self.start + self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.length]
    }
}

/// Rounds a row length up so that every row starts a whole vector and ends in zeros.
pub(crate) fn padded(length: usize) -> usize {
    length.next_multiple_of(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_line_and_have_their_length() {
        for length in [0, 1, 17, 100_000] {
            let (floats, bytes) = (Aligned::<f32>::new(length), Aligned::<u8>::new(length));
            assert_eq!((floats.len(), bytes.len()), (length, length));
            assert_eq!(
                (floats.as_ptr().addr() % LINE, bytes.as_ptr().addr() % LINE),
                (0, 0)
            );
        }
    }
}
