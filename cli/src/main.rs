//! The `sandbind` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbind_cli::main()
}
