//! The README shows what the program prints.

/// Every line of the README's example stands in the real output, in this order.
#[test]
fn the_example_is_real_output() {
    let readme = include_str!("../README.md");
    let block = readme
        .split("```text\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let output = assert_cmd::Command::cargo_bin("btrfs-tune")
        .expect("the program")
        .args(["fix", "--diff", "fixtures/hosts/workstation"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = printed.lines();
    for wanted in block.lines().filter(|l| *l != "…") {
        assert!(
            lines.any(|line| line == wanted),
            "not printed (or not in this order): {wanted}"
        );
    }
}
