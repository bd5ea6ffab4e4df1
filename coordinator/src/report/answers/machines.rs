//! Output of `capacity plan`: how many machines, and why that many. Must not compute them.

use std::io;

use serde_json::json;
use stats::capacity::{Demand, HostCapacity, Machines, cost_per_million_tokens};

use crate::capacity::CapacityAnswer;
use crate::report::Answer;
use crate::report::render::json::Json;
use crate::report::render::text::Page;

/// Machines for a load.
pub struct MachinesPlanned<'a> {
    /// The search.
    pub answer: &'a CapacityAnswer,
    /// Capacity of one machine.
    pub host: HostCapacity,
    /// The load.
    pub demand: Demand,
    /// How many.
    pub found: Machines,
    /// Hosts that the search measured together.
    pub hosts: usize,
    /// Price of a machine and hour.
    pub price: Option<f64>,
}

impl MachinesPlanned<'_> {
    /// Cost of a million output tokens at the target rate.
    fn cost(&self) -> Option<f64> {
        let tokens = self.demand.rate * self.answer.tokens_per_request?;
        let price = self.price? * f64::from(self.found.count);
        Some(cost_per_million_tokens(price, tokens))
    }
}

impl Answer for MachinesPlanned<'_> {
    fn text(&self, page: &mut Page) {
        let (found, demand, host) = (self.found, self.demand, self.host);
        let machines = |n: u32| format!("{n} machine{}", if n == 1 { "" } else { "s" });
        page.say(&format!(
            "{} for {} requests/s",
            machines(found.count),
            demand.rate
        ));
        page.gap();
        let headroom = format!("{:.0} % headroom", 100.0 * demand.headroom);
        let loss = format!("the loss of {}", machines(demand.survive));
        let (binds, other, count) = match found.for_headroom >= found.for_loss {
            true => (&headroom, &loss, found.for_loss),
            false => (&loss, &headroom, found.for_headroom),
        };
        page.item(&format!(
            "{binds} decides; {other} alone would take {count}"
        ));
        page.item(&format!(
            "one machine carries {:.2} requests/s, standard error {:.2}, assumed standard deviation between \
             machines {:.2}; the plan holds with 95 % confidence",
            host.mean, host.error, host.spread
        ));
        if self.hosts > 1 {
            let hosts = self.hosts;
            page.item(&format!(
                "the search measured {hosts} hosts together; each is taken as a share of them"
            ));
        } else {
            page.item(
                "the search measured one host, so the spread between machines is the one declared (--spread)",
            );
        }
        if self.answer.labels.iter().any(|label| label == "SIMULATED") {
            page.item("SIMULATED: the capacity is that of a simulated engine");
        }
        if let Some(cost) = self.cost() {
            page.item(&format!(
                "{cost:.3} for a million output tokens at {} requests/s",
                demand.rate
            ));
        }
        page.item(&format!("from run {}", self.answer.run));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let (found, demand, host) = (self.found, self.demand, self.host);
        to.answer(
            "machines",
            json!({
                "run": self.answer.run,
                "count": found.count,
                "for_headroom": found.for_headroom,
                "for_loss": found.for_loss,
                "target_rate": demand.rate,
                "headroom": demand.headroom,
                "survive": demand.survive,
                "rate_of_a_machine": host.mean,
                "rate_standard_error": host.error,
                "rate_spread": host.spread,
                "hosts_measured": self.hosts,
                "cost_per_million_tokens": self.cost(),
            }),
        )
    }

    fn quiet(&self) -> Vec<String> {
        vec![self.found.count.to_string()]
    }
}
