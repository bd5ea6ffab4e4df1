//! Where the numbers come from, in one sentence or in full.

use contract::identity::Sha256;
use contract::run::RunHeader;

use crate::plan::Plan;
use crate::report::phrases::provenance::{ORIGIN, build, described, facts, machine, moves};
use crate::report::phrases::words::{count, joined, listed};
use crate::report::render::text::Page;
use crate::store::RunRecord;

/// One sentence.
pub(crate) fn short(page: &mut Page, header: &RunHeader) {
    let variants = header.variants.iter();
    let variants = listed(variants.map(|v| format!("{} {}", v.name, v.own_sha256().short())));
    let hosts = joined(header.hosts.iter().map(|(_, host)| machine(host)), "; ");
    let slots = count(header.slots.into(), "slot");
    page.gap();
    page.say(&format!(
        "{variants}; {slots}; seed {}; on {hosts}",
        header.seed
    ));
}

/// Everything.
pub(crate) fn full(page: &mut Page, record: &RunRecord, plan: &Plan) {
    let header = &record.header;
    page.heading(ORIGIN);
    let mut fact = |name: &str, text: &str| page.entry(name, text, 2, 12);
    for (name, text) in facts(header, plan, Sha256::short) {
        fact(name, &text);
    }
    header
        .hosts
        .iter()
        .for_each(|(agent, host)| fact("host", &described(agent, host)));
    moves(record, plan)
        .iter()
        .for_each(|moved| fact("moved", moved));
    header
        .variants
        .iter()
        .for_each(|variant| fact("variant", &build(variant)));
}
