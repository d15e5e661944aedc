//! Every rule has a whole page, and its example is Nix.

use crate::recommend::rules::RULES;

const SECTIONS: [&str; 7] = [
    "## What it finds",
    "## Why it matters",
    "## Example",
    "## When it is wrong",
    "## Evidence it needs",
    "## Cost and undo",
    "## Sources",
];

#[test]
fn every_rule_has_a_name_of_its_own_and_a_page_with_all_sections() {
    for (i, rule) in RULES.iter().enumerate() {
        let meta = rule.meta();
        assert!(
            RULES[..i].iter().all(|other| other.meta().id != meta.id),
            "{} twice",
            meta.id
        );
        assert!(
            meta.page.starts_with(&format!("# {}\n\n", meta.id)),
            "{}",
            meta.id
        );
        let mut from = 0;
        for section in SECTIONS {
            let at = meta.page[from..].find(&format!("\n{section}\n"));
            from += at.unwrap_or_else(|| panic!("{}: no {section} in its place", meta.id)) + 1;
        }
        assert_eq!(
            meta.page.matches("\n## ").count(),
            SECTIONS.len(),
            "{}",
            meta.id
        );
    }
}

#[test]
fn every_example_is_two_pieces_of_nix() {
    for rule in RULES {
        let meta = rule.meta();
        let blocks: Vec<&str> = meta
            .page
            .split("```nix")
            .skip(1)
            .map(|rest| {
                rest.split("```")
                    .next()
                    .unwrap()
                    .split_once('\n')
                    .unwrap()
                    .1
            })
            .collect();
        assert_eq!(blocks.len(), 2, "{}", meta.id);
        assert_ne!(blocks[0], blocks[1]);
        for block in blocks {
            let errors = rnix::Root::parse(block).errors().to_vec();
            assert!(errors.is_empty(), "{}: {errors:?} in\n{block}", meta.id);
        }
    }
}
