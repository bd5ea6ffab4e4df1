//! Zero is a value: goodput that is zero in one arm, in some runs or everywhere reads the same in
//! every form, and is distinguished from absent goodput.

use coordinator::store::Store;
use serde_json::Value;

use crate::lab::{QUIET, Truth, ended, keep, program, said};

/// Every answer takes about 45 ms, and up to 60 ms is good.
const ASKED: Truth = Truth {
    objective: 0.06,
    scatter: 0.005,
    ..QUIET
};

/// B misses every objective.
const B_MISSES: Truth = Truth {
    ratio: 4.0,
    ..ASKED
};

/// All arms miss every objective.
const ALL_MISS: Truth = Truth {
    speed: 4.0,
    ..ASKED
};

fn stored(runs: &[(Truth, u64)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    runs.iter()
        .for_each(|(truth, seed)| keep(&store, &ended(truth.record(*seed))));
    store.close().unwrap();
    dir
}

fn document(dir: &std::path::Path) -> Value {
    serde_json::from_str(&said(dir, &["compare", "-o", "json"])).unwrap()
}

fn goodput(document: &Value) -> &Value {
    let metrics = document["cells"][0]["metrics"].as_array().unwrap();
    metrics
        .iter()
        .find(|metric| metric["name"] == "goodput-per-second")
        .unwrap()
}

/// B's goodput in every form, if it is zero in all rounds.
fn forms(dir: &std::path::Path) -> Vec<(&'static str, String)> {
    let page = dir.join("page.html");
    assert!(
        program(dir, &["report", "latest", "--html", page.to_str().unwrap()])
            .status
            .success()
    );
    let page = std::fs::read_to_string(&page)
        .unwrap()
        .replace('\u{a0}', " ");
    vec![
        ("human", said(dir, &["report", "latest"])),
        (
            "explain",
            said(dir, &["compare", "--explain", "goodput-per-second"]),
        ),
        ("json", said(dir, &["compare", "-o", "json"])),
        ("csv", said(dir, &["report", "latest", "-o", "csv"])),
        ("html", page),
        ("markdown", said(dir, &["compare", "-o", "markdown"])),
        ("junit", said(dir, &["compare", "-o", "junit"])),
        (
            "openmetrics",
            said(dir, &["report", "latest", "-o", "openmetrics"]),
        ),
    ]
}

/// One table over all forms. Of 24 requests in a round none of B's is good: 0/s, the whole change,
/// SLOWER.
#[test]
fn a_goodput_of_zero_reads_the_same_in_every_form() {
    let dir = stored(&[(B_MISSES, 1)]);
    let whole = document(dir.path());
    let metric = goodput(&whole);
    assert_eq!(
        (&metric["verdict"], &metric["scale"]),
        (&"SLOWER".into(), &"linear".into()),
        "{metric}"
    );
    assert!(
        (metric["effect"]["change"].as_f64().unwrap() + 1.0).abs() < 1e-12,
        "{metric}"
    );
    let b = |row: &Value| {
        row["values"]
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["arm"] == "B")
            .unwrap()["value"]
            .clone()
    };
    assert!(
        metric["rounds"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| b(row) == 0.0)
    );
    let views = &whole["cells"][0]["arms"]
        .as_array()
        .unwrap()
        .iter()
        .find(|arm| arm["arm"] == "B")
        .unwrap()["views"];
    assert_eq!(views["goodput_per_second"], 0.0);
    let parts = whole["parts"].as_array().unwrap();
    assert!(
        parts
            .iter()
            .all(|part| (part["good"] == 0) == (part["arm"] == "B") && part["offered"] == 24)
    );
    let wanted: [(&str, &[&str]); 8] = [
        (
            "human",
            &["goodput/s", " 0 −100", "SLOWER", "zero in some rounds"],
        ),
        (
            "explain",
            &["cost = −value ÷", "100 % lower", "of zeros", "→ SLOWER"],
        ),
        ("json", &["\"scale\":\"linear\"", "\"verdict\":\"SLOWER\""]),
        (
            "csv",
            &[
                "requests,good,count,1,0",
                "requests,good,count,1,24",
                "requests,offered,count,1,24",
            ],
        ),
        ("html", &["zero in some rounds", "100 % lower"]),
        (
            "markdown",
            &["| goodput/s |", "| 0 | 100 % lower |", "| SLOWER |"],
        ),
        ("junit", &["SLOWER: 100 % lower", "zero in some rounds"]),
        (
            "openmetrics",
            &[
                "measure=\"goodput-per-second\",bound=\"estimate\",level=\"0.95\",scale=\"linear\"} -",
                "variant=\"pgo\"} 0 ",
            ],
        ),
    ];
    for ((form, text), (name, parts)) in forms(dir.path()).iter().zip(wanted) {
        assert_eq!(*form, name);
        for part in parts {
            assert!(text.contains(part), "{form} lacks {part:?}:\n{text}");
        }
        assert!(!text.contains("an arm has no value"), "{form}");
    }
}

/// Zero in all arms is UNDECIDED; without objectives there is no goodput, which is not zero.
#[test]
fn zero_everywhere_and_absent_are_told_apart() {
    let zero = stored(&[(ALL_MISS, 1)]);
    let whole = document(zero.path());
    let metric = goodput(&whole);
    assert_eq!(
        (&metric["verdict"], &metric["scale"]),
        (&"UNDECIDED".into(), &"zero".into()),
        "{metric}"
    );
    assert_eq!(
        (&metric["missing"], &metric["rounds_needed"]),
        (&Value::Null, &Value::Null)
    );
    let said_of = said(zero.path(), &["compare", "-o", "markdown"]);
    assert!(said_of.contains("UNDECIDED (zero everywhere)"), "{said_of}");
    let absent = stored(&[(
        Truth {
            objective: 0.0,
            ..ALL_MISS
        },
        1,
    )]);
    let whole = document(absent.path());
    let metric = goodput(&whole);
    assert!(
        metric["verdict"].is_null() && metric["missing"].is_string(),
        "{metric}"
    );
    assert!(
        whole["parts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|part| part["good"].is_null())
    );
    let table = said(absent.path(), &["report", "latest", "-o", "csv"]);
    assert!(
        !table.contains("requests,good,") && table.contains("requests,offered,"),
        "absent has no row"
    );
    let open = said(absent.path(), &["report", "latest", "-o", "openmetrics"]);
    assert!(
        !open.contains("pgo_benchmarks_goodput_per_second{"),
        "{open}"
    );
}

/// Runs with zero count in histories and in comparisons with others.
#[test]
fn runs_without_any_goodput_are_points_and_replicates() {
    let (good, none) = (
        [11, 12, 13].map(|seed| (ASKED, seed)),
        [21, 22, 23].map(|seed| (ALL_MISS, seed)),
    );
    let dir = stored(&[good, none].concat());
    let trend = said(
        dir.path(),
        &["trend", "--metric", "goodput-per-second", "-o", "json"],
    );
    let trend: Value = serde_json::from_str(&trend).unwrap();
    let line = &trend["trend"]["lines"][0];
    let values: Vec<f64> = line["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["value"].as_f64().unwrap())
        .collect();
    assert_eq!(
        (values.len(), &line["scale"]),
        (6, &"linear".into()),
        "{line}"
    );
    assert!(
        values[..3].iter().all(|value| *value > 100.0) && values[3..] == [0.0; 3],
        "{values:?}"
    );
    assert_eq!(
        (&line["steps"][0]["index"], &line["steps"][0]["change"]),
        (&3.into(), &(-1.0).into()),
        "{line}"
    );
    let chart = said(dir.path(), &["trend", "--metric", "goodput-per-second"]);
    assert!(chart.contains("→ 0, 100 % lower (worse)"), "{chart}");

    let runs: Vec<String> = line["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["run"].as_str().unwrap().to_owned())
        .collect();
    let (old, new) = (runs[..3].join(","), runs[3..].join(","));
    let against = |more: &[&str]| {
        said(
            dir.path(),
            &[&["compare", &new, "--against", &old], more].concat(),
        )
    };
    let found: Value = serde_json::from_str(&against(&["-o", "json"])).unwrap();
    let lines = found["across"]["lines"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["metric"] == "goodput-per-second")
        .unwrap();
    assert_eq!(
        (&line["new"], &line["verdict"], &line["scale"]),
        (&0.0.into(), &"SLOWER".into(), &"linear".into()),
        "{line}"
    );
    assert!(
        (line["change"].as_f64().unwrap() + 1.0).abs() < 1e-9,
        "{line}"
    );
    for (form, text) in [
        ("human", against(&[])),
        ("markdown", against(&["-o", "markdown"])),
        ("junit", against(&["-o", "junit"])),
    ] {
        assert!(
            text.contains("100 % lower") && text.contains("SLOWER"),
            "{form}: {text}"
        );
    }
}
