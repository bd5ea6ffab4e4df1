//! `capacity plan`: how many machines carry a load, from a stored search.

use std::path::Path;

use stats::capacity::{Demand, HostCapacity, machines};

use super::search::found;
use super::{App, ExitCode};
use crate::capacity::DayProfile;
use crate::cli::MachinesArgs;
use crate::error::{AppError, exit};
use crate::plan::Varied;
use crate::report::answers;

pub(super) fn planned(app: &mut App<'_>, args: &MachinesArgs) -> Result<ExitCode, AppError> {
    let store = app.reading()?;
    let run = store.find(&args.run)?;
    let answer = found(&store, run)?;
    if answer.capacity.varied == Varied::Concurrency {
        return Err(AppError::NoRate {
            what: "plan machines",
            run: args.run.clone(),
        });
    }
    let estimate = answer.confirmed().ok_or_else(|| AppError::NoCapacity {
        what: "plan machines",
        run: args.run.clone(),
        outcome: answer.what_instead(),
    })?;
    let hosts = store.header(run)?.hosts.len().max(1);
    let mean = estimate.baseline.centre.exp() / hosts as f64;
    // The half width is that of Student's t, so the normal value gives no error that is too small.
    let error = mean * estimate.baseline.half / 1.96;
    let host = HostCapacity {
        mean,
        error,
        spread: mean * args.spread,
        freedom: None,
    };
    let day = args.profile.as_deref().map(day).transpose()?;
    let peak = day.as_ref().map(DayProfile::peak);
    let demand = Demand {
        rate: args.target.or(peak).unwrap_or_default(),
        headroom: args.headroom,
        survive: args.survive,
    };
    let found = machines(host, demand).ok_or(AppError::NoMachines)?;
    let over_the_day = match &day {
        Some(day) => day.machines(host, demand).ok_or(AppError::NoMachines)?,
        None => Vec::new(),
    };
    app.reporter.say(&answers::MachinesPlanned {
        answer: &answer,
        host,
        demand,
        found,
        hosts,
        price: args.price,
        mean_rate: day.as_ref().map_or(demand.rate, DayProfile::mean),
        over_the_day: &over_the_day,
    })?;
    Ok(exit::OK)
}

/// The load of a day in a file.
fn day(path: &Path) -> Result<DayProfile, AppError> {
    let text = std::fs::read_to_string(path).map_err(|source| AppError::Io {
        path: path.to_owned(),
        source,
    })?;
    text.parse().map_err(|source| AppError::Profile {
        path: path.to_owned(),
        source,
    })
}
