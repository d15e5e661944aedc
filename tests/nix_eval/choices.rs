//! Owns: the random decisions behind one generated expression, and making them fewer.

/// Decisions, random at first and then repeatable: no decision, or 0, stands for the simplest thing.
pub(crate) struct Choices {
    made: Vec<u32>,
    next: usize,
    random: Option<u64>,
}

impl Choices {
    /// New decisions of a seed.
    pub(crate) fn random(seed: u64) -> Self {
        Choices {
            made: Vec::new(),
            next: 0,
            random: Some(seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1)),
        }
    }

    /// These decisions again.
    pub(crate) fn again(made: &[u32]) -> Self {
        Choices {
            made: made.to_vec(),
            next: 0,
            random: None,
        }
    }

    /// What was decided.
    pub(crate) fn made(self) -> Vec<u32> {
        self.made
    }

    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let index = self.next;
        self.next += 1;
        if let Some(made) = self.made.get(index) {
            return made % n;
        }
        let Some(state) = &mut self.random else {
            return 0;
        };
        // SplitMix64.
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let choice = ((z ^ (z >> 31)) % u64::from(n)) as u32;
        self.made.push(choice);
        choice
    }

    pub(crate) fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// One time in `n`.
    pub(crate) fn rarely(&mut self, n: u32) -> bool {
        self.below(n) == n - 1
    }
}

/// The smallest decisions found, in at most `tries` attempts, that still fail.
pub(crate) fn shrink(
    mut made: Vec<u32>,
    mut tries: usize,
    fails: impl Fn(&[u32]) -> bool,
) -> Vec<u32> {
    let mut size = made.len().max(1);
    while size > 0 {
        let mut start = 0;
        while start < made.len() {
            let end = (start + size).min(made.len());
            let cut: Vec<u32> = [&made[..start], &made[end..]].concat();
            let mut zeroed = made.clone();
            zeroed[start..end].fill(0);
            let candidates = [cut, zeroed];
            let smaller = candidates
                .into_iter()
                .filter(|c| *c != made)
                .find(|candidate| {
                    tries = tries.saturating_sub(1);
                    tries > 0 && fails(candidate)
                });
            match smaller {
                // What follows has moved here.
                Some(smaller) if smaller.len() < made.len() => made = smaller,
                Some(smaller) => {
                    made = smaller;
                    start = end;
                }
                None => start = end,
            }
            if tries == 0 {
                return made;
            }
        }
        size /= 2;
    }
    made
}
