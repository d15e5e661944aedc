//! Owns: what of a difference between two counts is more than runs of the same job differ.
//!
//! What was counted before and after was counted in different runs. A difference is drawn towards
//! none by how much runs differ anyway: by d² / (d² + 2 s²), where d is the logarithm of the ratio
//! and s the spread between runs. A difference far above the spread stays what it is.

use super::cost::{Demand, Spread, Traits, Vector};
use super::time::STREAM_FLUSHES;

/// A job under one configuration, as the model uses it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// What reaches the device.
    pub(super) vector: Vector,
    pub(super) reads: f64,
    pub(super) writes: f64,
    /// Writes as a throttle in front of the queue counts them: with empty flushes, before merging.
    pub(super) unmerged_writes: f64,
    /// Jumps of reads that are no short ones forward, and those of writes.
    pub(super) far_reads: f64,
    pub(super) far_writes: f64,
    pub(super) rounds: f64,
    /// Processor seconds of the job, of kernel threads; seconds on a device that answers at once.
    pub(super) foreground: f64,
    pub(super) background: f64,
    pub(super) software: f64,
}

impl Side {
    /// A demand with one of its vectors. `all_near`: jumps that were not told apart are near ones.
    pub(super) fn of(demand: &Demand, vector: &Vector, all_near: bool) -> Self {
        let (reads, writes) = vector.reads_and_writes();
        let of_reads = reads / (reads + writes).max(1.0);
        let unknown = if all_near { vector.seeks } else { 0.0 };
        let near = vector.near_jumps.unwrap_or(unknown);
        let read_seeks = vector.read_seeks.unwrap_or(vector.seeks * of_reads);
        let read_near = vector.read_near_jumps.unwrap_or(near * of_reads);
        Side {
            vector: *vector,
            reads,
            writes,
            unmerged_writes: writes + vector.flushes / 2.0,
            far_reads: (read_seeks - read_near).max(0.0),
            far_writes: (vector.seeks - read_seeks - (near - read_near)).max(0.0),
            rounds: vector.rounds,
            foreground: demand.foreground_seconds,
            background: demand.background_seconds,
            software: demand.software_seconds,
        }
    }

    pub(super) fn requests(&self) -> f64 {
        self.reads + self.writes
    }

    /// Whether what it writes is written back when it suits the kernel.
    fn streams(&self) -> bool {
        self.vector.flushes <= STREAM_FLUSHES
    }
}

/// Draws what differs by chance towards what is common to both sides.
pub(super) fn steady(
    before: &mut Side,
    after: &mut Side,
    traits: [Traits; 2],
    request_spread: f64,
) {
    draw(
        &mut before.foreground,
        &mut after.foreground,
        Spread::FOREGROUND,
    );
    draw(
        &mut before.background,
        &mut after.background,
        Spread::BACKGROUND,
    );
    draw(&mut before.software, &mut after.software, Spread::SOFTWARE);
    if !(before.streams() && after.streams()) {
        return;
    }
    draw(&mut before.far_writes, &mut after.far_writes, Spread::SEEKS);
    // Where data is overwritten in place, requests are what the program makes them.
    let by_timing = traits.iter().all(|t| !t.in_place);
    let spread = if by_timing {
        request_spread
    } else {
        Spread::REQUESTS
    };
    draw(&mut before.writes, &mut after.writes, spread);
    draw(&mut before.rounds, &mut after.rounds, spread);
    for side in [&mut *before, &mut *after] {
        side.unmerged_writes = side.writes + side.vector.flushes / 2.0;
    }
    // What threads compress trickles out at their pace, which looks like a chain of waits and is
    // none: the software's time has it already.
    let writes = before.vector.write_bytes > before.vector.read_bytes;
    if writes && traits[0].compresses != traits[1].compresses {
        let rounds = before.rounds.min(after.rounds);
        (before.rounds, after.rounds) = (rounds, rounds);
    }
}

fn draw(one: &mut f64, other: &mut f64, spread: f64) {
    if *one <= 0.0 || *other <= 0.0 {
        return;
    }
    let difference = (*other / *one).ln();
    let square = difference * difference;
    if square == 0.0 {
        return;
    }
    let kept = difference * square / (square + 2.0 * spread * spread) / 2.0;
    let middle = (*one * *other).sqrt();
    (*one, *other) = (middle * (-kept).exp(), middle * kept.exp());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(one: f64, other: f64, spread: f64) -> f64 {
        let (mut a, mut b) = (one, other);
        draw(&mut a, &mut b, spread);
        assert!((a * b - one * other).abs() < 1e-9 * one * other);
        b / a
    }

    #[test]
    fn a_difference_within_the_spread_nearly_vanishes_and_a_great_one_stays() {
        assert!((drawn(1.0, 1.2, 0.25) - 1.04).abs() < 0.02);
        assert!(drawn(0.228, 1.033, 0.307) > 3.8);
        assert!((drawn(2470.0, 1810.0, 0.04) - 1810.0 / 2470.0).abs() < 0.01);
        assert_eq!(drawn(3.0, 3.0, 0.5), 1.0);
    }

    #[test]
    fn nothing_stays_nothing() {
        let (mut a, mut b) = (0.0, 5.0);
        draw(&mut a, &mut b, 0.3);
        assert_eq!((a, b), (0.0, 5.0));
    }
}
