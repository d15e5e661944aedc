//! `btrfs-tune inspect`: what was read, and from where.

use super::{CLEAN, Target, inputs};
use crate::report;

/// Prints what was read.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    #[command(flatten)]
    target: Target,
}

impl Inspect {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let opened = inputs::open(&self.target)?;
        let mut out = String::new();
        for name in &opened.hosts {
            let evaluated = opened.evaluate(name)?;
            out.push_str(&report::inspect::render(&evaluated.host(), &opened.sources));
        }
        super::print(&out)?;
        Ok(CLEAN)
    }
}
