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

/// What rules say of each other names rules that exist, and none of them waits for itself.
#[test]
fn rules_name_rules_that_exist_and_do_not_wait_for_each_other() {
    let find = |id: &str| RULES.iter().find(|r| r.meta().id == id);
    for rule in RULES {
        let meta = rule.meta();
        for other in meta.yields_to.iter().chain(meta.after) {
            assert!(find(other).is_some(), "{}: no rule {other}", meta.id);
        }
        let mut before: Vec<&str> = meta.after.to_vec();
        let mut seen = Vec::new();
        while let Some(id) = before.pop() {
            assert_ne!(id, meta.id, "{id} waits for itself through {seen:?}");
            if !seen.contains(&id) {
                seen.push(id);
                before.extend(find(id).unwrap().meta().after);
            }
        }
        for better in meta.yields_to {
            let back = find(better).unwrap().meta().yields_to;
            assert!(
                !back.contains(&meta.id),
                "{} and {better} yield to each other",
                meta.id
            );
        }
    }
}

#[test]
fn a_setting_of_a_rule_stands_in_its_page() {
    for rule in RULES {
        let meta = rule.meta();
        for setting in meta.settings {
            let told = meta.page.contains(&format!("`{}`", setting.key));
            assert!(told, "{}: the page does not tell {}", meta.id, setting.key);
        }
    }
}
