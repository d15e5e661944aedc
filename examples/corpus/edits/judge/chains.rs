//! The chains of attributes that texts use, by which stand-ins are made.

use std::collections::{BTreeMap, BTreeSet};

use rnix::ast;
use rowan::ast::AstNode as _;
use serde_json::{Value as Json, json};

pub(crate) fn chains(texts: &[String]) -> Json {
    let (mut all, mut packages) = (BTreeSet::new(), BTreeSet::new());
    let mut config = BTreeSet::new();
    for text in texts {
        let root = rnix::Root::parse(text).syntax();
        let aliases = aliases(&root);
        for node in root.descendants() {
            if let Some(select) = ast::Select::cast(node.clone()) {
                let mut chain: Vec<String> = Vec::new();
                match select.expr() {
                    Some(ast::Expr::Ident(ident)) => chain.push(ident.to_string()),
                    _ => continue,
                }
                for attr in select.attrpath().into_iter().flat_map(|p| p.attrs()) {
                    match attr {
                        ast::Attr::Ident(ident) => chain.push(ident.to_string()),
                        ast::Attr::Str(string) => {
                            let text = string.to_string();
                            match text.contains("${") {
                                true => break,
                                false => chain.push(text.trim_matches('"').to_owned()),
                            }
                        }
                        ast::Attr::Dynamic(_) => break,
                    }
                }
                let known = aliases.get(&chain[0]).filter(|_| chain.len() > 1);
                if let Some(base) = known {
                    config.insert([&base[..], &chain[1..]].concat());
                }
                chain.truncate(7);
                match chain[0].as_str() {
                    "config" if chain.len() > 2 => drop(config.insert(chain.split_off(1))),
                    "lib" | "builtins" | "config" | "options" => {}
                    _ => drop(all.insert(chain)),
                }
            } else if let Some(inherit) = ast::Inherit::cast(node.clone()) {
                let from = inherit.from().and_then(|f| f.expr()).map(|e| e.to_string());
                let Some(from) = from else { continue };
                let base: Vec<String> = from.split('.').map(str::to_owned).collect();
                let plain = base
                    .iter()
                    .all(|b| b.chars().all(|c| c.is_alphanumeric() || "-_'".contains(c)));
                for attr in inherit.attrs().filter(|_| plain && base[0] != "lib") {
                    all.insert([base.clone(), vec![attr.to_string()]].concat());
                }
            } else if let Some(ident) = ast::Ident::cast(node) {
                packages.insert(vec![ident.to_string()]);
            }
        }
    }
    for chain in &all {
        packages.insert(chain.clone());
        if let Some(index) = chain.iter().position(|n| n.contains("pkgs")) {
            packages.insert(chain[index + 1..].to_vec());
        }
    }
    packages.retain(|chain| !chain.is_empty());
    // What is read whole by one name and in part by another is a set.
    let whole: Vec<&Vec<String>> = config.iter().collect();
    let deep = whole.iter().filter(|c| {
        let below = |o: &&Vec<String>| o.len() > c.len() && o.starts_with(c);
        !whole.iter().any(below)
    });
    let config: Vec<&&Vec<String>> = deep.collect();
    json!({ "all": all, "packages": packages, "config": config })
}

/// Names that stand for a part of the configuration (`cfg = config.a.b`), and which.
fn aliases(root: &rnix::SyntaxNode) -> BTreeMap<String, Vec<String>> {
    let bindings = root.descendants().filter_map(ast::AttrpathValue::cast);
    let alias = |binding: ast::AttrpathValue| {
        let name = binding.attrpath()?.to_string();
        let value = binding.value()?.to_string();
        let path: Vec<String> = value
            .strip_prefix("config.")?
            .split('.')
            .map(str::to_owned)
            .collect();
        let plain = |n: &String| n.chars().all(|c| c.is_alphanumeric() || "-_'".contains(c));
        (path.iter().all(plain) && !name.contains('.')).then_some((name, path))
    };
    bindings.filter_map(alias).collect()
}
