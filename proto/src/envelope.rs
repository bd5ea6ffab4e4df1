//! The frame around every stored or sent record: magic, kind, version, length and CRC-32 before the
//! payload. HdrHistogram and protobuf bytes have no checksum of their own, and a flipped bit would
//! decode to other numbers.

/// `PGOB`, at the start of every record.
pub const MAGIC: [u8; 4] = *b"PGOB";
/// The layout version written now. Readers accept this and all older ones.
pub const VERSION: u16 = 1;
/// Bytes before the payload: magic 4, kind 2, version 2, length 4, CRC-32 of kind, version, length
/// and payload 4.
pub const HEADER: usize = 16;

/// Kind of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What one worker measured in one trial.
    Part,
    /// The header of a run.
    RunHeader,
    /// A block whose parts are all durable.
    BlockDone,
    /// An event that a reader of the results must know.
    Notice,
    /// The end of a run.
    RunEnd,
    /// A user's annotation of a run.
    Annotation,
    /// Noise floors.
    NoiseFloors,
    /// A record of the server's queue or of its schedules.
    Desk,
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Shorter than their header says, or than any record.
    #[error("read a record: {have} bytes where {want} were written")]
    Truncated {
        /// Number of bytes.
        have: usize,
        /// Number of bytes that the header announces.
        want: usize,
    },
    /// Not a record of this program.
    #[error("read a record: it does not begin with the mark of a record")]
    NotARecord,
    /// Written by a newer program.
    #[error(
        "read a record of version {found}: this program knows versions up to {VERSION}; use a newer \
             program"
    )]
    Newer {
        /// Its version.
        found: u16,
    },
    /// A record of another kind.
    #[error("read a record of kind {found} where kind {expected} belongs")]
    Kind {
        /// Found number.
        found: u16,
        /// Expected number.
        expected: u16,
    },
    /// The bytes changed since they were written.
    #[error("read a record: its checksum does not match, the bytes were damaged")]
    Damaged,
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Part => 1,
            Self::RunHeader => 2,
            Self::BlockDone => 3,
            Self::Notice => 4,
            Self::RunEnd => 5,
            Self::Annotation => 6,
            Self::NoiseFloors => 7,
            Self::Desk => 8,
        }
    }
}

/// Encloses a payload in a frame.
#[must_use]
pub fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("records are far below 4 GiB");
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&kind.number().to_be_bytes());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&checksum(&bytes[4..12], payload).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Checks a frame and returns its payload.
///
/// # Errors
/// When the bytes are not exactly one intact record of this kind.
pub fn open(kind: Kind, bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
    let header = bytes.get(..HEADER).ok_or(EnvelopeError::Truncated {
        have: bytes.len(),
        want: HEADER,
    })?;
    if header[..4] != MAGIC {
        return Err(EnvelopeError::NotARecord);
    }
    let version = u16::from_be_bytes([header[6], header[7]]);
    if version > VERSION {
        return Err(EnvelopeError::Newer { found: version });
    }
    let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let payload = &bytes[HEADER..];
    let want = word(8) as usize;
    if payload.len() != want {
        return Err(EnvelopeError::Truncated {
            have: bytes.len(),
            want: HEADER + want,
        });
    }
    if word(12) != checksum(&header[4..12], payload) {
        return Err(EnvelopeError::Damaged);
    }
    let found = u16::from_be_bytes([header[4], header[5]]);
    if found != kind.number() {
        return Err(EnvelopeError::Kind {
            found,
            expected: kind.number(),
        });
    }
    Ok(payload)
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_bit_flip_is_found() {
        let sealed = seal(Kind::Part, b"what one worker measured");
        assert_eq!(
            open(Kind::Part, &sealed),
            Ok(&b"what one worker measured"[..])
        );
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Kind::Part, &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_found() {
        let sealed = seal(Kind::Part, b"payload");
        for cut in 0..sealed.len() {
            assert!(matches!(
                open(Kind::Part, &sealed[..cut]),
                Err(EnvelopeError::Truncated { .. })
            ));
        }
    }

    #[test]
    fn another_kind_and_a_newer_version_are_told_apart() {
        let sealed = seal(Kind::RunEnd, b"");
        assert_eq!(
            open(Kind::Part, &sealed),
            Err(EnvelopeError::Kind {
                found: 5,
                expected: 1
            })
        );
        let mut newer = sealed;
        newer[7] = 2;
        assert_eq!(
            open(Kind::RunEnd, &newer),
            Err(EnvelopeError::Newer { found: 2 })
        );
    }
}
