//! Schedules: an order that is due again and again. Owns what is due, what was missed, and what is
//! made up for; must not know the queue, nor how a calendar is computed.
//!
//! | when the server looks | what follows |
//! |---|---|
//! | an occurrence is at most a minute old | it is submitted |
//! | … and the last job of the schedule is not over | it is missed: jobs of a schedule never stack |
//! | occurrences are older: the server was down | they are missed, all by name |
//! | … and none is due now | the newest of them is made up for, once, if the last job is over |

use serde::{Deserialize, Serialize};

use super::job::{JobId, Order};

/// An occurrence that is older was missed, milliseconds.
pub(super) const ON_TIME_MS: u64 = 60_000;
/// Missed occurrences that are kept by name.
const NAMED: usize = 100;
/// Occurrences that are looked at in one step. Beyond that the server was down for weeks, or the
/// clock jumped.
const LOOKED_AT: usize = 100_000;

/// Computes the occurrences of a schedule.
pub(super) trait Calendar {
    /// The first occurrence after an instant, milliseconds since 1970; `None` if there is none.
    fn next_after(&self, unix_ms: u64) -> Option<u64>;
}

/// Why an occurrence was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The server was down.
    Down,
    /// The schedule's last job was not over.
    Busy,
    /// The queue took no more jobs.
    Full,
}

/// A missed occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// When it was due, milliseconds since 1970.
    pub due_ms: u64,
    /// Why it was missed.
    pub why: Why,
    /// The job that made up for it.
    #[serde(default)]
    pub made_up: Option<JobId>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When it is due, as a cron expression.
    pub cron: String,
    /// The time zone of the expression, such as `Europe/Berlin`.
    pub zone: String,
    /// What is measured.
    pub order: Order,
    /// Occurrences up to here are accounted for, milliseconds since 1970.
    pub seen_ms: u64,
    /// The last job that it submitted.
    #[serde(default)]
    pub last: Option<JobId>,
    /// Number of missed occurrences in all.
    #[serde(default)]
    pub missed_in_all: u64,
    /// The last of them, oldest first.
    #[serde(default)]
    pub missed: Vec<Missed>,
}

/// Why a schedule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression cannot be read.
    #[error(
        "read the schedule `{cron}`: {reason}; give five fields: minute, hour, day, month, weekday, such as `30 2 * * *`"
    )]
    Cron {
        /// The expression.
        cron: String,
        /// What is wrong.
        reason: String,
    },
    /// The expression never matches.
    #[error("read the schedule `{cron}`: it is never due")]
    Never {
        /// The expression.
        cron: String,
    },
    /// No such time zone.
    #[error(
        "find the time zone `{zone}`: give a name of the IANA database, such as Europe/Berlin or UTC"
    )]
    Zone {
        /// The name.
        zone: String,
    },
    /// The name is in use.
    #[error(
        "add the schedule `{name}`: there is one of that name; remove it first, or give another name"
    )]
    Exists {
        /// The name.
        name: String,
    },
    /// No such schedule.
    #[error("find the schedule `{name}`: there is none; `coordinator schedule list` shows all")]
    NoSuchSchedule {
        /// The name.
        name: String,
    },
    /// The name cannot be used.
    #[error("name the schedule: 1 to 40 letters, digits, `-`, `_` and `.`")]
    Name,
}

/// A job that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// When it was due, milliseconds since 1970.
    pub(super) due_ms: u64,
    /// Whether it was missed then.
    pub(super) made_up: bool,
}

impl Schedule {
    /// Accounts for all occurrences up to now; returns what is to be submitted, and whether
    /// anything changed. `busy` is whether its last job is not over.
    pub(super) fn look(
        &mut self,
        calendar: &dyn Calendar,
        now_ms: u64,
        busy: bool,
    ) -> (Option<Due>, bool) {
        let mut on_time = None;
        let mut missed = Vec::new();
        let mut at = self.seen_ms;
        for _ in 0..LOOKED_AT {
            let Some(next) = calendar.next_after(at).filter(|next| *next <= now_ms) else {
                break;
            };
            at = next;
            // Of several that are on time, the last one counts: they never stack.
            missed.extend(on_time.take());
            if now_ms - next <= ON_TIME_MS {
                on_time = Some(next);
            } else {
                missed.push(next);
            }
        }
        if at == self.seen_ms {
            return (None, false);
        }
        self.seen_ms = at;
        let newest = missed.last().copied();
        missed
            .iter()
            .for_each(|due_ms| self.miss(*due_ms, Why::Down));
        let due = match (on_time, newest) {
            (Some(due_ms), _) if busy => {
                self.miss(due_ms, Why::Busy);
                None
            }
            (Some(due_ms), _) => Some(Due {
                due_ms,
                made_up: false,
            }),
            (None, Some(due_ms)) if !busy => Some(Due {
                due_ms,
                made_up: true,
            }),
            (None, _) => None,
        };
        (due, true)
    }

    /// A job was submitted.
    pub(super) fn submitted(&mut self, due: Due, job: JobId) {
        self.last = Some(job);
        if due.made_up
            && let Some(missed) = self.missed.iter_mut().find(|m| m.due_ms == due.due_ms)
        {
            missed.made_up = Some(job);
        }
    }

    /// An occurrence was missed.
    pub(super) fn miss(&mut self, due_ms: u64, why: Why) {
        self.missed_in_all += 1;
        self.missed.push(Missed {
            due_ms,
            why,
            made_up: None,
        });
        let surplus = self.missed.len().saturating_sub(NAMED);
        self.missed.drain(..surplus);
    }
}

/// Whether a schedule may have this name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
