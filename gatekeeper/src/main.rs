//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    ambit_gatekeeper::cli::main()
}
