//! Parses the command line, runs it, and exits with the documented code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(btrfs_tune::cli::run())
}
