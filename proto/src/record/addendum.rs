//! [`Annotation`] and [`NoiseFloors`] to stored messages and back.

use super::{RecordError, field, pb};
use crate::addendum::{Annotation, AnnotationKind, NoiseFloor, NoiseFloors};

pub(super) fn encode_annotation(annotation: &Annotation) -> Result<pb::Annotation, RecordError> {
    Ok(pb::Annotation {
        unix_ms: annotation.unix_ms,
        kind: annotation.kind.name().to_owned(),
        text: annotation.text.clone(),
    })
}

pub(super) fn decode_annotation(annotation: pb::Annotation) -> Result<Annotation, RecordError> {
    Ok(Annotation {
        unix_ms: annotation.unix_ms,
        kind: AnnotationKind::from_name(&annotation.kind).ok_or(RecordError::Field("kind"))?,
        text: annotation.text,
    })
}

pub(super) fn encode_floors(floors: &NoiseFloors) -> Result<pb::NoiseFloors, RecordError> {
    let floor = |floor: &NoiseFloor| pb::NoiseFloor {
        scenario: floor.scenario.clone(),
        measure: floor.measure.clone(),
        share: floor.share,
    };
    Ok(pb::NoiseFloors {
        unix_ms: floors.unix_ms,
        series: floors.series.clone(),
        host_class: floors.host_class.clone(),
        baseline_sha256: floors.baseline.0.to_vec(),
        runs: floors.runs,
        floors: floors.floors.iter().map(floor).collect(),
    })
}

pub(super) fn decode_floors(floors: pb::NoiseFloors) -> Result<NoiseFloors, RecordError> {
    let floor = |floor: pb::NoiseFloor| {
        let sound = floor.share.is_finite() && floor.share >= 0.0;
        let decoded = NoiseFloor {
            scenario: floor.scenario,
            measure: floor.measure,
            share: floor.share,
        };
        sound.then_some(decoded).ok_or(RecordError::Field("share"))
    };
    Ok(NoiseFloors {
        unix_ms: floors.unix_ms,
        series: floors.series,
        host_class: floors.host_class,
        baseline: field(floors.baseline_sha256, "baseline_sha256")?,
        runs: floors.runs,
        floors: floors
            .floors
            .into_iter()
            .map(floor)
            .collect::<Result<_, _>>()?,
    })
}
