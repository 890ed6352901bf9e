//! The end of a program as a test wants it: in the middle of anything, and begun anew at once.

use std::{
    env, io,
    os::unix::process::CommandExt as _,
    process::{Command, abort},
    sync::{Mutex, PoisonError},
};

/// Puts a new run of this program in the place of this one, with this argument `--NAME=VALUE` instead of its earlier value. As after
/// SIGKILL nothing runs on, no destructor and no other thread; memory, connections and what was not yet written are lost. Unlike
/// after SIGKILL nobody makes the program wait before it begins anew.
pub fn begin_anew(argument: &str) -> ! {
    static FIRST: Mutex<()> = Mutex::new(());
    // Whoever comes second never goes on.
    let _first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let error = replace(argument);
    tracing::error!(error = &error as &dyn std::error::Error, "the program cannot begin anew");
    abort()
}

fn replace(argument: &str) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let name = argument.split_inclusive('=').next().unwrap_or(argument);
    let others = env::args_os().skip(1).filter(|other| !other.to_string_lossy().starts_with(name));
    Command::new(program).args(others).arg(argument).exec()
}
