//! Finds the model: the given path, otherwise the default ones. Must not open anything.

use std::path::{Path, PathBuf};

use super::BenchError;

/// Tried in this order, the second below the home directory.
const DEFAULTS: [&str; 2] = [
    "models/default",
    ".inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0",
];

/// The model to use. If a path was given, the model must be there: there is no silent fallback.
///
/// # Errors
/// There is no model.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, BenchError> {
    choose(named, std::env::home_dir().as_deref(), Path::exists)
}

fn choose(
    named: Option<&Path>,
    home: Option<&Path>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, BenchError> {
    let places = named.map(|path| vec![path.to_owned()]).unwrap_or_else(|| {
        let below_home = home.map(|home| home.join(DEFAULTS[1]));
        std::iter::once(PathBuf::from(DEFAULTS[0]))
            .chain(below_home)
            .collect()
    });
    let found = places.iter().find(|place| exists(place)).cloned();
    found.ok_or_else(|| BenchError::NoModel {
        tried: places[0].clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: Option<&str>, there: &[&str]) -> Result<PathBuf, String> {
        let exists = |place: &Path| there.iter().any(|other| Path::new(other) == place);
        choose(named.map(Path::new), Some(Path::new("/home")), exists)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_named_place_wins_and_default_places_follow() {
        let below_home = "/home/.inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0";
        assert_eq!(
            find(Some("/flag"), &["/flag", "models/default"]),
            Ok("/flag".into())
        );
        assert_eq!(
            find(None, &[below_home, "models/default"]),
            Ok("models/default".into())
        );
        assert_eq!(find(None, &[below_home]), Ok(below_home.into()));
    }

    #[test]
    fn a_named_place_without_a_model_is_an_error_with_a_way_out() {
        let error = find(Some("/flag"), &["models/default"]).expect_err("nothing there");
        assert!(
            error.starts_with("find a model at /flag: ") && error.contains("BENCH_MODEL_PATH"),
            "{error}"
        );
    }
}
