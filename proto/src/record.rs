//! Encodes and decodes records: each stored type to a sealed envelope and back. The only module
//! that knows the generated types of `bench.record.v1`. The worker uses it to seal its part, the
//! coordinator for its store.

mod addendum;
mod host;
mod part;
mod run;
mod sent;
mod server;

use prost::Message;

use crate::addendum::{Annotation, NoiseFloors};
use crate::envelope::{self, EnvelopeError, Kind};
use crate::histogram::HistogramError;
use crate::mirror::{Field, Mirror};
use crate::part::{Part, PartKey};
use crate::run::{BlockDone, Notice, RunEnd, RunHeader};

pub(crate) use host::{host_from, host_to};

pub(crate) mod pb {
    #![expect(unreachable_pub, reason = "generated code")]
    tonic::include_proto!("bench.record.v1");
}

/// Why bytes are not a valid record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The frame is invalid.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The payload is not the message it claims to be.
    #[error("decode a record: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A histogram inside is invalid.
    #[error("decode the {metric} histogram of a part: {source}")]
    Histogram {
        /// Name of the metric.
        metric: String,
        /// Why its bytes are not a histogram.
        source: HistogramError,
    },
    /// A field has a value that no writer writes.
    #[error("decode a record: the field `{0}` holds an impossible value")]
    Field(&'static str),
}

/// A type that is stored.
pub trait Record: Sized {
    /// Encodes and seals it.
    ///
    /// # Errors
    /// When a histogram cannot be encoded.
    fn seal(&self) -> Result<Vec<u8>, RecordError>;

    /// Decodes it, checking frame, checksum, layout and counts.
    ///
    /// # Errors
    /// When the bytes are not exactly one intact record of this type.
    fn open(bytes: &[u8]) -> Result<Self, RecordError>;
}

/// The key of a sealed part, without decoding its histograms. Frame and checksum prove that the
/// bytes are those that were sealed.
///
/// # Errors
/// When the bytes are not exactly one intact part.
pub fn place_of(sealed: &[u8]) -> Result<PartKey, RecordError> {
    part::place(&pb::Part::decode(envelope::open(Kind::Part, sealed)?)?)
}

/// Reads a field, or names it if it has a value that no writer writes.
fn field<W, T: Field<W>>(stored: W, name: &'static str) -> Result<T, RecordError> {
    T::read(stored).ok_or(RecordError::Field(name))
}

fn mirrored_one<M, T: Mirror<M>>(message: M) -> Result<T, RecordError> {
    T::from_message(message).map_err(RecordError::Field)
}

fn mirrored<M, T: Mirror<M>>(messages: Vec<M>) -> Result<Vec<T>, RecordError> {
    messages.into_iter().map(mirrored_one).collect()
}

fn messages<M, T: Mirror<M> + Clone>(all: &[T]) -> Vec<M> {
    all.iter().cloned().map(Mirror::to_message).collect()
}

macro_rules! record {
    ($type:ty, $kind:expr, $pb:ty, $encode:path, $decode:path) => {
        impl Record for $type {
            fn seal(&self) -> Result<Vec<u8>, RecordError> {
                Ok(envelope::seal($kind, &$encode(self)?.encode_to_vec()))
            }

            fn open(bytes: &[u8]) -> Result<Self, RecordError> {
                $decode(<$pb>::decode(envelope::open($kind, bytes)?)?)
            }
        }
    };
}

record!(Part, Kind::Part, pb::Part, part::encode, part::decode);
record!(
    RunHeader,
    Kind::RunHeader,
    pb::RunHeader,
    run::encode_header,
    run::decode_header
);
record!(
    BlockDone,
    Kind::BlockDone,
    pb::BlockDone,
    run::encode_block,
    run::decode_block
);
record!(
    Notice,
    Kind::Notice,
    pb::Notice,
    run::encode_notice,
    run::decode_notice
);
record!(
    RunEnd,
    Kind::RunEnd,
    pb::RunEnd,
    run::encode_end,
    run::decode_end
);
record!(
    Annotation,
    Kind::Annotation,
    pb::Annotation,
    addendum::encode_annotation,
    addendum::decode_annotation
);
record!(
    NoiseFloors,
    Kind::NoiseFloors,
    pb::NoiseFloors,
    addendum::encode_floors,
    addendum::decode_floors
);
