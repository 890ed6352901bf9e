//! Where the scripts of `plugin test` run: in a view of the machine of their own.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::machine::{Machine, text};

/// Changes and makes files below `$ROOT` and, in another step, finds and removes them. Its output: how many processes it sees.
const CHANGES: &str = r#"name: it
spec:
  runner: {image: none}
  create:
  - name: make
    outputs: [{name: processes, valueFromPath: processes}]
    script: |
      #!/bin/sh
      set -e
      echo changed >"$ROOT/there"
      mkdir -p "$ROOT/made/deep"
      ls -d /proc/[0-9]* | wc -l >processes
  delete:
  - name: remove
    script: |
      #!/bin/sh
      set -e
      grep -q changed "$ROOT/there"
      rm "$ROOT/there"
      rmdir "$ROOT/made/deep"
"#;

fn changing(machine: &Machine) -> Vec<String> {
    machine.write("there", "as it was");
    let file = machine.write("plugin.yaml", CHANGES);
    let root = format!("ROOT={}", machine.folder().display());
    ["plugin", "test", "-f", &file, "--env", &root, "--show-outputs"].map(str::to_owned).into()
}

/// What the machine still has of it: the changed file, and the made folder.
fn left(machine: &Machine) -> (Option<String>, bool) {
    (fs::read_to_string(machine.path("there")).ok(), machine.path("made/deep").exists())
}

/// How many processes a script saw.
fn seen(output: &Output) -> usize {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let value = shown.lines().find_map(|line| line.strip_prefix("make.processes = "));
    value.unwrap_or_else(|| panic!("{shown}")).trim().parse().unwrap()
}

/// Whether this machine has what views are made of: within containers, and where user namespaces are forbidden, it has not. Asked without
/// sandbind, so that one that fails to make a view is noticed.
#[expect(clippy::print_stderr, reason = "who reads the test's output learns what was left out")]
fn has_views(by: &mut Command, is_root: bool) -> bool {
    let script = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root && mount -t proc proc /proc \
                  && mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root";
    by.args(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    if !is_root {
        by.args(["--user", "--map-root-user"]);
    }
    let asked = by.args(["sh", "-c", script]).output().unwrap();
    if !asked.status.success() {
        eprintln!("left out: {}", text(&asked.stderr));
    }
    asked.status.success()
}

fn i_have_views() -> bool {
    has_views(&mut Command::new("env"), is_root())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn scripts_of_a_test_change_nothing_of_the_machine_unless_told_to() {
    if !i_have_views() {
        return;
    }
    let machine = Machine::new();
    let mut arguments = changing(&machine);
    let test =
        |arguments: &[String]| machine.sandbind(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let isolated = seen(&test(&arguments));
    assert_eq!(left(&machine), (Some("as it was".to_owned()), false));
    arguments.push("--no-isolation".to_owned());
    let open = seen(&test(&arguments));
    assert_eq!(left(&machine), (None, false), "the machine's own file is removed");
    assert!(isolated < open, "{isolated} processes of {open} are seen");
}

#[test]
fn a_link_on_the_way_to_the_run_leads_nobody_out_of_the_view() {
    if !i_have_views() {
        return;
    }
    let machine = Machine::new();
    let arguments = changing(&machine);
    fs::create_dir(machine.path("real")).unwrap();
    symlink(machine.path("real"), machine.path("link")).unwrap();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = machine.command(&arguments).env("XDG_STATE_HOME", machine.path("link/state")).output();
    seen(&output.unwrap());
    assert_eq!(left(&machine), (Some("as it was".to_owned()), false));
}

#[test]
fn whoever_is_not_root_is_isolated_too_or_told_why_not() {
    let machine = Machine::new();
    let arguments = changing(&machine);
    let (user, program) = (65_534, machine.path("sandbind"));
    fs::copy(env!("CARGO_BIN_EXE_sandbind"), &program).unwrap();
    let mut command = Command::new(&program);
    let (reuid, regid) = (format!("--reuid={user}"), format!("--regid={user}"));
    let become_user = ["setpriv", &reuid, &regid, "--clear-groups", "--"];
    let mut by = Command::new("env");
    if is_root() {
        by.args(become_user);
        // Everything of the test is that user's own, and the program where he can reach it.
        for path in
            [machine.folder().to_owned(), machine.made(), machine.path("there"), machine.path("plugin.yaml")]
        {
            chown(path, Some(user), Some(user)).unwrap();
        }
        command = Command::new("env");
        command.args(become_user).arg(&program);
    }
    command.args(&arguments).env("XDG_STATE_HOME", machine.path("state")).env("TMPDIR", machine.folder());
    let output = command.output().unwrap();
    seen(&output);
    let told = text(&output.stderr).contains("cannot be isolated");
    assert_eq!(told, !has_views(&mut by, false), "{}", text(&output.stderr));
    let expected = if told { (None, false) } else { (Some("as it was".to_owned()), false) };
    assert_eq!(left(&machine), expected, "{}", text(&output.stderr));
}

/// Processes with this text in their environment or their command line.
fn processes(of: &str) -> Vec<(u32, String)> {
    let ids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let read =
        |id: u32, what: &str| fs::read(PathBuf::from(format!("/proc/{id}/{what}"))).unwrap_or_default();
    let line = |id: u32| String::from_utf8_lossy(&read(id, "cmdline")).replace('\0', " ");
    let names =
        |id: &u32| String::from_utf8_lossy(&read(*id, "environ")).contains(of) && !line(*id).is_empty();
    ids.filter(names).map(|id| (id, line(id))).collect()
}

#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > end => panic!("{what}: {seen}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A test whose script runs for long, once that script runs; the script's process.
fn long(machine: &Machine) -> (std::process::Child, u32) {
    let plugin = "name: it\nspec:\n  runner: {image: none}\n  create:\n  - {name: make, script: \"#!/bin/sh\\nexec sleep 600\"}\n  delete:\n  - {name: remove, script: \"#!/bin/sh\\n:\"}\n";
    let file = machine.write("plugin.yaml", plugin);
    let child = machine.command(&["plugin", "test", "-f", &file]).spawn().unwrap();
    let state = machine.path("state").display().to_string();
    let script = eventually("the script runs", || {
        let marked = processes("SANDBIND_RUN=");
        let all = processes(&state);
        // The script has no more of this environment than its mark and names; what it runs in names the folder.
        let of_here = marked.iter().find(|(id, line)| {
            line.contains("sleep 600")
                && fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd.starts_with(machine.folder()))
        });
        of_here.map(|(id, _)| *id).ok_or_else(|| format!("{marked:?} {all:?}"))
    });
    (child, script)
}

fn is_there(id: u32) -> bool {
    !fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default().is_empty()
}

#[test]
fn a_test_that_is_killed_takes_its_scripts_with_it() {
    if !i_have_views() {
        return;
    }
    let machine = Machine::new();
    let (mut child, script) = long(&machine);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("nothing of it runs", || {
        let state = machine.path("state").display().to_string();
        if is_there(script) { Err(format!("{:?}", processes(&state))) } else { Ok(()) }
    });
    assert_eq!(machine.sandbind(&["local", "gc"]).status.code(), Some(0));
    machine.assert_nothing_is_left();
}

#[test]
fn scripts_whose_place_ends_fail_and_it_is_told() {
    if !i_have_views() {
        return;
    }
    let machine = Machine::new();
    let (child, _script) = long(&machine);
    let state = machine.path("state").display().to_string();
    let inside = processes(&state).into_iter().find(|(_, line)| line.contains("internal scripts"));
    let (inside, _) = inside.unwrap();
    let id = rustix::process::Pid::from_raw(i32::try_from(inside).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("the place where scripts run has ended"), "{told}");
    assert_eq!(machine.sandbind(&["local", "gc"]).status.code(), Some(0));
}
