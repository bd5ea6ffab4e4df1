//! Limits the HTTP/2 frames that a caller may send, counted by their headers alone. A caller that
//! sends far more frames than bytes causes work without saying anything (floods of PRIORITY, PING,
//! SETTINGS, RST_STREAM, or empty DATA). Owns the allowance; must not know what is in a frame, nor
//! who sends it.
//!
//! Every frame costs one. Time, received bytes and sent bytes add allowance: a peer that receives
//! much answers with window updates.

use std::time::Duration;

/// Frames that may arrive at once: a trial of a thousand slots begins and ends at once.
const BURST: u64 = 16_384;
/// Frames a second allowed in addition to those that carry data.
const RATE: f64 = 1024.0;
/// Bytes, sent or received, that allow one more frame.
const BYTES: u64 = 1024;
/// Length of the preface that precedes the first frame, bytes.
const PREFACE: usize = 24;
/// Length of a frame's header, bytes: three bytes of payload length, and six that are ignored.
const HEADER: usize = 9;

/// Finds the headers of frames in the byte stream.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to skip: the rest of the preface, or of a frame's payload.
    skip: usize,
    header: [u8; HEADER],
    /// Bytes of the current header read so far.
    filled: usize,
    /// Frames that are still allowed.
    left: f64,
    /// When the allowance was last updated, since the connection began.
    at: Duration,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            filled: 0,
            left: BURST as f64,
            at: Duration::ZERO,
        }
    }
}

impl Frames {
    /// Counts received bytes at this time since the connection began. Returns `false` once there
    /// are too many frames.
    pub(super) fn came(&mut self, bytes: &[u8], at: Duration) -> bool {
        self.earn(
            at.saturating_sub(self.at).as_secs_f64() * RATE + bytes.len() as f64 / BYTES as f64,
        );
        self.at = at;
        self.left -= self.begun(bytes) as f64;
        self.left >= 0.0
    }

    /// Counts sent bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.earn(bytes as f64 / BYTES as f64);
    }

    fn earn(&mut self, frames: f64) {
        self.left = (self.left + frames).min(BURST as f64);
    }

    /// Number of frame headers that end in these bytes.
    fn begun(&mut self, mut bytes: &[u8]) -> u64 {
        let mut frames = 0;
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            let taken = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                let [high, middle, low, ..] = self.header;
                (self.skip, self.filled) = (u32::from_be_bytes([0, high, middle, low]) as usize, 0);
                frames += 1;
            }
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("small").to_be_bytes();
        [
            &length[1..],
            &[kind, 0, 0, 0, 0, 1],
            &vec![0xff; payload][..],
        ]
        .concat()
    }

    fn begun() -> Frames {
        let mut frames = Frames::default();
        assert!(frames.came(&[b'P'; PREFACE], Duration::ZERO));
        frames
    }

    #[test]
    fn frames_are_counted_however_their_bytes_come() {
        let stream = [frame(4, 0), frame(1, 300), frame(2, 5), frame(0, 70_000)].concat();
        for piece in [1, 2, 7, 9, 10, 4096, stream.len()] {
            let mut frames = begun();
            let count: u64 = stream.chunks(piece).map(|bytes| frames.begun(bytes)).sum();
            assert_eq!(
                (count, frames.skip, frames.filled),
                (4, 0, 0),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_flood_of_frames_without_content_is_too_much() {
        for (kind, payload) in [(2, 5), (3, 4), (4, 0), (6, 8), (0, 0), (8, 4)] {
            let mut frames = begun();
            let thousand = frame(kind, payload).repeat(1000);
            let taken = (0..1000)
                .take_while(|_| frames.came(&thousand, Duration::ZERO))
                .count();
            assert!((16..20).contains(&taken), "{taken} thousand of kind {kind}");
        }
    }

    #[test]
    fn what_honest_peers_send_is_let_through() {
        let mut frames = begun();
        // A part of 32 MiB in the smallest pieces that a library sends, with a window update now
        // and then.
        for piece in 0..32 * 1024 {
            assert!(frames.came(&frame(0, 1024), Duration::ZERO), "{piece}");
        }
        // A thousand slots that begin and end at once, every ten seconds for an hour, with pings.
        for trial in 0..360_u64 {
            let at = Duration::from_secs(10 * trial);
            assert!(frames.came(&frame(0, 30).repeat(8000), at), "{trial}");
        }
        // A build of a gigabyte sent to a peer that acknowledges every 16 KiB twice.
        let mut frames = begun();
        for piece in 0..64 * 1024 {
            frames.sent(16 << 10);
            assert!(
                frames.came(&frame(8, 4).repeat(2), Duration::ZERO),
                "{piece}"
            );
        }
    }

    #[test]
    fn a_slow_trickle_is_no_flood() {
        let mut frames = begun();
        for second in 0..1000 {
            assert!(
                frames.came(&frame(6, 8).repeat(900), Duration::from_secs(second)),
                "{second}"
            );
        }
        assert!(
            !(0..100).all(|_| frames.came(&frame(6, 8).repeat(900), Duration::from_secs(1000)))
        );
    }
}
