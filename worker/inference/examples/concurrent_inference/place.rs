//! Finds the model: the flag, then `BENCH_MODEL_PATH`, then the default paths. Owns that order;
//! must not open anything.

use std::path::{Path, PathBuf};

const VARIABLE: &str = "BENCH_MODEL_PATH";
const DEFAULTS: [&str; 2] = [
    "models/default",
    ".inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0",
];

/// There is no model at the path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "❌ Model not found at: {}\nSolution: run scripts/fetch-model.sh to get a small free one, or set {VARIABLE} \
     (or --model-path) to a safetensors directory or file.",
    .tried.display()
)]
pub(crate) struct ModelNotFound {
    pub(crate) tried: PathBuf,
}

/// The model to use. If a path was given, the model must be there: there is no silent fallback.
pub(crate) fn locate(flag: Option<&Path>) -> Result<PathBuf, ModelNotFound> {
    let environment = std::env::var_os(VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = std::env::home_dir();
    choose(flag, environment.as_deref(), home.as_deref(), Path::exists)
}

fn choose(
    flag: Option<&Path>,
    environment: Option<&Path>,
    home: Option<&Path>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, ModelNotFound> {
    let named = flag.or(environment).map(|path| vec![path.to_owned()]);
    let places = named.unwrap_or_else(|| {
        let upstream = home.map(|home| home.join(DEFAULTS[1]));
        std::iter::once(PathBuf::from(DEFAULTS[0]))
            .chain(upstream)
            .collect()
    });
    let found = places.iter().find(|place| exists(place)).cloned();
    found.ok_or_else(|| ModelNotFound {
        tried: places[0].clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(
        flag: Option<&str>,
        variable: Option<&str>,
        there: &[&str],
    ) -> Result<PathBuf, ModelNotFound> {
        let exists = |place: &Path| there.iter().any(|other| Path::new(other) == place);
        choose(
            flag.map(Path::new),
            variable.map(Path::new),
            Some(Path::new("/home")),
            exists,
        )
    }

    #[test]
    fn the_first_named_place_wins_and_default_places_come_last() {
        let upstream = "/home/.inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0";
        let all = ["/flag", "/variable", "models/default", upstream];
        assert_eq!(
            find(Some("/flag"), Some("/variable"), &all),
            Ok("/flag".into())
        );
        assert_eq!(find(None, Some("/variable"), &all), Ok("/variable".into()));
        assert_eq!(find(None, None, &all), Ok("models/default".into()));
        assert_eq!(find(None, None, &[upstream]), Ok(upstream.into()));
    }

    #[test]
    fn a_named_place_without_a_model_is_an_error_with_a_way_out() {
        let error = find(None, Some("/variable"), &["models/default"])
            .expect_err("nothing there")
            .to_string();
        assert!(
            error.starts_with("❌ Model not found at: /variable\nSolution: "),
            "{error}"
        );
        assert!(error.contains("BENCH_MODEL_PATH"), "{error}");
        assert_eq!(
            find(None, None, &[]).expect_err("nothing").tried,
            Path::new("models/default")
        );
    }
}
