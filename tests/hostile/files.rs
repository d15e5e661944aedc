//! Files that are none, and imports without end.

use std::fs;
use std::process::Command;

use super::{complaint, inspect, options};

#[test]
fn strange_files_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
    fs::create_dir(root.join("directory.nix")).unwrap();
    fs::create_dir(root.join("broken")).unwrap();
    std::os::unix::fs::symlink("loop-b.nix", root.join("loop-a.nix")).unwrap();
    std::os::unix::fs::symlink("loop-a.nix", root.join("loop-b.nix")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.join("zero.nix")).unwrap();
    std::os::unix::fs::symlink(".", root.join("here")).unwrap();
    let made = Command::new("mkfifo").arg(root.join("fifo.nix")).status();
    write("itself.nix", "import ./itself.nix");
    write(
        "imports-itself.nix",
        "{ imports = [ ./imports-itself.nix ]; }",
    );
    write("ring-a.nix", "{ imports = [ ./ring-b.nix ]; }");
    write("ring-b.nix", "{ imports = [ ./ring-a.nix ]; }");
    write("value-a.nix", "import ./value-b.nix");
    write("value-b.nix", "import ./value-a.nix");
    write(
        "argument.nix",
        "{ n ? 0 }: import ./argument.nix { n = n + 1; }",
    );
    write(
        "module.nix",
        "n: { imports = [ (import ./module.nix (n + 1)) ]; }",
    );
    write("here.nix", "{ imports = [ ./here/here.nix ]; }");
    for n in 0..300 {
        let text = format!("{{ imports = [ ./deep-{}.nix ]; }}", n + 1);
        write(&format!("deep-{n}.nix"), &text);
        write(
            &format!("value-{n}.nix"),
            &format!("import ./value-{}.nix", n + 1),
        );
    }
    write("deep-300.nix", &options("[ \"noatime\" ]"));
    write("value-300.nix", "[ \"noatime\" ]");
    let mut wrong = Vec::new();
    let mut check = |name: &str, text: &str, says: &[&str]| {
        write("host.nix", text);
        let (code, said) = inspect(root, "host.nix");
        wrong.extend(complaint(code, &said, says).map(|why| format!("{name}: {why}")));
    };
    let import = |name: &str| format!("{{ imports = [ {name} ]; }}");
    let value = |name: &str| options(&format!("import {name}"));
    let read = |name: &str| options(&format!("[ (builtins.readFile {name}) ]"));
    let recursion: &[&str] = &[
        "infinite recursion",
        "evaluation was stopped",
        "too many modules",
    ];
    for (name, kind, says) in [
        (
            "./directory.nix",
            "a directory",
            &["no such file", "not a regular file"][..],
        ),
        (
            "./broken",
            "a directory without default.nix",
            &["no such file"],
        ),
        (
            "./loop-a.nix",
            "a ring of links",
            &["symbolic links", "no such file"],
        ),
        (
            "./zero.nix",
            "a link to a device",
            &["not a regular file", "outside the project"],
        ),
        ("/dev/zero", "a device", &["outside the project"]),
        ("/proc/self/mem", "a process", &["outside the project"]),
        ("./nothing.nix", "nothing", &["no such file"]),
    ] {
        check(&format!("a module that is {kind}"), &import(name), says);
        check(&format!("a value that is {kind}"), &value(name), says);
        let says: Vec<&str> = says
            .iter()
            .copied()
            .chain(["a directory", "Is a directory", "not a regular file"])
            .collect();
        check(&format!("the text of {kind}"), &read(name), &says);
    }
    if made.is_ok_and(|status| status.success()) {
        let says = &["not a regular file"];
        check("a pipe as a module", &import("./fifo.nix"), says);
        check("a pipe as a value", &value("./fifo.nix"), says);
        check("the text of a pipe", &read("./fifo.nix"), says);
    }
    check("a value of itself", &value("./itself.nix"), recursion);
    check(
        "two values of each other",
        &value("./value-a.nix"),
        recursion,
    );
    check(
        "an endless argument",
        &value("./argument.nix { }"),
        recursion,
    );
    check(
        "an endless module",
        &import("(import ./module.nix 0)"),
        recursion,
    );
    check(
        "a module of itself",
        &import("./imports-itself.nix"),
        &["no btrfs"],
    );
    check(
        "two modules of each other",
        &import("./ring-a.nix"),
        &["no btrfs"],
    );
    check(
        "a module through a link of itself",
        &import("./here.nix"),
        &["no btrfs", "oo many", "stopped"],
    );
    check(
        "a chain of modules",
        &import("./deep-0.nix"),
        &["option noatime", "stopped"],
    );
    check(
        "a chain of values",
        &value("./value-0.nix"),
        &["option noatime"],
    );
    check(
        "100,000 imports of nothing",
        &format!("{{ imports = [ {} ]; }}", "./no.nix ".repeat(100_000)),
        &["no such file"],
    );
    let many = "builtins.genList (n: ./. + \"/no-${toString n}.nix\") 10000";
    check(
        "10,000 imports of nothing",
        &format!("{{ imports = {many}; }}"),
        &["no such file", "too many modules"],
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
