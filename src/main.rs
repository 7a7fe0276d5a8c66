//! The binary: hands over to [`supervigil::cli`] and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervigil::cli::main()
}
