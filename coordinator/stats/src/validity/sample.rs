//! Decides whether a quantile may be shown: with too few values beyond it, it describes single
//! requests (docs/validity.md).

use super::{Reason, Thresholds};
use crate::summary::exceedances;

/// Whether a quantile may be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Enough values lie beyond it.
    Shown,
    /// Shown with this warning; the measurement stays VALID.
    Warned(Reason),
    /// Not shown: too few values lie beyond it.
    Hidden {
        /// Number of values beyond it.
        exceedances: u64,
    },
}

/// Judges the `q` quantile of `count` values. For the paired interval, `count` is that of the
/// smallest arm and round; for the pooled ratio, the pooled count.
#[must_use]
pub fn claim(count: u64, q: f64, thresholds: &Thresholds) -> Claim {
    let exceedances = exceedances(count, q);
    let warn_below = thresholds.warn_below;
    if exceedances < thresholds.hide_below {
        Claim::Hidden { exceedances }
    } else if exceedances < warn_below {
        Claim::Warned(Reason::FewExceedances {
            quantile: q,
            exceedances,
            warn_below,
        })
    } else {
        Claim::Shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_shows_its_median_and_hides_its_p99() {
        let t = Thresholds::default();
        assert!(matches!(claim(100, 0.5, &t), Claim::Warned(_)));
        assert_eq!(claim(200, 0.5, &t), Claim::Shown);
        assert!(matches!(
            claim(100, 0.9, &t),
            Claim::Warned(Reason::FewExceedances {
                exceedances: 10,
                ..
            })
        ));
        assert_eq!(claim(99, 0.9, &t), Claim::Hidden { exceedances: 9 });
        assert_eq!(claim(200, 0.99, &t), Claim::Hidden { exceedances: 2 });
        assert_eq!(claim(10_000, 0.99, &t), Claim::Shown);
    }
}
