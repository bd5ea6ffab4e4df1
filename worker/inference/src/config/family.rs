//! The families of models that the engine computes, one row a family: what it is called and where it departs from
//! Llama. It must not know tensors or files.

/// A family of architectures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// `model_type` in a `config.json`.
    pub(super) model_type: &'static str,
    /// Classes of a language model with its head, as `architectures` names them; the first is the present name.
    pub(super) classes: &'static [&'static str],
    /// Width of a head where it is left out: this, or `hidden_size` divided by the heads.
    pub(super) head_dim: Option<usize>,
    /// Longest sequence where it is left out.
    pub(super) context: usize,
    /// Base of the rotary embedding where it is left out.
    pub(super) theta: f64,
    /// Added in norms where it is left out.
    pub(super) epsilon: f64,
    /// Whether the head is the embedding where that is left out.
    pub(super) tied: bool,
    /// Which products have a bias.
    pub(super) bias: Bias,
    /// Whether parts of a head may be rotated.
    pub(super) partial_rotary: bool,
}

/// Where biases are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    /// `attention_bias` and `mlp_bias` say whether all products of each have one.
    Said,
}

const LLAMA: Family = Family {
    model_type: "llama",
    classes: &["LlamaForCausalLM", "LLaMAForCausalLM"],
    head_dim: None,
    context: 2048,
    theta: 10_000.0,
    epsilon: 1e-6,
    tied: false,
    bias: Bias::Said,
    partial_rotary: false,
};

/// Every family.
pub(super) const ALL: [Family; 1] = [LLAMA];

impl Family {
    /// By the name of the type or of the class.
    pub(super) fn by_type(model_type: &str) -> Option<&'static Self> {
        ALL.iter().find(|family| family.model_type == model_type)
    }

    pub(super) fn by_class(class: &str) -> Option<&'static Self> {
        ALL.iter().find(|family| family.classes.contains(&class))
    }
}

/// The classes of all families, for errors.
pub(crate) fn classes() -> String {
    let names: Vec<&str> = ALL.iter().map(|family| family.classes[0]).collect();
    names.join(", ")
}
