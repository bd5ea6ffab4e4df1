//! Reads documents of any age. Documents of the first programs gave intervals only at 95 and 90 %,
//! under the names of these levels and without a level inside.

use serde_json::Value;

use super::RunDocument;

/// Key of an interval at the level that the answer used, its key in older documents, and the level
/// that these had.
const KEYS: [(&str, &str, f64); 4] = [
    ("ci", "ci95", 0.95),
    ("tost", "ci90", 0.9),
    ("mean_ci", "mean_ci95", 0.95),
    ("pooled_ci", "pooled_ci95", 0.95),
];

/// Reads a document of this program or of an older one.
///
/// # Errors
/// When the text is not such a document.
pub fn read(text: &str) -> Result<RunDocument, serde_json::Error> {
    let mut value: Value = serde_json::from_str(text)?;
    if let Some(cells) = value.get_mut("cells") {
        name_levels(cells);
    }
    serde_json::from_value(value)
}

fn name_levels(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(name_levels),
        Value::Object(fields) => {
            for (now, then, level) in KEYS {
                if fields.contains_key(now) {
                    continue;
                }
                let Some(interval) = fields.get_mut(then) else {
                    continue;
                };
                if let Some(interval) = interval.as_object_mut() {
                    interval.insert("level".to_owned(), level.into());
                }
                let interval = interval.clone();
                fields.insert(now.to_owned(), interval);
            }
            fields.values_mut().for_each(name_levels);
        }
        _ => {}
    }
}
