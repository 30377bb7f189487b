//! What is allowed.
use crate::count::Counts;

/// Per operation. Twice the same program counts the same; the bounds leave room for what grows in steps, such as a table
/// that doubles, and none for one more of anything per operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) allocations: f64,
    pub(crate) sends: f64,
    pub(crate) receives: f64,
    pub(crate) wakes: f64,
    pub(crate) rings: f64,
}

/// What operations have cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) counts: Counts,
    pub(crate) rings: u64,
    pub(crate) operations: u64,
}

impl Cost {
    /// The figures that are above their bounds.
    pub(crate) fn above(&self, bound: &Bound) -> Vec<&'static str> {
        let above = |figure: u64, bound: f64| figure as f64 / self.operations as f64 > bound;
        let Counts { allocations, sends, receives, wakes } = self.counts;
        let figures = [
            ("allocations", allocations, bound.allocations),
            ("sends", sends, bound.sends),
            ("receives", receives, bound.receives),
            ("wakes", wakes, bound.wakes),
            ("rings", self.rings, bound.rings),
        ];
        figures.into_iter().filter(|(_, figure, bound)| above(*figure, *bound)).map(|(name, _, _)| name).collect()
    }

    #[track_caller]
    pub(crate) fn must_be_within(&self, name: &str, bound: Bound) {
        println!("{name}: {self}");
        assert!(self.above(&bound).is_empty(), "{name}: {self}; {:?} above {bound:?}", self.above(&bound));
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |figure: u64| figure as f64 / self.operations as f64;
        let Counts { allocations, sends, receives, wakes } = self.counts;
        write!(
            f,
            "{:.4} allocations, {:.4} sends, {:.4} receives, {:.4} wakes, {:.4} rings per operation",
            each(allocations),
            each(sends),
            each(receives),
            each(wakes),
            each(self.rings),
        )
    }
}
