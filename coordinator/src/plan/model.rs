//! Locates the model. Owns the order of the places; must not look at the file system or the
//! environment itself.

use std::path::{Path, PathBuf};

/// No model where one was expected, or in any of the default places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Model not found at: {}\n{}", .tried.display(), way_out(*.named_by, .others))]
pub struct ModelNotFound {
    /// The place that should have had the model.
    pub tried: PathBuf,
    /// What named that place.
    pub named_by: NamedBy,
    /// The other places that were tried.
    pub others: Vec<PathBuf>,
}

/// What named a model's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `--model`, or `native.model` of the plan.
    Flag,
    /// `BENCH_MODEL_PATH`.
    Environment,
    /// Nothing: a default place.
    Default,
}

/// The environment variable that names the model's place.
pub const ENVIRONMENT: &str = "BENCH_MODEL_PATH";

/// The first of: `wanted` (the flag, else the plan's own), `environment`, `models/default` below
/// `here`, the upstream's place below `home`. A named place must have the model; there is no silent
/// fallback to the next.
pub fn locate(
    wanted: Option<&Path>,
    environment: Option<&Path>,
    here: &Path,
    home: Option<&Path>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, ModelNotFound> {
    let named = wanted
        .map(|path| (path, NamedBy::Flag))
        .or(environment.map(|path| (path, NamedBy::Environment)));
    if let Some((path, named_by)) = named {
        let missing = || ModelNotFound {
            tried: path.to_owned(),
            named_by,
            others: Vec::new(),
        };
        return exists(path).then(|| path.to_owned()).ok_or_else(missing);
    }
    let mut places = default_places(here, home);
    match places.iter().position(|place| exists(place)) {
        Some(found) => Ok(places.swap_remove(found)),
        None => Err(ModelNotFound {
            tried: places.remove(0),
            named_by: NamedBy::Default,
            others: places,
        }),
    }
}

/// The places where a model is sought if none is named.
#[must_use]
pub fn default_places(here: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let upstream = home.map(|home| home.join(".inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0"));
    std::iter::once(here.join("models/default"))
        .chain(upstream)
        .collect()
}

fn way_out(named_by: NamedBy, others: &[PathBuf]) -> String {
    let source = match named_by {
        NamedBy::Flag => "that path comes from --model or the plan; correct it, or ".to_owned(),
        NamedBy::Environment => format!("that path comes from {ENVIRONMENT}; correct it, or "),
        NamedBy::Default => others
            .iter()
            .map(|place| format!("nor at: {}\n", place.display()))
            .collect(),
    };
    format!(
        "{source}run scripts/fetch-model.sh to get a small free one, or set {ENVIRONMENT} (or --model) to a \
         safetensors directory or file"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(
        wanted: Option<&str>,
        environment: Option<&str>,
        existing: &[&str],
    ) -> Result<PathBuf, ModelNotFound> {
        let path = |p: &'static str| Path::new(p);
        locate(
            wanted.map(Path::new),
            environment.map(Path::new),
            path("/here"),
            Some(path("/home")),
            |p| existing.iter().any(|e| Path::new(e) == p),
        )
    }

    const UPSTREAM: &str = "/home/.inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0";

    #[test]
    fn the_flag_wins_then_the_environment_then_the_default_places() {
        let all = ["/flag", "/env", "/here/models/default", UPSTREAM];
        assert_eq!(find(Some("/flag"), Some("/env"), &all), Ok("/flag".into()));
        assert_eq!(find(None, Some("/env"), &all), Ok("/env".into()));
        assert_eq!(find(None, None, &all), Ok("/here/models/default".into()));
        assert_eq!(find(None, None, &[UPSTREAM]), Ok(UPSTREAM.into()));
    }

    #[test]
    fn a_named_place_without_a_model_is_an_error_though_a_default_has_one() {
        let error = find(None, Some("/env"), &[UPSTREAM])
            .expect_err("nothing at /env")
            .to_string();
        assert!(error.starts_with("Model not found at: /env\n"), "{error}");
        assert!(error.contains("BENCH_MODEL_PATH"), "{error}");
    }

    #[test]
    fn without_any_model_every_place_is_named_and_how_to_get_one() {
        let error = find(None, None, &[])
            .expect_err("nothing anywhere")
            .to_string();
        for part in [
            "Model not found at: /here/models/default",
            UPSTREAM,
            "fetch-model.sh",
            "--model",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
