//! `match` and `split` beside the real Nix, on expressions made at random.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end so"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use nix::Files;

/// The same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn pattern(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self
                .of(&[
                    "a",
                    "b",
                    ".",
                    "[ab]",
                    "[^a]",
                    "",
                    "\\.",
                    "^",
                    "$",
                    "[[:alpha:]]",
                    "()",
                    "[a-c-]",
                    "[]b]",
                ])
                .to_owned();
        }
        let d = depth - 1;
        match self.below(8) {
            0 | 1 => format!("{}{}", self.pattern(d), self.pattern(d)),
            2 => format!("{}|{}", self.pattern(d), self.pattern(d)),
            3 | 4 => format!("({})", self.pattern(d)),
            5 => format!("({}){}", self.pattern(d), self.of(&["*", "+", "?"])),
            6 => format!(
                "{}{}",
                self.of(&["a", "b", ".", "[ab]"]),
                self.of(&["*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}"])
            ),
            _ => format!(
                "({}){}",
                self.pattern(d),
                self.of(&["{2}", "{1,2}", "{0,}", "{0}"])
            ),
        }
    }

    fn text(&mut self) -> String {
        let length = self.below(7);
        (0..length)
            .map(|_| self.of(&["a", "b", "c", "."]))
            .collect()
    }
}

#[test]
fn regular_expressions_match_as_in_nix() {
    if !nix::is_there("regular expressions") {
        return;
    }
    let count = std::env::var("NIX_REGEX_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(600);
    let mut random = Random(
        std::env::var("NIX_REGEX_SEED")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(1),
    );
    let calls: Vec<String> = (0..count)
        .map(|_| {
            let depth = 1 + random.below(4) as u32;
            let pattern = random
                .pattern(depth)
                .replace('\\', "\\\\")
                .replace('$', "\\$");
            let (function, text) = (random.of(&["match", "split"]), random.text());
            format!("builtins.{function} \"{pattern}\" \"{text}\"")
        })
        .collect();
    let files = Files::new(&calls);
    let real = files.real_all(50);
    let (mut wrong, mut unknown) = (Vec::new(), 0);
    for (index, call) in calls.iter().enumerate() {
        match (files.ours(index), &real[index]) {
            (Ok(ours), Ok(real)) if ours == *real => {}
            (Err(why), Ok(_)) if !why.starts_with("Nix would refuse") => unknown += 1,
            (Err(_), Err(_)) => {}
            (ours, real) => wrong.push(format!("{call}\n  ours {ours:?}\n  nix  {real:?}")),
        }
    }
    println!("{count} compared, {unknown} unknown");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(unknown * 50 <= count, "{unknown} unknown");
}
