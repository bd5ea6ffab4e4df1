//! Output of `capacity plan`: how many machines, and why that many. Must not compute them.

use std::io;

use serde_json::json;
use stats::capacity::{Demand, HostCapacity, Machines, cost_per_million_tokens};

use crate::capacity::{CapacityAnswer, Stretch, machine_hours};
use crate::report::Answer;
use crate::report::phrases::capacity::figure;
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;

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
    /// Mean rate of the day; the target without a profile.
    pub mean_rate: f64,
    /// The stretches of the day; empty without a profile.
    pub over_the_day: &'a [Stretch],
}

impl MachinesPlanned<'_> {
    /// Machines in use, on average over the day.
    fn mean_machines(&self) -> f64 {
        match self.over_the_day {
            [] => f64::from(self.found.count),
            stretches => machine_hours(stretches) / 24.0,
        }
    }

    /// Cost of a million output tokens, over the day or at the target rate.
    fn cost(&self) -> Option<f64> {
        let tokens = self.mean_rate * self.answer.tokens_per_request?;
        let price = self.price? * self.mean_machines();
        Some(cost_per_million_tokens(price, tokens))
    }

    fn table(&self) -> Table {
        let row = |stretch: &Stretch| {
            [
                format!("{} to {}", clock(stretch.from), clock(stretch.to)),
                figure(stretch.rate),
                stretch.machines.to_string(),
            ]
        };
        Table::new("Over the day", ["", "requests/s", "machines"])
            .words(&[0])
            .with(self.over_the_day.iter().map(row))
    }
}

impl Answer for MachinesPlanned<'_> {
    fn text(&self, page: &mut Page) {
        let (found, demand, host) = (self.found, self.demand, self.host);
        let machines = |n: u32| format!("{n} machine{}", if n == 1 { "" } else { "s" });
        page.say(&format!(
            "{} for {} requests/s{}",
            machines(found.count),
            figure(demand.rate),
            if self.over_the_day.is_empty() {
                ""
            } else {
                ", the peak of the day"
            }
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
                figure(self.mean_rate)
            ));
        }
        if !self.over_the_day.is_empty() {
            let hours = machine_hours(self.over_the_day);
            let always = 24.0 * f64::from(found.count);
            page.item(&format!(
                "over the day {hours:.0} machine-hours, {:.1} machines on average; {} all day long would be {always:.0}",
                self.mean_machines(),
                machines(found.count)
            ));
        }
        page.item(&format!("from run {}", self.answer.run));
        page.captioned(&self.table());
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
                "mean_rate": self.mean_rate,
                "mean_machines": self.mean_machines(),
                "over_the_day": self.over_the_day.iter().map(|stretch| json!({
                    "from_minute": stretch.from,
                    "to_minute": stretch.to,
                    "rate": stretch.rate,
                    "machines": stretch.machines,
                })).collect::<Vec<_>>(),
            }),
        )
    }

    fn quiet(&self) -> Vec<String> {
        vec![self.found.count.to_string()]
    }
}

/// A minute of the day as people write it.
fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
