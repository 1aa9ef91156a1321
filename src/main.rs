//! The `lull` binary: arguments become one call into the library.

fn main() -> std::process::ExitCode {
    lull::cli::main()
}
