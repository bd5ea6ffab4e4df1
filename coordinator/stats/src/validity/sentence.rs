//! The sentence of each reason: the finding and its limit.

use std::fmt;

use super::reason::{Finding, Location, Reason};

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            None => self.reason.fmt(f),
            Some(Location { arm, round: None }) => {
                write!(f, "{} (arm {})", self.reason, arm.name())
            }
            Some(Location {
                arm,
                round: Some(round),
            }) => {
                write!(f, "{} (arm {}, round {round})", self.reason, arm.name())
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CountMismatch { planned, issued } => {
                write!(f, "{planned} requests planned, {issued} issued")
            }
            Self::OutcomeMismatch {
                issued,
                succeeded,
                failed,
            } => {
                write!(
                    f,
                    "{issued} requests issued, but {succeeded} succeeded and {failed} failed"
                )
            }
            Self::StoppedEarly { parts, of } => {
                write!(
                    f,
                    "the stop rule ended {parts} of {of} windows, for errors or over-saturation"
                )
            }
            Self::Overflow { values } => write!(f, "{values} values did not fit a histogram"),
            Self::WorkersLost { workers } => {
                write!(
                    f,
                    "{workers} workers lost, their blocks were never completed"
                )
            }
            Self::BlocksRepeated { workers } => {
                write!(f, "{workers} workers lost, their blocks were repeated")
            }
            Self::LoadShrunk { requests } => {
                write!(
                    f,
                    "{requests} requests were not sent because their workers were lost"
                )
            }
            Self::NothingSucceeded { issued } => write!(f, "none of {issued} requests succeeded"),
            Self::FailedShare {
                failed,
                issued,
                limit,
            } => {
                write!(
                    f,
                    "{failed} of {issued} requests failed, limit {}",
                    Share(*limit)
                )
            }
            Self::SomeFailed { failed, issued } => {
                write!(f, "{failed} of {issued} requests failed")
            }
            Self::FailuresDiffer {
                first,
                second,
                limit,
            } => {
                let ((a, x), (b, y)) = (first, second);
                let (a, b) = (a.name(), b.name());
                write!(
                    f,
                    "arm {a} failed {}, arm {b} {}, limit {}",
                    Share(*x),
                    Share(*y),
                    Share(*limit)
                )
            }
            Self::Lateness { p99, limit } => {
                write!(f, "requests sent late: p99 {p99:.1?}, limit {limit:.1?}")
            }
            Self::StartSkew { skew, limit } => {
                write!(f, "workers started {skew:.1?} apart, limit {limit:.1?}")
            }
            Self::ClockUncertainty { uncertainty, limit } => {
                write!(
                    f,
                    "clocks known to {uncertainty:.1?} only, limit {limit:.1?}"
                )
            }
            Self::GeneratorBusy { share, limit } => {
                write!(
                    f,
                    "generator busy {}, limit {}",
                    Share(*share),
                    Share(*limit)
                )
            }
            Self::NearGeneratorLimit { share, limit } => {
                let (share, limit) = (Share(*share), Share(*limit));
                write!(
                    f,
                    "requests/s at {share} of the generator limit, at most {limit} allowed"
                )
            }
            Self::Steal { share, limit } | Self::SomeSteal { share, limit } => {
                write!(
                    f,
                    "{} of CPU time stolen, limit {}",
                    Share(*share),
                    Share(*limit)
                )
            }
            Self::OthersBusy { share, limit } => {
                write!(
                    f,
                    "other programs took {} of CPU time, limit {}",
                    Share(*share),
                    Share(*limit)
                )
            }
            Self::FrequencyDrift { range, limit } => {
                write!(
                    f,
                    "CPU frequency moved by {}, limit {}",
                    Share(*range),
                    Share(*limit)
                )
            }
            Self::TooShort { duration, limit } => {
                write!(f, "measured {duration:.1?}, at least {limit:.1?} needed")
            }
            Self::NotAchieved {
                offered,
                issued,
                limit,
            } => {
                write!(
                    f,
                    "{issued} of {offered} offered requests sent in the window, at least {} needed",
                    Share(*limit)
                )
            }
            Self::LittlesLaw {
                in_flight,
                expected,
                limit,
            } => {
                write!(
                    f,
                    "{in_flight:.2} in flight, X·R = {expected:.2}, limit {}",
                    Share(*limit)
                )
            }
            Self::NotStationary { change, p, limit } => {
                let (change, limit) = (Share(*change), Share(*limit));
                write!(
                    f,
                    "latency moved by {change} inside the window, limit {limit} (p = {p:.4})"
                )
            }
            Self::OverSaturated { in_flight, ttft, p } => {
                let (in_flight, ttft) = (Share(*in_flight), Share(*ttft));
                write!(
                    f,
                    "in flight rose by {in_flight} and TTFT by {ttft} inside the window (p = {p:.4})"
                )
            }
            Self::FellBehind {
                backlog,
                arrived,
                ttft,
            } => write!(
                f,
                "the backlog grew by {backlog:.0} of {arrived} requests that arrived meanwhile, and the \
                 mean TTFT grew to {ttft:.1?}"
            ),
            Self::SaturationUnknown { least, most, limit } => write!(
                f,
                "TTFT grew from {least:.1?} to {most:.1?}, limit {limit:.1?}: it is unknown whether the \
                 engine keeps up"
            ),
            Self::MovementUnknown { change, limit } => {
                let (change, limit) = (Share(*change), Share(*limit));
                write!(
                    f,
                    "latency may have moved by {change} inside the window, limit {limit}: noise hides it"
                )
            }
            Self::TokensUnchecked { rounds, of } => {
                write!(
                    f,
                    "failed requests left no tokens to compare in {rounds} of {of} rounds"
                )
            }
            Self::TokensDiffer {
                rounds,
                first_round,
            } => {
                write!(
                    f,
                    "greedy tokens differ between the arms in {rounds} rounds, first in round {}",
                    first_round + 1
                )
            }
            Self::ServerChanged {
                first_round,
                before,
                now,
            } => {
                write!(
                    f,
                    "the server was replaced during the run: it was `{before}`, and `{now}` from round \
                     {} on",
                    first_round + 1
                )
            }
            Self::SameCode => write!(f, "the variants are the same code"),
            Self::Simulated => write!(f, "SIMULATED"),
            Self::FewExceedances {
                quantile,
                exceedances,
                warn_below,
            } => {
                write!(
                    f,
                    "only {exceedances} values lie beyond p{}, {warn_below} needed",
                    100.0 * quantile
                )
            }
        }
    }
}

/// A share as per cent.
pub(super) struct Share(f64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} %", 100.0 * self.0)
    }
}
