//! The GGUF architectures that can be imported, one row each: the resulting family, names and order
//! of tensors, and which metadata become settings. Must not know number formats or tokenizers.

use serde_json::{Map, Value, json};

use super::ImportError;
use super::metadata::Metadata;
use crate::architecture::{Architecture, Form, LLAMA};

/// One architecture.
pub(super) struct Family {
    /// `general.architecture`.
    pub(super) arch: &'static str,
    pub(super) form: &'static Form,
    /// Whether the rows of q and k are interleaved, for rotary embeddings that rotate neighbouring
    /// elements.
    pub(super) interleaved: bool,
    /// Whether 1 was added to the weights of norms.
    pub(super) plus_one: bool,
    /// Numbers that become settings: key after the architecture's name, setting, and whether it is
    /// required.
    own: &'static [(&'static str, &'static str, bool)],
    /// Number of layers of the family's largest model, whose attention scores are scaled by the
    /// width of all heads.
    scaled_by_width: Option<usize>,
    /// Whether attention scores are scaled by a setting.
    query_scalar: bool,
    /// Whether partial rotation of heads is allowed.
    partial: bool,
}

const QWEN2: Form = Form {
    class: "Qwen2ForCausalLM",
    model_type: "qwen2",
    biased: true,
    ..LLAMA
};
const QWEN3: Form = Form {
    class: "Qwen3ForCausalLM",
    model_type: "qwen3",
    head_norms: true,
    ..LLAMA
};
const SMOLLM3: Form = Form {
    class: "SmolLM3ForCausalLM",
    model_type: "smollm3",
    ..LLAMA
};
const PHI3: Form = Form {
    class: "Phi3ForCausalLM",
    model_type: "phi3",
    fused: true,
    ..LLAMA
};
const GRANITE: Form = Form {
    class: "GraniteForCausalLM",
    model_type: "granite",
    ..LLAMA
};
const GEMMA: Form = Form {
    class: "GemmaForCausalLM",
    model_type: "gemma",
    activation: ("hidden_act", "gelu_pytorch_tanh"),
    ..LLAMA
};
const GEMMA2: Form = Form {
    class: "Gemma2ForCausalLM",
    model_type: "gemma2",
    activation: ("hidden_activation", "gelu_pytorch_tanh"),
    around: true,
    ..LLAMA
};
const GEMMA3: Form = Form {
    class: "Gemma3ForCausalLM",
    model_type: "gemma3_text",
    head_norms: true,
    ..GEMMA2
};

const WINDOW: (&str, &str, bool) = ("attention.sliding_window", "sliding_window", true);

const fn family(arch: &'static str, form: &'static Form) -> Family {
    Family {
        arch,
        form,
        interleaved: false,
        plus_one: false,
        own: &[],
        scaled_by_width: None,
        query_scalar: false,
        partial: false,
    }
}

/// Every architecture.
const ALL: [Family; 9] = [
    Family {
        interleaved: true,
        ..family("llama", &LLAMA)
    },
    family("qwen2", &QWEN2),
    family("qwen3", &QWEN3),
    Family {
        interleaved: true,
        ..family("smollm3", &SMOLLM3)
    },
    Family {
        own: &[("attention.sliding_window", "sliding_window", false)],
        partial: true,
        ..family("phi3", &PHI3)
    },
    Family {
        interleaved: true,
        own: &[
            ("embedding_scale", "embedding_multiplier", false),
            ("residual_scale", "residual_multiplier", false),
            ("attention.scale", "attention_multiplier", true),
            ("logit_scale", "logits_scaling", false),
        ],
        ..family("granite", &GRANITE)
    },
    Family {
        plus_one: true,
        ..family("gemma", &GEMMA)
    },
    Family {
        plus_one: true,
        own: &[
            WINDOW,
            ("attn_logit_softcapping", "attn_logit_softcapping", false),
            ("final_logit_softcapping", "final_logit_softcapping", false),
        ],
        scaled_by_width: Some(46),
        query_scalar: true,
        ..family("gemma2", &GEMMA2)
    },
    Family {
        plus_one: true,
        own: &[
            WINDOW,
            ("final_logit_softcapping", "final_logit_softcapping", false),
        ],
        scaled_by_width: Some(62),
        query_scalar: true,
        ..family("gemma3", &GEMMA3)
    },
];

/// Finds an architecture by name.
pub(super) fn find(arch: &str) -> Result<&'static Family, ImportError> {
    static FAMILIES: [Family; 9] = ALL;
    let known = || {
        FAMILIES
            .iter()
            .map(|family| family.arch)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = FAMILIES.iter().find(|family| family.arch == arch);
    found.ok_or_else(|| ImportError::Architecture {
        found: arch.to_owned(),
        known: known(),
    })
}

impl Family {
    /// A key of this architecture.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.arch)
    }

    /// Whether the window is one of its settings.
    pub(super) fn has_window(&self) -> bool {
        self.own
            .iter()
            .any(|(_, setting, _)| *setting == "sliding_window")
    }

    /// The family's own settings.
    pub(super) fn settings(
        &self,
        meta: &Metadata<'_>,
        model: &Architecture,
    ) -> Result<Map<String, Value>, ImportError> {
        let mut settings = Map::new();
        for &(key, setting, needed) in self.own {
            let key = self.key(key);
            match meta.decimal(&key)? {
                Some(number) => settings.insert(setting.to_owned(), number),
                None if needed => return Err(super::metadata::missing(&key)),
                None => None,
            };
        }
        let rotated = self.key("rope.dimension_count");
        if let Some(width) = meta.number(&rotated)?.filter(|&width| width != model.head) {
            let part = width as f64 / model.head as f64;
            if !self.partial || (part * model.head as f64) as usize != width || width > model.head {
                return Err(ImportError::UnknownKey {
                    key: rotated,
                    value: width.to_string(),
                });
            }
            settings.insert("partial_rotary_factor".to_owned(), json!(part));
        }
        if self.query_scalar {
            let by_width = self.scaled_by_width == Some(model.layers);
            let scalar = if by_width {
                model.hidden / model.heads
            } else {
                model.head
            };
            settings.insert("query_pre_attn_scalar".to_owned(), json!(scalar));
        }
        Ok(settings)
    }
}
