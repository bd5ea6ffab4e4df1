//! Attention window and rotation of each layer, from the settings of its family. Must not know how
//! attention is computed.

use serde_json::Value;

use super::family::{Family, Window};
use super::keys::Keys;
use crate::error::LoadError;

/// Attention window and rotation of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerKind {
    /// Greatest number of keys that a token sees, including its own; `None` for all before it.
    pub window: Option<usize>,
    /// Whether queries and keys are rotated.
    pub rotated: bool,
}

/// Reads the kinds of `layers` layers.
pub(super) fn read(
    keys: &Keys<'_>,
    family: &Family,
    layers: usize,
) -> Result<Vec<LayerKind>, LoadError> {
    let windows = windows(keys, family, layers)?;
    let rotated = rotated(keys, family, layers)?;
    Ok(windows
        .into_iter()
        .zip(rotated)
        .map(|(window, rotated)| LayerKind { window, rotated })
        .collect())
}

fn windows(
    keys: &Keys<'_>,
    family: &Family,
    layers: usize,
) -> Result<Vec<Option<usize>>, LoadError> {
    let width = |default: Option<usize>| match keys.count("sliding_window")? {
        Some(0) => Err(keys.wrong("sliding_window", &0.into(), "a number above zero, or null")),
        Some(width) => Ok(Some(width)),
        // Null means that there is none, which differs from a missing key.
        None if keys.is_null("sliding_window") => Ok(None),
        None => Ok(default),
    };
    let first = |layer: usize, from: usize, width: Option<usize>| width.filter(|_| layer >= from);
    match family.window {
        Window::None => Ok(vec![None; layers]),
        Window::All(default) => Ok(vec![width(default)?; layers]),
        Window::Late => {
            let width = width(Some(4096))?;
            let from = keys.count("max_window_layers")?.unwrap_or(28);
            let used = keys.flag("use_sliding_window")?.unwrap_or(false);
            let width = width.filter(|_| used);
            match named(keys, layers)? {
                Some(named) => Ok(named
                    .into_iter()
                    .map(|slides| width.filter(|_| slides))
                    .collect()),
                // In families with unrotated layers, only `layer_types` says which layers have a
                // window.
                None if family.unrotated && used => Err(keys.wrong(
                    "use_sliding_window",
                    &true.into(),
                    "false, or layer_types that name each layer",
                )),
                None => Ok((0..layers).map(|layer| first(layer, from, width)).collect()),
            }
        }
        Window::AllBut {
            every,
            width: default,
        } => {
            let width = width(Some(default))?;
            let every = match keys
                .count("sliding_window_pattern")?
                .or(keys.count("_sliding_window_pattern")?)
            {
                Some(0) => {
                    return Err(keys.wrong(
                        "sliding_window_pattern",
                        &0.into(),
                        "a number above zero",
                    ));
                }
                said => said.unwrap_or(every),
            };
            let slides = named(keys, layers)?.unwrap_or_else(|| {
                (1..=layers)
                    .map(|layer| !layer.is_multiple_of(every))
                    .collect()
            });
            Ok(slides
                .into_iter()
                .map(|slides| width.filter(|_| slides))
                .collect())
        }
    }
}

/// Layers that `layer_types` calls sliding, if the key is present.
fn named(keys: &Keys<'_>, layers: usize) -> Result<Option<Vec<bool>>, LoadError> {
    let slides = |value: &Value| match value.as_str()? {
        "sliding_attention" => Some(true),
        "full_attention" => Some(false),
        _ => None,
    };
    let list = |value: &Value| {
        let list: Option<Vec<bool>> = value.as_array()?.iter().map(slides).collect();
        list.filter(|list| list.len() == layers)
    };
    keys.typed(
        "layer_types",
        "full_attention or sliding_attention, one for each layer",
        list,
    )
}

fn rotated(keys: &Keys<'_>, family: &Family, layers: usize) -> Result<Vec<bool>, LoadError> {
    if !family.unrotated {
        return Ok(vec![true; layers]);
    }
    let every = match keys.count("no_rope_layer_interval")? {
        Some(0) => {
            return Err(keys.wrong("no_rope_layer_interval", &0.into(), "a number above zero"));
        }
        said => said.unwrap_or(4),
    };
    let list = |value: &Value| {
        let list: Option<Vec<bool>> = value
            .as_array()?
            .iter()
            .map(|one| Some(one.as_u64()? != 0))
            .collect();
        list.filter(|list| list.len() == layers)
    };
    let said = keys.typed("no_rope_layers", "0 or 1, one for each layer", list)?;
    Ok(said.unwrap_or_else(|| {
        (1..=layers)
            .map(|layer| !layer.is_multiple_of(every))
            .collect()
    }))
}
