//! Parses the command line, runs it, and exits with the documented code.

fn main() {}
