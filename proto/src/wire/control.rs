//! The control interface of a server: the generated service and messages of `bench.control.v1`. Must
//! not know what a call does.

pub use generated::control_client::ControlClient;
pub use generated::control_server::{Control, ControlServer};

/// Generated from `proto/bench/control/v1/control.proto`.
pub mod generated {
    #![expect(
        missing_docs,
        reason = "generated code; the proto file carries the documentation"
    )]
    #![expect(unused_qualifications, reason = "generated code")]
    #![expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    #![expect(clippy::large_enum_variant, reason = "generated code; jobs are rare")]
    tonic::include_proto!("bench.control.v1");
}
