//! What is allowed.
use crate::count::Counts;

const MANY: f64 = 50.0;

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
    fn figures(&self, bound: &Bound) -> [(&'static str, f64, f64); 5] {
        let each = |figure: u64| figure as f64 / self.operations as f64;
        let Counts { allocations, sends, receives, wakes } = self.counts;
        [
            ("allocations", each(allocations), bound.allocations),
            ("sends", each(sends), bound.sends),
            ("receives", each(receives), bound.receives),
            ("wakes", each(wakes), bound.wakes),
            ("rings", each(self.rings), bound.rings),
        ]
    }

    /// The figures that are above their bounds.
    pub(crate) fn above(&self, bound: &Bound) -> Vec<&'static str> {
        self.figures(bound).into_iter().filter(|(_, figure, bound)| figure > bound).map(|(name, ..)| name).collect()
    }

    /// The figures whose bounds would let one more per operation pass, unless there are so many that one is nothing.
    fn loose(&self, bound: &Bound) -> Vec<&'static str> {
        let loose = |(_, figure, bound): &(_, f64, f64)| figure + 1.0 <= *bound && *figure < MANY;
        self.figures(bound).into_iter().filter(loose).map(|(name, ..)| name).collect()
    }

    #[track_caller]
    pub(crate) fn must_be_within(&self, name: &str, bound: Bound) {
        println!("{name}: {self}");
        let (above, loose) = (self.above(&bound), self.loose(&bound));
        assert!(above.is_empty(), "{name}: {self}; {above:?} above {bound:?}");
        assert!(loose.is_empty(), "{name}: {self}; lower the bounds of {loose:?}, which are {bound:?}");
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
