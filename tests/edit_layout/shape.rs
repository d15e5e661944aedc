//! Nix files of many shapes, as people write them.

use crate::change::Numbers;

/// A file.
pub(crate) fn file(numbers: &mut Numbers) -> String {
    let head = [
        "",
        "{ lib, ... }:\n",
        "{ config, pkgs, ... }:\n\n",
        "{pkgs, ...}: ",
        "{\n  config,\n  pkgs, # used below\n  ...\n}:\n",
        "{ config\n, pkgs\n, ...\n}:\n",
        "_:\n\n",
        "_: ",
        "{ ... }:\n",
        "{\n  # of the flake\n  inputs,\n  pkgs ? null\n}: ",
        "{ pkgs, ... }@args:\n",
    ];
    let head = head[numbers.below(head.len())];
    let scope = match numbers.below(5) {
        0 => {
            let bindings = bindings(numbers, 1, 1);
            format!("let\n{bindings}in\n")
        }
        1 => "with builtins;\n".to_owned(),
        _ => String::new(),
    };
    let comment = ["", "# a disk\n", "/* of several\n   lines */\n"][numbers.below(3)];
    format!("{comment}{head}{scope}{{\n{}}}\n", bindings(numbers, 1, 3))
}

fn name(numbers: &mut Numbers) -> String {
    // Numbered, so that no name comes twice.
    let number = numbers.below(1_000_000);
    match numbers.below(6) {
        0 => format!("\"/home{number}\""),
        1 => format!("\"@n{number}\""),
        _ => format!("name{number}"),
    }
}

fn bindings(numbers: &mut Numbers, depth: usize, deeper: usize) -> String {
    let pad = "  ".repeat(depth);
    let mut out = String::new();
    let count = 1 + numbers.below(4);
    for index in 0..count {
        if index > 0 && numbers.below(4) == 0 {
            out.push('\n');
        }
        if numbers.below(6) == 0 {
            out.push_str(&format!("{pad}# about {}\n", numbers.below(100)));
        }
        let binding = binding(numbers, depth, deeper);
        let behind = ["", "", "", " # why", " /* so */"][numbers.below(5)];
        out.push_str(&format!("{pad}{binding}{behind}\n"));
    }
    if numbers.below(10) == 0 {
        out.push_str(&format!("{pad}# name = \"off\";\n"));
    }
    out
}

fn binding(numbers: &mut Numbers, depth: usize, deeper: usize) -> String {
    match numbers.below(12) {
        0 => format!("inherit a{0} b{0} c{0};", numbers.below(1_000_000)),
        1 => format!("inherit (pkgs) d{};", numbers.below(1_000_000)),
        2 => format!(
            "{}.{} = {};",
            name(numbers),
            name(numbers),
            value(numbers, depth, deeper)
        ),
        _ => format!("{} = {};", name(numbers), value(numbers, depth, deeper)),
    }
}

fn value(numbers: &mut Numbers, depth: usize, deeper: usize) -> String {
    let pad = "  ".repeat(depth);
    match numbers.below(if deeper == 0 { 9 } else { 13 }) {
        0 => "true".to_owned(),
        1 => "\"zstd:${level}\"".to_owned(),
        2 => format!("''\n{pad}  one\n\n{pad}    two ${{x}}\n{pad}''"),
        3 => "options".to_owned(),
        4 => "base ++ [ \"x\" ]".to_owned(),
        5 => "lib.mkForce [ \"noatime\" ]".to_owned(),
        6 => format!("with pkgs; {}", list(numbers, depth)),
        7 | 8 => list(numbers, depth),
        9 => format!("{{ {} }}", binding(numbers, depth, 0)),
        10 => format!(
            "lib.mkIf config.x {{\n{}{pad}}}",
            bindings(numbers, depth + 1, deeper - 1)
        ),
        _ => format!("{{\n{}{pad}}}", bindings(numbers, depth + 1, deeper - 1)),
    }
}

fn list(numbers: &mut Numbers, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let count = numbers.below(5);
    let items: Vec<String> = (0..count)
        .map(|_| match numbers.below(6) {
            0 => format!("pkgs.p{}", numbers.below(100)),
            1 => "(f x)".to_owned(),
            n => format!("\"option{n}\""),
        })
        .collect();
    match numbers.below(if count == 0 { 3 } else { 5 }) {
        0 => format!("[{}]", items.join(" ")),
        1 | 2 => match items.is_empty() {
            true => "[ ]".to_owned(),
            false => format!("[ {} ]", items.join(" ")),
        },
        _ => {
            let mut out = String::from("[\n");
            for item in items {
                if numbers.below(5) == 0 {
                    out.push_str(&format!("{pad}  # group\n"));
                }
                let behind = ["", "", "", " # of it"][numbers.below(4)];
                out.push_str(&format!("{pad}  {item}{behind}\n"));
            }
            out.push_str(&format!("{pad}]"));
            out
        }
    }
}
