//! The layouts of the layout control: builds of the baseline's sources that differ only in the
//! order in which their functions are linked (docs/method.md). Owns number, name and seed of each,
//! and how many are allowed; must not know how they are built, run or judged.

use std::fmt;
use std::str::FromStr;

/// One build of the baseline with its functions shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout(u8);

/// Number of layouts in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layouts(u8);

/// The number of layouts is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number from {FEWEST} to {MOST}: fewer than {FEWEST} layouts have no spread")]
pub struct NoLayouts;

/// The variant that layouts are made of. Optimised variants have none: shuffling would undo the
/// order of hot and cold functions, which is part of what a profile does.
pub const ORIGIN: &str = "baseline";

/// A single layout has no spread.
const FEWEST: u8 = 2;
const MOST: u8 = 8;

/// Text before the number in all names.
const STEM: &str = "-layout";
const NAMES: [&str; MOST as usize] = [
    "baseline-layout1",
    "baseline-layout2",
    "baseline-layout3",
    "baseline-layout4",
    "baseline-layout5",
    "baseline-layout6",
    "baseline-layout7",
    "baseline-layout8",
];

impl Layout {
    /// All layouts that can be built.
    pub fn all() -> impl Iterator<Item = Self> {
        Layouts(MOST).iter()
    }

    /// The layout of that name, for any revision.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (recipe, _) = apart(name);
        Self::all().find(|layout| layout.name() == recipe)
    }

    /// Its name beside this baseline, of the same revision.
    #[must_use]
    pub fn beside(self, baseline: &str) -> String {
        let (_, revision) = apart(baseline);
        format!("{}{revision}", self.name())
    }

    /// Its name in commands, records and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0) - 1]
    }

    /// The linker's seed for the order of functions: the number in the name, so that the same name
    /// gives the same order of the same functions on every machine.
    #[must_use]
    pub fn seed(self) -> u32 {
        self.0.into()
    }

    /// Whether a name has the form of a layout's but is none: the number is too high, or it is of
    /// another variant.
    #[must_use]
    pub fn is_misnamed(name: &str) -> bool {
        let number = apart(name).0.rsplit_once(STEM).map(|(_, number)| number);
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            && Self::named(name).is_none()
    }
}

/// Whether a variant is the baseline of layouts, and these are of the same revision.
#[must_use]
pub fn are_of(baseline: &str, layouts: &[&str]) -> bool {
    let (recipe, revision) = apart(baseline);
    recipe == ORIGIN && layouts.iter().all(|layout| apart(layout).1 == revision)
}

/// Splits a variant's name into the recipe, and the revision with its sign.
fn apart(name: &str) -> (&str, &str) {
    name.split_at(name.find('@').unwrap_or(name.len()))
}

impl Layouts {
    /// A number of layouts; `None` if it is too small for a spread or too large for the names.
    #[must_use]
    pub fn new(count: u8) -> Option<Self> {
        (FEWEST..=MOST).contains(&count).then_some(Self(count))
    }

    /// Each of them, by number.
    pub fn iter(self) -> impl Iterator<Item = Layout> {
        (1..=self.0).map(Layout)
    }
}

impl FromStr for Layouts {
    type Err = NoLayouts;

    fn from_str(text: &str) -> Result<Self, NoLayouts> {
        text.trim()
            .parse()
            .ok()
            .and_then(Self::new)
            .ok_or(NoLayouts)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_found_by_its_name_and_has_a_seed_of_its_own() {
        for (at, layout) in (1_u32..).zip(Layout::all()) {
            assert_eq!(
                (Layout::named(layout.name()), layout.seed()),
                (Some(layout), at)
            );
            assert_eq!(layout.name(), format!("{ORIGIN}{STEM}{at}"));
        }
        assert_eq!(Layout::all().count(), 8);
    }

    #[test]
    fn there_are_two_to_eight_of_the_baseline_and_none_of_others() {
        let count = |text: &str| {
            text.parse::<Layouts>()
                .map(|layouts| layouts.iter().count())
        };
        assert_eq!((count("2"), count("8")), (Ok(2), Ok(8)));
        for wrong in ["0", "1", "9", "-1", "many", "300"] {
            assert_eq!(count(wrong), Err(NoLayouts), "{wrong}");
        }
        for wrong in [
            "pgo-layout1",
            "baseline-layout9",
            "baseline-layout0",
            "baseline-layout",
            "baseline-layout01",
        ] {
            assert!(
                Layout::is_misnamed(wrong) && Layout::named(wrong).is_none(),
                "{wrong}"
            );
        }
        let one = Layout::named("baseline-layout1@origin/x");
        assert_eq!(one, Layout::named("baseline-layout1"));
        let name = one.map(|layout| layout.beside("baseline@origin/x"));
        assert_eq!(name.as_deref(), Some("baseline-layout1@origin/x"));
        assert!(are_of(
            "baseline@x",
            &["baseline-layout1@x", "baseline-layout2@x"]
        ));
        assert!(!are_of("baseline@x", &["baseline-layout1@y"]) && !are_of("pgo", &[]));
        for fine in [
            "baseline-layout1",
            "pgo",
            "my-layout-of-it",
            "baseline@a-layout12",
        ] {
            assert!(!Layout::is_misnamed(fine), "{fine}");
        }
    }
}
