//! A loaded model: its architecture, its mapped weights, and the kernels it uses. Immutable and
//! shared. Must not know requests or caches.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::error::LoadError;
use crate::files::{ModelFiles, WeightFacts};
use crate::int8;
use crate::kernels::{Isa, Kernels, Tiles};
use crate::layer::{Layer, Parts, final_norm};
use crate::mapping::Anonymous;
use crate::rope::Rope;
use crate::weights::{Matrix, Weights};

/// Options of loading.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// Compute threads, including the caller of [`crate::batcher::Batcher::step`]; 0 counts as 1.
    pub threads: usize,
    /// Instruction set to use; `None` takes the widest that the machine supports and the model
    /// fits.
    pub isa: Option<Isa>,
    /// Format in which the matrices are held.
    pub form: WeightForm,
}

/// Formats of the matrices in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightForm {
    /// As in the file, mapped.
    #[default]
    AsStored,
    /// Rounded to eight bits with one factor for each row, in separate memory. Changes the results.
    Int8,
}

impl WeightForm {
    /// A name for plans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsStored => "as-stored",
            Self::Int8 => "int8",
        }
    }

    /// Memory that a model's matrices need in addition to the mapped file, bytes.
    pub fn extra_bytes(self, config: &Config) -> u64 {
        match self {
            Self::AsStored => 0,
            Self::Int8 => int8::bytes(config) as u64,
        }
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            isa: None,
            form: WeightForm::AsStored,
        }
    }
}

/// Ends of the phases of loading; the caller reads its clock when notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadPhase {
    /// Files are located, parsed and mapped.
    Mapped,
    /// Every tensor is checked and the weights are in memory.
    Weights,
}

/// A model ready to compute.
pub struct Model {
    pub(crate) config: Config,
    pub(crate) embedding: Matrix,
    pub(crate) head: Matrix,
    pub(crate) final_norm: Vec<f32>,
    pub(crate) layers: Vec<Layer>,
    /// The rotary embedding and, if it differs, that of layers with a window.
    pub(crate) ropes: Vec<Rope>,
    pub(crate) kernels: &'static Kernels,
    facts: WeightFacts,
    threads: usize,
    form: WeightForm,
}

impl Model {
    /// Loads the model at a directory, `.safetensors` file or shard index, and calls `phase` at the
    /// end of each phase.
    ///
    /// # Errors
    /// Any [`LoadError`].
    pub fn load(
        path: &Path,
        options: &LoadOptions,
        phase: &mut dyn FnMut(LoadPhase),
    ) -> Result<Self, LoadError> {
        let files = ModelFiles::locate(path)?;
        let config = Config::read(&files.config)?;
        let kernels = choose(options.isa, &config)?;
        let facts = files.facts()?;
        let weights = Weights::map(&files)?;
        phase(LoadPhase::Mapped);
        let mut model = Self::assemble(config, &weights, kernels, facts, options.threads.max(1))?;
        weights.all_used(model.config.class)?;
        weights.all_finite(model.threads)?;
        match options.form {
            WeightForm::AsStored => model
                .pack()
                .map_err(|source| LoadError::Memory { source })?,
            WeightForm::Int8 => model.round(),
        }
        phase(LoadPhase::Weights);
        Ok(model)
    }

    /// The architecture.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Identity and size of the weights.
    pub fn facts(&self) -> &WeightFacts {
        &self.facts
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// Threads that compute, the caller included.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Copies every matrix of a product into the layout of kernels that need one, in order of use
    /// and contiguously, so that huge pages hold them and reading continues from one into the next.
    fn pack(&mut self) -> std::io::Result<()> {
        let Some(tiles) = self.kernels.tiles else {
            return Ok(());
        };
        let (threads, layers) = (
            self.threads,
            self.layers.iter_mut().flat_map(Layer::matrices_mut),
        );
        let wanted = layers.chain([&mut self.head]);
        let wanted: Vec<_> = wanted
            .filter_map(|matrix| Some((matrix.packed_bytes(&tiles)?, matrix)))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut memory = Anonymous::new(wanted.iter().map(|(bytes, _)| bytes).sum())?;
        let (mut rest, mut pieces) = (memory.bytes_mut(), Vec::new());
        for (bytes, matrix) in &wanted {
            let (piece, behind) = rest.split_at_mut(*bytes);
            pieces.push((&**matrix, piece));
            rest = behind;
        }
        lay_out(pieces, &tiles, threads);
        let (memory, mut offset) = (Arc::new(memory), 0);
        for (bytes, matrix) in wanted {
            matrix.use_packed(&memory, offset);
            offset += bytes;
        }
        Ok(())
    }

    /// The format of its matrices.
    pub fn form(&self) -> WeightForm {
        self.form
    }

    /// Bytes of matrices that a decode step reads: all layers and the head.
    pub fn step_bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(Layer::matrices);
        layers.chain([&self.head]).map(Matrix::bytes_read).sum()
    }

    /// Rounds all matrices to eight bits. The embedding stays as stored, because only single rows
    /// of it are read.
    fn round(&mut self) {
        let layers = self.layers.iter_mut().flat_map(Layer::matrices_mut);
        layers
            .chain([&mut self.head])
            .for_each(|matrix| *matrix = int8::rounded(matrix));
        self.form = WeightForm::Int8;
    }

    fn assemble(
        config: Config,
        weights: &Weights,
        kernels: &'static Kernels,
        facts: WeightFacts,
        threads: usize,
    ) -> Result<Self, LoadError> {
        let [embedding, head] = ends(&config, weights)?;
        let layers = (0..config.layers).map(|index| {
            Parts {
                config: &config,
                weights,
                index,
            }
            .layer()
        });
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(Self {
            embedding,
            head,
            final_norm: final_norm(&config, weights)?,
            layers,
            ropes: [Some(&config.rope), config.local_rope.as_ref()]
                .into_iter()
                .flatten()
                .map(Rope::new)
                .collect(),
            kernels,
            facts,
            threads,
            form: WeightForm::AsStored,
            config,
        })
    }
}

/// The embedding and the head. A tied model has one tensor for both, under either name; if its file
/// has both, they must be equal.
fn ends(config: &Config, weights: &Weights) -> Result<[Matrix; 2], LoadError> {
    const NAMES: [&str; 2] = ["model.embed_tokens.weight", "lm_head.weight"];
    let find = |name| weights.matrix(name, config.vocab_size, config.hidden_size);
    match (config.tied_head, NAMES.map(|name| weights.has(name))) {
        (true, [true, true]) => {
            let both = [find(NAMES[0])?, find(NAMES[1])?];
            match both[0].format == both[1].format && both[0].bytes() == both[1].bytes() {
                true => Ok([both[0].clone(), both[0].clone()]),
                false => Err(LoadError::TwoHeads {
                    head: NAMES[1],
                    embedding: NAMES[0],
                }),
            }
        }
        (true, [false, true]) => Ok([find(NAMES[1])?, find(NAMES[1])?]),
        (true, _) => Ok([find(NAMES[0])?, find(NAMES[0])?]),
        (false, _) => Ok([find(NAMES[0])?, find(NAMES[1])?]),
    }
}

/// Greatest number of bytes that the widest kernels copy of `weight_bytes`: none, or all.
pub fn copied_bytes(config: &Config, weight_bytes: u64) -> u64 {
    choose(None, config)
        .ok()
        .and_then(|kernels| kernels.tiles)
        .map_or(0, |_| weight_bytes)
}

/// The requested kernels, or the widest that this machine has and whose vectors are no wider than a
/// head.
fn choose(wanted: Option<Isa>, config: &Config) -> Result<&'static Kernels, LoadError> {
    let Some(isa) = wanted else {
        let fits = |isa: &Isa| isa.lanes() <= config.head_dim || *isa == Isa::Portable;
        let widest = Isa::available().into_iter().rev().find(fits);
        return Ok(widest
            .and_then(Isa::kernels)
            .expect("the portable kernels are everywhere"));
    };
    isa.kernels().ok_or(LoadError::IsaUnavailable {
        isa: isa.name(),
        reason: "this machine does not have it",
    })
}

/// Copies matrices into their final layout, shared among as many threads as will compute.
fn lay_out(mut pieces: Vec<(&Matrix, &mut [u8])>, tiles: &Tiles, threads: usize) {
    // The head is by far the largest; distributing round robin from there balances the shares.
    pieces.reverse();
    let mut shares: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    for piece in pieces {
        let size = |share: &&mut Vec<(&Matrix, &mut [u8])>| {
            share.iter().map(|(_, to)| to.len()).sum::<usize>()
        };
        shares
            .iter_mut()
            .min_by_key(size)
            .expect("there is a thread")
            .push(piece);
    }
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || {
                for (matrix, to) in share {
                    (tiles.pack)(matrix.bytes(), matrix.columns, to);
                }
            });
        }
    });
}
