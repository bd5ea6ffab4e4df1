//! Messages of `bench.control.v1` as the project's own types, and back.

use contract::wire::control::generated as wire;

use crate::plan::Plan;
use crate::serve::{JobView, Kind, MissedView, Order, ScheduleView};

/// An order as it was asked for.
///
/// # Errors
/// When it is incomplete or its plan cannot be read: one sentence.
pub(super) fn order(order: Option<wire::Order>) -> Result<Order, String> {
    let order = order.ok_or("there is no order")?;
    let kind = match order.kind.as_str() {
        "run" => Kind::Run,
        "capacity" => Kind::Capacity,
        "calibration" if order.comparisons > 0 => Kind::Calibration {
            comparisons: order.comparisons,
        },
        "calibration" => return Err("a calibration needs a number of comparisons".to_owned()),
        other => return Err(format!("there is no measurement of the kind `{other}`")),
    };
    let plan = Plan::from_json(&order.plan_json).map_err(|error| error.to_string())?;
    if plan.capacity.is_some() != (kind == Kind::Capacity) {
        return Err("only a search for a capacity has the table of one in its plan".to_owned());
    }
    if order.variants.is_empty() {
        return Err("there are no variants".to_owned());
    }
    Ok(Order {
        kind,
        plan: plan.name,
        plan_json: order.plan_json,
        variants: order.variants,
        a_a: order.a_a,
        fixed_seed: order.fixed_seed,
    })
}

pub(super) fn order_message(order: Order) -> wire::Order {
    let comparisons = match order.kind {
        Kind::Calibration { comparisons } => comparisons,
        Kind::Run | Kind::Capacity => 0,
    };
    wire::Order {
        kind: order.kind.name().to_owned(),
        plan_json: order.plan_json,
        variants: order.variants,
        a_a: order.a_a,
        fixed_seed: order.fixed_seed,
        comparisons,
    }
}

pub(super) fn job_message(job: &JobView) -> wire::Job {
    let job = job.clone();
    wire::Job {
        id: job.id,
        kind: job.kind,
        plan: job.plan,
        variants: job.variants,
        state: job.state,
        run: job.run,
        reason: job.reason,
        validity: job.validity,
        submitted_ms: job.submitted_ms,
        not_before_ms: job.not_before_ms,
        ended_ms: job.ended_ms,
        failures: job.failures.into_iter().collect(),
        schedule: job.schedule,
        due_ms: job.due_ms,
        made_up: job.made_up,
    }
}

pub(super) fn job(job: wire::Job) -> JobView {
    JobView {
        id: job.id,
        kind: job.kind,
        plan: job.plan,
        variants: job.variants,
        state: job.state,
        run: job.run,
        reason: job.reason,
        validity: job.validity,
        submitted_ms: job.submitted_ms,
        not_before_ms: job.not_before_ms,
        ended_ms: job.ended_ms,
        failures: job.failures.into_iter().collect(),
        schedule: job.schedule,
        due_ms: job.due_ms,
        made_up: job.made_up,
    }
}

pub(super) fn schedule_message(schedule: &ScheduleView) -> wire::Schedule {
    let schedule = schedule.clone();
    let missed = schedule.missed.into_iter().map(|missed| wire::Missed {
        due_ms: missed.due_ms,
        due: missed.due,
        why: missed.why,
        made_up: missed.made_up,
    });
    wire::Schedule {
        name: schedule.name,
        cron: schedule.cron,
        zone: schedule.zone,
        kind: schedule.kind,
        plan: schedule.plan,
        next_ms: schedule.next_ms,
        next: schedule.next,
        last_job: schedule.last_job,
        missed_in_all: schedule.missed_in_all,
        missed: missed.collect(),
    }
}

pub(super) fn schedule(schedule: wire::Schedule) -> ScheduleView {
    let missed = schedule.missed.into_iter().map(|missed| MissedView {
        due_ms: missed.due_ms,
        due: missed.due,
        why: missed.why,
        made_up: missed.made_up,
    });
    ScheduleView {
        name: schedule.name,
        cron: schedule.cron,
        zone: schedule.zone,
        kind: schedule.kind,
        plan: schedule.plan,
        next_ms: schedule.next_ms,
        next: schedule.next,
        last_job: schedule.last_job,
        missed_in_all: schedule.missed_in_all,
        missed: missed.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_schedules_travel_unchanged() {
        let view = JobView {
            id: 7,
            kind: "run".into(),
            plan: "high".into(),
            variants: vec!["a".into(), "b".into()],
            state: "running".into(),
            run: "R".into(),
            reason: "r".into(),
            validity: "VALID".into(),
            submitted_ms: 1,
            not_before_ms: 2,
            ended_ms: Some(3),
            failures: [("lost".to_owned(), 2)].into(),
            schedule: "nightly".into(),
            due_ms: 4,
            made_up: true,
        };
        assert_eq!(job(job_message(&view)), view);
        let view = ScheduleView {
            name: "nightly".into(),
            cron: "30 2 * * *".into(),
            zone: "UTC".into(),
            kind: "run".into(),
            plan: "high".into(),
            next_ms: Some(1),
            next: "n".into(),
            last_job: Some(2),
            missed_in_all: 3,
            missed: vec![MissedView {
                due_ms: 4,
                due: "d".into(),
                why: "down".into(),
                made_up: Some(5),
            }],
        };
        assert_eq!(schedule(schedule_message(&view)), view);
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused() {
        let told = |asked: wire::Order| order(Some(asked)).unwrap_err();
        assert!(order(None).is_err());
        let of = |kind: &str| wire::Order {
            kind: kind.to_owned(),
            ..wire::Order::default()
        };
        assert!(told(of("dance")).contains("dance"));
        assert!(told(of("calibration")).contains("number"));
        assert!(told(of("run")).contains("plan"));
    }
}
