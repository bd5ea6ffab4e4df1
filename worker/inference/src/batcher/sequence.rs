//! One request between submission and end: its pages and its progress.

use crate::kernels::PAGE;
use crate::pages::{Node, PagePool, PageTable};
use crate::request::Request;
use crate::sampling::SplitMix;

/// A request that holds pages.
pub(super) struct Sequence {
    pub(super) request: Request,
    pub(super) pages: PageTable,
    /// Number of tokens whose keys and values are in the cache or in the pass being computed.
    pub(super) computed: usize,
    /// The known prefix that its first pages form, and the number of these pages; `None` once no
    /// more pages are to be registered.
    pub(super) known: Option<(Node, usize)>,
    pub(super) generated: usize,
    pub(super) last: u32,
    pub(super) stream: SplitMix,
    pub(super) ended: bool,
}

impl Sequence {
    pub(super) fn new(request: Request, pages: PageTable) -> Self {
        let stream = request.sampling.stream();
        Self {
            request,
            pages,
            computed: 0,
            known: None,
            generated: 0,
            last: 0,
            stream,
            ended: false,
        }
    }

    /// Takes over the pages of a known prefix. Called before its first tokens are planned.
    pub(super) fn adopt(&mut self, pool: &mut PagePool) {
        let (count, node) = pool.adopt(&self.request.prompt, &mut self.pages);
        self.computed = count * PAGE;
        self.known = Some((node, count));
    }

    /// Registers the pages of its prompt that the planned tokens fill. A page is written in the
    /// pass before anything reads it, so other sequences may take it over in the same pass.
    pub(super) fn register(&mut self, pool: &mut PagePool) {
        let (prompt, _) = self.request.prompt.as_chunks::<PAGE>();
        while let Some((node, count)) = self.known
            && count < (self.computed / PAGE).min(prompt.len())
        {
            let next = pool.register(node, prompt[count], self.pages[count]);
            self.known = next.map(|next| (next, count + 1));
        }
    }

    pub(super) fn prefilling(&self) -> bool {
        self.computed < self.request.prompt.len()
    }
}
