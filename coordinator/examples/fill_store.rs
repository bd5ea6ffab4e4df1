//! Fills a store with copies of one exported run under new ids, one day apart, to measure listings
//! of many runs:
//!
//!     cargo run --release -p coordinator --example fill_store -- STORE_DIR COUNT RUN.bench
//!
//! Every copy is written like a run: header, parts, blocks, end, each commit durable. A store on a
//! file system in memory fills faster.
#![expect(clippy::unwrap_used, reason = "an example")]

use std::path::PathBuf;

use contract::id::RunId;
use contract::part::Part;
use contract::record::Record;
use coordinator::store::{RunRecord, Store, read_archive};

const DAY_MS: u64 = 86_400_000;

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [dir, count, archive] = &arguments[..] else {
        panic!("STORE_DIR COUNT RUN.bench are needed")
    };
    let count: u64 = count.to_str().unwrap().parse().unwrap();
    let template = read_archive(archive).unwrap();
    let store = Store::open(dir).unwrap();
    for number in 0..count {
        // The last copy has the template's age; the others are older.
        let unix_ms = template.header.run.unix_ms() - (count - number) * DAY_MS / 8;
        write(&store, RunId::new(unix_ms, entropy(number)), &template);
    }
    store.close().unwrap();
}

fn entropy(number: u64) -> [u8; 10] {
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    std::array::from_fn(|at| hash[at % hash.len()])
}

fn write(store: &Store, run: RunId, template: &RunRecord) {
    let mut header = template.header.clone();
    header.run = run;
    store.begin_run(&header).unwrap();
    for block in &template.blocks {
        let place = |part: &Part| (part.place.key.cell, part.place.key.round);
        for part in template
            .parts
            .iter()
            .filter(|part| place(part) == (block.cell, block.round))
        {
            let mut part = part.clone();
            part.place.run = run;
            store.put_part(&part.place, &part.seal().unwrap()).unwrap();
        }
        store.commit_block(run, block, &[]).unwrap();
    }
    if let Some(end) = &template.end {
        store.end_run(run, end).unwrap();
    }
}
