//! Storage that only grows, in pieces that never move.

/// Things by index. Growing copies nothing, so that memory has no peaks beside what it holds.
#[derive(Debug)]
pub(super) struct Arena<T> {
    chunks: Vec<Vec<T>>,
}

const BITS: u32 = 12;
const CHUNK: usize = 1 << BITS;

impl<T> Arena<T> {
    pub(super) fn new() -> Self {
        Arena { chunks: Vec::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * CHUNK + last.len(),
            None => 0,
        }
    }

    /// Adds one, and gives its index.
    pub(super) fn push(&mut self, item: T) -> u32 {
        let index = self.len();
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(item),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
        index as u32
    }

    pub(super) fn get(&self, index: u32) -> &T {
        &self.chunks[(index >> BITS) as usize][index as usize & (CHUNK - 1)]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index >> BITS) as usize][index as usize & (CHUNK - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_stay_across_pieces() {
        let mut arena = Arena::new();
        for n in 0..3 * CHUNK + 1 {
            assert_eq!(arena.len(), n);
            assert_eq!(arena.push(n) as usize, n);
        }
        for n in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 7, 3 * CHUNK] {
            assert_eq!(*arena.get(n as u32), n);
        }
        *arena.get_mut(CHUNK as u32) = 5;
        assert_eq!(*arena.get(CHUNK as u32), 5);
    }
}
