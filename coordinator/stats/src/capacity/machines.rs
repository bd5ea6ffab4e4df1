//! How many machines carry a load. Owns the two demands, headroom and loss; must not know hosts.

use crate::student::t_upper;

/// Machines at most; more are not planned from one measurement.
const MOST: u32 = 100_000;
/// One-sided error of the plan.
const ERROR: f64 = 0.05;

/// Capacity of one host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostCapacity {
    /// Mean over the hosts measured, requests a second.
    pub mean: f64,
    /// Standard error of that mean.
    pub error: f64,
    /// Standard deviation between hosts, measured or declared.
    pub spread: f64,
    /// Degrees of freedom of both; `None` if the spread is declared.
    pub freedom: Option<u32>,
}

/// What the machines must carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Requests a second at the peak, λ.
    pub rate: f64,
    /// Headroom h: all machines together carry λ(1 + h).
    pub headroom: f64,
    /// Machines that may be lost, f: the others carry λ.
    pub survive: u32,
}

/// How many, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machines {
    /// The number.
    pub count: u32,
    /// Machines that the headroom alone would take.
    pub for_headroom: u32,
    /// Machines that the loss alone would take.
    pub for_loss: u32,
}

/// The smallest K with (K − f)c̄ − t·√((K − f)s² + (K − f)²·se²) ≥ λ, once with f = 0 for λ(1 + h)
/// and once with the loss for λ; the larger number. t is the one-sided 95 % quantile. `None` if no
/// number suffices: the capacity is not above zero within its error.
#[must_use]
pub fn machines(host: HostCapacity, demand: Demand) -> Option<Machines> {
    let for_headroom = smallest(host, demand.rate * (1.0 + demand.headroom))?;
    let for_loss = smallest(host, demand.rate)?.checked_add(demand.survive)?;
    Some(Machines {
        count: for_headroom.max(for_loss),
        for_headroom,
        for_loss,
    })
}

fn smallest(host: HostCapacity, rate: f64) -> Option<u32> {
    // The quantile of very many degrees of freedom is the normal one.
    let t = t_upper(ERROR, host.freedom.map_or(1e6, |df| f64::from(df.max(1))));
    let carries = |count: u32| {
        let k = f64::from(count);
        k * host.mean - t * (k * host.spread.powi(2) + (k * host.error).powi(2)).sqrt()
    };
    let (mut low, mut high) = (0, 1);
    while carries(high) < rate {
        (low, high) = (high, high * 2);
        if high > MOST {
            return None;
        }
    }
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        if carries(middle) >= rate {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Cost of a million tokens: price an hour ÷ (tokens a second · 3600) · 10⁶.
#[must_use]
pub fn cost_per_million_tokens(price_per_hour: f64, tokens_per_second: f64) -> f64 {
    price_per_hour / (tokens_per_second * 3600.0) * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: HostCapacity = HostCapacity {
        mean: 16.0,
        error: 0.0,
        spread: 0.0,
        freedom: None,
    };

    #[test]
    fn headroom_and_loss_apart_and_the_larger_wins() {
        let demand = Demand {
            rate: 300.0,
            headroom: 0.3,
            survive: 1,
        };
        let found = machines(EXACT, demand).unwrap();
        assert_eq!(
            (found.for_headroom, found.for_loss, found.count),
            (25, 20, 25)
        );
        let small = Demand {
            rate: 10.0,
            headroom: 0.3,
            survive: 1,
        };
        assert_eq!(machines(EXACT, small).unwrap().count, 2);
    }

    /// With the spread and the error at work, the planned number carries the load in at least 95 %
    /// of fleets; the number without them in far fewer.
    #[test]
    fn planned_fleets_carry_their_load() {
        let mut rng = crate::rng::Seed(5).rng();
        let mut normal = || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
        let (mut planned, mut naive) = (0, 0);
        for _ in 0..400 {
            let measured = 16.0 + 0.5 * normal();
            let host = HostCapacity {
                mean: measured,
                error: 0.5,
                spread: 1.0,
                freedom: Some(11),
            };
            let demand = Demand {
                rate: 300.0,
                headroom: 0.0,
                survive: 0,
            };
            let mut carried = |host| {
                let count = machines(host, demand).unwrap().count;
                (0..count).map(|_| 16.0 + normal()).sum::<f64>() >= 300.0
            };
            planned += u32::from(carried(host));
            naive += u32::from(carried(HostCapacity {
                error: 0.0,
                spread: 0.0,
                ..host
            }));
        }
        assert!(planned >= 376, "{planned} of 400");
        assert!(naive <= 340, "the twin: {naive} of 400");
    }

    #[test]
    fn no_number_suffices_where_the_capacity_may_be_zero() {
        let host = HostCapacity {
            error: 10.0,
            freedom: Some(3),
            ..EXACT
        };
        let demand = Demand {
            rate: 300.0,
            headroom: 0.0,
            survive: 0,
        };
        assert_eq!(machines(host, demand), None);
    }

    #[test]
    fn cost_of_tokens() {
        assert!((cost_per_million_tokens(3.6, 1000.0) - 1.0).abs() < 1e-12);
    }
}
