//! Searches for a capacity as the program reads them: what a candidate gained, its gate, numbers in
//! flight, searches of different times, exports, machines.

use contract::id::RunId;
use contract::record::Record;
use coordinator::capacity::CapacitySearch;
use coordinator::plan::Varied;
use coordinator::report::document::CapacityDocument;
use coordinator::store::Store;
use stats::capacity::Outcome;

use crate::lab::{QUIET, done, each, header, program, said};
use crate::searches::{RATES, Wanted, code, on_two_hosts, refusal, stored};

#[test]
fn a_candidate_that_carries_more_or_less_is_told_and_gated() {
    for (ratio, verdict, gated) in [(0.75, "FASTER", 0), (1.33, "SLOWER", 1)] {
        let (dir, kept) = stored(&[Wanted {
            ratio: Some(ratio),
            ..RATES
        }]);
        let gain = kept[0].1.gain.as_ref();
        let gain = gain.unwrap_or_else(|| panic!("{:?}", kept[0].1.outcome));
        assert_eq!(
            gain.verdict.name(),
            verdict,
            "{:?} {gain:?}",
            kept[0].1.outcome
        );
        // A faster engine gains more than its speed, because its queues are shorter as well.
        assert!(
            gain.ratio.centre.abs() > f64::ln(ratio).abs(),
            "{:?}",
            gain.ratio
        );
        let text = said(dir.path(), &["capacity", "--show", "latest"]);
        assert!(
            text.contains(&format!("pgo is {verdict}: capacity")),
            "{text}"
        );
        assert_eq!(code(&dir, &["capacity", "--show", "latest"]), Some(0));
        assert_eq!(
            code(&dir, &["capacity", "--show", "latest", "--gate"]),
            Some(gated)
        );
        let quiet = said(dir.path(), &["capacity", "--show", "latest", "-o", "quiet"]);
        assert!(quiet.ends_with(&format!("{verdict} pgo")), "{quiet}");
        let list = said(dir.path(), &["runs", "list", "-o", "json"]);
        assert!(list.contains(verdict), "{list}");
    }
}

/// The counter-check: a candidate that is the baseline is neither, and its gate asks for an answer.
#[test]
fn the_same_build_gains_nothing() {
    let verdicts: Vec<_> = (0..12)
        .map(|seed| {
            let wanted = Wanted {
                ratio: Some(1.0),
                seed,
                ..RATES
            };
            let (dir, kept) = stored(&[wanted]);
            let gate = code(&dir, &["capacity", "--show", "latest", "--gate"]);
            let gain = kept[0].1.gain.as_ref();
            let gain = gain.unwrap_or_else(|| panic!("{seed} {:?}", kept[0].1.outcome));
            let verdict = gain.verdict.name();
            assert_eq!(
                gate,
                Some(if verdict == "SAME" { 0 } else { 3 }),
                "{verdict}"
            );
            let pass = [
                "capacity",
                "--show",
                "latest",
                "--gate",
                "--inconclusive",
                "pass",
            ];
            assert_eq!(code(&dir, &pass), Some(0));
            verdict
        })
        .collect();
    let found = verdicts.iter().filter(|v| ["FASTER", "SLOWER"].contains(v));
    assert!(found.count() <= 1, "{verdicts:?}");
}

/// Two sequences at most run at once, so that the others wait: with N in flight a request takes about
/// N steps, and of 10 ms each. 150 ms allow 13 to 15 of them.
#[test]
fn the_capacity_in_flight_is_found() {
    let (dir, kept) = stored(&[Wanted {
        varied: Varied::Concurrency,
        objectives: &["e2e.p90<150ms"],
        ..RATES
    }]);
    let answer = &kept[0].1;
    let number = match (answer.exact(), answer.confirmed()) {
        (Some(number), _) => number,
        (_, Some(estimate)) => estimate.baseline.centre.exp(),
        _ => panic!("{:?}", answer.outcome),
    };
    assert!((10.0..=16.0).contains(&number), "{number}");
    let text = said(dir.path(), &["capacity", "--show", "latest"]);
    assert!(
        text.contains("in flight") && !text.contains("requests/s, 95 %"),
        "{text}"
    );
    assert_eq!(code(&dir, &["capacity", "--show", "latest"]), Some(0));
    let refused = refusal(&dir, &["capacity", "plan", "--target", "300rps"]);
    assert!(
        refused.contains("varied the requests in flight"),
        "{refused}"
    );
}

/// With two objectives each is estimated alone, and Holm corrects over them.
#[test]
fn each_objective_has_its_capacity() {
    let (dir, kept) = stored(&[Wanted {
        ratio: Some(0.75),
        objectives: &["e2e.p90<60ms", "ttft.p50<40ms"],
        ..RATES
    }]);
    let answer = &kept[0].1;
    assert_eq!(answer.by_objective.len(), 2, "{:?}", answer.outcome);
    let least = answer
        .by_objective
        .iter()
        .map(|of| of.estimate.baseline.centre);
    let least = least.fold(f64::INFINITY, f64::min);
    let whole = answer.estimate().unwrap().baseline.centre;
    assert!(
        (least - whole).abs() < 1e-9,
        "the least one binds: {least} {whole}"
    );
    let gains = answer
        .by_objective
        .iter()
        .map(|of| of.gain.as_ref().unwrap());
    assert!(gains.clone().all(|gain| gain.adjusted_p.unwrap() >= gain.p));
    let text = said(dir.path(), &["capacity", "--show", "latest"]);
    assert!(
        text.contains("Each objective alone") && text.contains("p (Holm)"),
        "{text}"
    );
}

#[test]
fn searches_of_other_times_are_compared_and_followed() {
    let at = |speed: f64, seed: u64| Wanted {
        speed,
        seed,
        ..RATES
    };
    let searches: Vec<_> = (0..4)
        .map(|seed| at(1.0, 1 + seed))
        .chain((0..4).map(|seed| at(1.3, 10 + seed)))
        .chain([Wanted {
            objectives: &["e2e.p90<70ms"],
            ..at(1.0, 20)
        }])
        .collect();
    let (dir, kept) = stored(&searches);
    let ids: Vec<String> = kept.iter().map(|(run, _)| run.to_string()).collect();
    let join = |range: std::ops::Range<usize>| ids[range].join(",");
    let (old, new) = (join(0..4), join(4..8));
    let against = |new: &str, old: &str, more: &[&str]| {
        let all = [&["capacity", "--show", new, "--against", old], more].concat();
        program(dir.path(), &all)
    };
    let slower = against(&new, &old, &["--gate"]);
    let text = String::from_utf8_lossy(&slower.stdout).replace('\n', " ");
    assert_eq!(slower.status.code(), Some(1), "{text}");
    assert!(text.contains("baseline is SLOWER than it was"), "{text}");
    assert_eq!(against(&old, &new, &["--gate"]).status.code(), Some(0));
    let one = against(&ids[4], &ids[0], &["--gate"]);
    assert_eq!(
        one.status.code(),
        Some(3),
        "one search a side decides nothing"
    );
    let unlike = against(&ids[8], &ids[0], &[]);
    let words = String::from_utf8_lossy(&unlike.stderr).into_owned();
    assert_eq!(unlike.status.code(), Some(2), "{words}");
    assert!(
        words.contains("objectives") && words.contains("--unlike"),
        "{words}"
    );

    let trend = said(dir.path(), &["trend", "virtual-capacity"]);
    assert!(
        trend.contains("baseline · capacity, requests/s · 1 run"),
        "the newest asks otherwise: {trend}"
    );
    assert!(
        trend.contains("8 runs of another load, model or host class"),
        "{trend}"
    );
}

#[test]
fn a_search_is_exported_and_explained() {
    let (dir, kept) = stored(&[Wanted {
        ratio: Some(0.75),
        ..RATES
    }]);
    let answer = &kept[0].1;
    let printed = |more: &[&str]| {
        let output = program(
            dir.path(),
            &[&["capacity", "--show", "latest"], more].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{more:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let document: CapacityDocument = serde_json::from_str(&printed(&["-o", "json"])).unwrap();
    assert_eq!(document.capacity.probes.len(), answer.probes.len());
    assert_eq!(document.capacity.gain.unwrap().verdict, "FASTER");
    assert!(document.capacity.confirmation.unwrap().holds);

    let csv = printed(&["-o", "csv"]);
    let windows: usize = answer.probes.iter().map(|probe| probe.arms.len()).sum();
    assert_eq!(
        csv.lines().count(),
        1 + windows,
        "one row for each window and objective"
    );
    let columns = |line: &str| line.split(',').count();
    assert!(csv.lines().all(|line| columns(line) == 15), "{csv}");

    let metrics = printed(&["-o", "openmetrics"]);
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for line in [
        "pgo_benchmarks_capacity_outcome{pgo_benchmarks_capacity_outcome=\"FOUND\"} 1",
        "pgo_benchmarks_capacity_verdict{pgo_benchmarks_capacity_verdict=\"FASTER\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }

    let explained = printed(&["--explain"]);
    for word in [
        "margin",
        "degrees of freedom",
        "design",
        "Through the decision table",
    ] {
        assert!(explained.contains(word), "{word}: {explained}");
    }
    for wrong in [&["-o", "markdown"][..], &["-o", "csv", "--explain"]] {
        let arguments = [&["capacity", "--show", "latest"], wrong].concat();
        assert!(
            refusal(&dir, &arguments).contains("in that form"),
            "{wrong:?}"
        );
    }
}

/// A page of its own with every chart, each with the figures that it draws; no script and no request.
#[test]
fn a_search_has_a_page_with_charts() {
    let (dir, kept) = stored(&[Wanted {
        ratio: Some(0.75),
        ..RATES
    }]);
    let path = dir.path().join("page.html");
    let page = path.to_str().unwrap();
    let write = ["capacity", "--show", "latest", "--html", page];
    assert_eq!(code(&dir, &write), Some(0));
    let text = std::fs::read_to_string(&path).unwrap();
    for id in ["v0-violations", "l0-latency", "p-probes", "s-scaling"] {
        assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
    }
    let windows: usize = kept[0].1.probes.iter().map(|probe| probe.arms.len()).sum();
    let chart = text.split("id=\"v0-violations\"").nth(1).unwrap();
    let chart = chart.split("class=\"plot\"").nth(1).unwrap();
    let chart = chart.split("</svg>").next().unwrap();
    assert_eq!(
        chart.matches("class=\"dot ").count(),
        windows,
        "one dot for each window"
    );
    assert!(text.contains("pgo is FASTER") && text.contains("default-src 'none'"));
    for wrong in ["<script", "http://", "https://", "NaN", "inf"] {
        let inside = text.split("</style>").nth(1).unwrap();
        assert!(!inside.contains(wrong), "{wrong}");
    }
    assert_eq!(code(&dir, &write), Some(0), "its own page is replaced");
    std::fs::write(&path, "somebody's file").unwrap();
    assert!(refusal(&dir, &write).contains("--force"));
}

#[test]
fn the_odd_host_of_a_fleet_is_named() {
    let odd = |slower: f64, seed: u64| -> Vec<String> {
        let answer = on_two_hosts(slower, seed);
        assert_eq!(answer.hosts.len(), 2, "{:?}", answer.outcome);
        let odd = answer.hosts.into_iter().filter(|host| host.odd);
        odd.map(|host| host.name).collect()
    };
    let found = each(6, |seed| odd(1.3, seed));
    let right = found.iter().filter(|names| *names == &["second"]).count();
    assert!(right >= 5, "{found:?}");
    let alike = each(6, |seed| odd(1.0, seed));
    let none = alike.iter().filter(|names| names.is_empty()).count();
    assert!(none >= 5, "the twin: {alike:?}");
}

#[test]
fn what_has_no_capacity_is_not_gone_on_with() {
    let (dir, kept) = stored(&[Wanted {
        windows: 12,
        ..RATES
    }]);
    assert!(matches!(kept[0].1.outcome, Some(Outcome::Budget { .. })));
    let refused = refusal(
        &dir,
        &["capacity", "--show", "latest", "--against", "latest"],
    );
    assert!(
        refused.contains("failed to compare capacities: the search latest is BUDGET"),
        "{refused}"
    );
    let gate = refusal(&dir, &["capacity", "--show", "latest", "--gate"]);
    assert!(
        gate.contains("a single variant is compared with nothing"),
        "{gate}"
    );
}

/// The engine slows down as the check begins, so that the lower end does not hold.
#[test]
fn a_capacity_whose_check_fails_is_planned_with_by_nobody() {
    let (dir, kept) = stored(&[RATES]);
    let plan = ["capacity", "plan", "--target", "300rps"];
    assert_eq!(code(&dir, &plan), Some(0), "the twin: it holds");
    let day = dir.path().join("day.csv");
    std::fs::write(&day, "time,rate\n00:00,100\n08:00,900\n20:00,300\n").unwrap();
    let over = [
        "capacity",
        "plan",
        "--profile",
        day.to_str().unwrap(),
        "--price",
        "2/h",
    ];
    let text = said(dir.path(), &over);
    assert!(
        text.contains("the peak of the day") && text.contains("08:00 to 20:00 900"),
        "{text}"
    );
    std::fs::write(&day, "08:00,900\n").unwrap();
    assert!(refusal(&dir, &over).contains("the first line must be that of 00:00"));

    let blocks = kept[0].1.levels.len() + kept[0].1.probes.len();
    let (dir, kept) = stored(&[Wanted {
        slow_after: blocks - 6,
        ..RATES
    }]);
    let Some(Outcome::Found { confirmation, .. }) = kept[0].1.outcome else {
        panic!("{:?}", kept[0].1.outcome);
    };
    assert!(!confirmation.holds(), "{confirmation:?}");
    let refused = refusal(&dir, &plan);
    assert!(refused.contains("is FOUND but not confirmed"), "{refused}");
    assert_eq!(code(&dir, &["capacity", "--show", "latest"]), Some(3));
}

/// A search of another version of the method is not computed again: it would choose other probes.
#[test]
fn a_search_of_another_method_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (plan, lineup) = (RATES.plan(), RATES.lineup());
    let run = RunId::new(1_700_000_000_000, [7; 10]);
    let mut header = header(&plan, &lineup, run);
    let method = format!("\"method\":{}", stats::capacity::METHOD);
    assert!(header.plan_json.contains(&method), "{}", header.plan_json);
    header.plan_json = header.plan_json.replace(&format!("{method},"), "");
    store.begin_run(&header).unwrap();
    let mut search = CapacitySearch::new(&plan, &lineup).unwrap();
    let block = search.next_block().unwrap();
    let part = QUIET.part(&plan, &block, block.order[0], run);
    search.note(&part);
    store.put_part(&part.place, &part.seal().unwrap()).unwrap();
    store.commit_block(run, &done(&block, &plan), &[]).unwrap();
    drop(store);
    let refused = refusal(&dir, &["capacity", "--show", "latest"]);
    assert!(
        refused.contains("version 1 of the method made it"),
        "{refused}"
    );
}
