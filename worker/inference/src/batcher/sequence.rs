//! One request between its submission and its end: its pages and how far it has come.

use crate::kernels::PAGE;
use crate::pages::{Node, PagePool, PageTable};
use crate::request::Request;
use crate::sampling::SplitMix;

/// A request that holds pages.
pub(super) struct Sequence {
    pub(super) request: Request,
    pub(super) pages: PageTable,
    /// Tokens whose keys and values are in the cache or in the pass being computed.
    pub(super) computed: usize,
    /// The beginning made up of its first pages that are known, and how many; `None` once it is not
    /// to be told on.
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

    /// Before its first tokens are planned: takes over the pages of a known beginning.
    pub(super) fn adopt(&mut self, pool: &mut PagePool) {
        let (count, node) = pool.adopt(&self.request.prompt, &mut self.pages);
        self.computed = count * PAGE;
        self.known = Some((node, count));
    }

    /// Makes the pages known that its prompt fills with what is planned. A page is written in the
    /// pass before anything is read from it, so others may take it over in the same pass.
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
