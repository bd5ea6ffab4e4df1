//! The HTML page: self-contained, safe against foreign content, and consistent with the terminal;
//! and rendered by a real browser. The browser is Chromium (`BENCH_BROWSER` names another); without
//! one the test says so and passes, unless `REQUIRE_BROWSER` is set.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use contract::run::RunState;
use coordinator::report::page;

use super::sample::{Story, flat, loss};

fn sound() -> Story {
    Story {
        b: 0.95,
        scatter: 0.004,
        sliced: true,
        ..Story::default()
    }
}

fn of(story: Story) -> String {
    page(&story.findings())
}

/// The visible text: no markup, no escapes, one space between words.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut text = String::new();
    for piece in body.split('<') {
        let piece = piece.split_once('>').map_or(piece, |(_, piece)| piece);
        text.push_str(piece);
        text.push(' ');
    }
    flat(
        &text
            .replace('\u{a0}', " ")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

fn says(page: &str, wanted: &str) {
    let text = text(page);
    assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
}

#[test]
fn the_file_needs_nothing_else() {
    let page = of(sound());
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    for outside in [
        "<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "http:", "https:",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(
        page.contains("default-src 'none'"),
        "scripts and requests are forbidden besides"
    );
}

#[test]
fn the_answer_stands_above_all_figures() {
    let page = of(sound());
    let answer = page
        .find("Yes: pgo is faster under every load that was tried.")
        .unwrap();
    assert!(answer < page.find("<svg").unwrap());
    says(&page, "burst-100: half of all requests are answered within");
    says(
        &of(Story {
            b: 1.08,
            ..Story::default()
        }),
        "No: pgo is slower under every load that was tried.",
    );
    says(
        &of(Story::default()),
        "No difference that matters between pgo and baseline under every load",
    );
    says(
        &of(Story {
            scatter: 0.2,
            ..Story::default()
        }),
        "Not settled: the measurement allows both \
                                                           answers.",
    );
}

#[test]
fn a_measurement_that_must_not_be_believed_shows_no_answer() {
    let late = of(Story {
        b: 0.9,
        late: Duration::from_millis(30),
        ..Story::default()
    });
    says(
        &late,
        "INVALID No answer: this measurement cannot be trusted.",
    );
    says(&late, "What to do: give the load generator its own core");
    assert!(
        !late.contains("class=\"change\""),
        "no figure is shown large"
    );
    assert!(of(sound()).contains("class=\"change\""));
    let stopped = of(Story {
        blocks: Some(7),
        state: Some(RunState::Stopped),
        ..sound()
    });
    says(&stopped, "INCONCLUSIVE No answer yet");
    says(&stopped, "7 of 12 blocks are done");
}

#[test]
fn the_page_says_what_the_terminal_says() {
    let story = || Story {
        notices: vec![loss()],
        ..sound()
    };
    let (page, report) = (text(&of(story())), flat(&story().reported()));
    let figures = |text: &str| -> Vec<String> {
        let words = text.split(' ').collect::<Vec<_>>();
        words
            .windows(2)
            .filter(|w| w[1] == "ms" && w[0].contains('.'))
            .map(|w| w.join(" "))
            .collect()
    };
    let wanted = figures(&report);
    assert!(wanted.len() > 100, "{wanted:?}");
    let lost: Vec<&String> = wanted
        .iter()
        .filter(|figure| !page.contains(*figure))
        .collect();
    assert_eq!(lost, Vec::<&String>::new());
    for words in [
        "is FASTER than baseline: E2E p50",
        "the worker of slot 1 ended by signal 9",
        "start skew",
    ] {
        assert!(page.contains(words) && report.contains(words), "{words}");
    }
}

#[test]
fn what_came_from_outside_cannot_become_markup() {
    let hostile = "</title><script>alert(1)</script>\"'&";
    let mut notice = loss();
    notice.message = format!("ended: {hostile}");
    let page = of(Story {
        hosts: vec![hostile, "bench-2"],
        notices: vec![notice],
        ..sound()
    });
    assert!(
        !page.contains("<script") && !page.contains(hostile),
        "it was not escaped"
    );
    says(&page, "</title><script>alert(1)</script>");
}

#[test]
fn every_drawing_appears_where_there_is_something_to_draw() {
    let count = |page: &str, what: &str| page.matches(what).count();
    let kinds = [
        "forest",
        "ladder",
        "trials",
        "curve-e2e",
        "service",
        "cold",
        "workers",
    ];
    let whole = of(Story {
        hosts: vec!["bench-1", "bench-2"],
        ..sound()
    });
    for kind in kinds
        .into_iter()
        .chain(["hosts", "throughput", "flight", "ttft"])
    {
        assert_eq!(count(&whole, &format!("id=\"c0-{kind}\"")), 1, "{kind}");
    }
    let bare = of(Story {
        slots: 1,
        sliced: false,
        ..sound()
    });
    for kind in ["hosts", "workers", "throughput", "flight", "ttft"] {
        assert_eq!(count(&bare, &format!("id=\"c0-{kind}\"")), 0, "{kind}");
    }
    let alone = of(Story {
        candidates: Vec::new(),
        ..sound()
    });
    says(&alone, "How fast is baseline?");
    assert_eq!(
        (
            count(&alone, "id=\"c0-forest\""),
            count(&alone, "id=\"c0-trials\"")
        ),
        (0, 1)
    );
}

#[test]
fn several_candidates_are_answered_one_by_one() {
    let page = of(Story {
        candidates: vec!["pgo", "pgo-program"],
        ..sound()
    });
    says(&page, "Is pgo or pgo-program faster than baseline?");
    assert_eq!(page.matches("class=\"card\"").count(), 4);
    says(&page, "burst-100, pgo-program");
    // Each answer names its candidate; a single one need not.
    assert_eq!(
        ["pgo: ", "pgo-program: "].map(|who| page.matches(&format!("</span> {who}")).count()),
        [1, 1]
    );
    assert_eq!(of(sound()).matches("</span> pgo: ").count(), 0);
}

#[test]
fn layouts_have_a_section_and_no_card() {
    let page = of(Story {
        layouts: vec![1.1, 0.9],
        ..sound()
    });
    says(
        &page,
        "Layout control 2 shuffled baselines against the baseline: the same functions",
    );
    assert_eq!(
        page.matches("class=\"card\"").count(),
        2,
        "the candidate's under two loads"
    );
    assert!(text(&page).contains("(within code-layout noise)"));
    let alone = of(Story {
        candidates: Vec::new(),
        layouts: vec![1.1, 0.9],
        ..sound()
    });
    says(
        &alone,
        "How much does code placement alone change baseline?",
    );
    assert!(!alone.contains("class=\"card\"") && !alone.contains("FASTER</"));
    assert!(
        !of(sound()).contains("id=\"layouts\""),
        "without them there is none"
    );
}

/// Pages of every kind, written for the browser.
fn pages(dir: &Path) -> Vec<PathBuf> {
    let stories = [
        (
            "sound",
            Story {
                hosts: vec!["bench-1", "bench-2"],
                slots: 6,
                ..sound()
            },
        ),
        (
            "invalid",
            Story {
                late: Duration::from_millis(30),
                notices: vec![loss()],
                ..sound()
            },
        ),
        (
            "stopped",
            Story {
                blocks: Some(7),
                state: Some(RunState::Stopped),
                scatter: 0.2,
                ..sound()
            },
        ),
        (
            "alone",
            Story {
                candidates: Vec::new(),
                ..sound()
            },
        ),
        (
            "three",
            Story {
                candidates: vec!["pgo", "a-variant-with-a-long-name"],
                scatter: 0.1,
                ..sound()
            },
        ),
        (
            "placed",
            Story {
                layouts: vec![1.02, 0.98],
                ..sound()
            },
        ),
        // One block only, because parts are large.
        (
            "crowd",
            Story {
                slots: 40,
                blocks: Some(1),
                hosts: vec!["a-host-with-a-long-name.example"],
                ..sound()
            },
        ),
    ];
    let write = |(name, story): (&str, Story)| {
        let path = dir.join(format!("{name}.html"));
        std::fs::write(&path, of(story)).unwrap();
        path
    };
    stories.into_iter().map(write).collect()
}

#[test]
fn a_browser_finds_nothing_to_complain_about() {
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check_page.py");
    let probe = Command::new(&python).arg(&script).arg("--probe").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("REQUIRE_BROWSER").is_none(),
            "no browser, or no {python}"
        );
        writeln!(
            std::io::stderr(),
            "skipped: no Chromium (Debian: apt-get install chromium), or no {python}"
        )
        .unwrap();
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = Command::new(&python)
        .arg(&script)
        .arg("--twins")
        .args(pages(dir.path()))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{err}{out}");
}

/// A run with a planned interim analysis has intervals of another level, and its glossary says so.
#[test]
fn the_words_are_explained_with_the_level_of_the_run() {
    says(
        &of(Story::default()),
        "95 % interval From the differences of whole rounds",
    );
    says(
        &of(Story::default()),
        "FASTER, SLOWER The whole 95 % interval",
    );
    says(&of(Story::default()), "SAME The 90 % interval");
    says(&of(Story::default()), "about 950 contain");
    let mut record = Story::default().record();
    record.header.plan_json =
        record
            .header
            .plan_json
            .replacen("\"rounds\":6", "\"rounds\":8,\"look\":{\"at\":6}", 1);
    let looked = page(&coordinator::compare::findings(record).unwrap());
    says(
        &looked,
        "99.5 % interval From the differences of whole rounds",
    );
    says(&looked, "about 995 contain");
    assert!(
        !text(&looked).contains("95 % interval lies"),
        "of no interval that this run has"
    );
}
