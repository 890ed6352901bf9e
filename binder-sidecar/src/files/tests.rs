use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sandbind_wire::message::FolderItem;

use super::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Bytes64> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Bytes64::from(*value))).collect()
}

fn folder(dir: &Path, items: &[(&str, &str, u32)]) -> Folder {
    let item = |(key, path, mode): &(&str, &str, u32)| FolderItem {
        key: (*key).to_owned(),
        path: (*path).to_owned(),
        mode: *mode,
    };
    Folder { dir: dir.display().to_string(), items: items.iter().map(item).collect() }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|n| !n.starts_with(".."));
    names.sort();
    names
}

#[test]
fn all_outputs_or_chosen_items_with_their_modes() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("0");
    assert!(write(&folder(&all, &[]), &values(&[("p.url", "u"), ("p.pw", "s")])).unwrap());
    assert_eq!(names(&all), ["p.pw", "p.url"]);
    let chosen = dir.path().join("1");
    write(&folder(&chosen, &[("p.pw", "tls/deep/pw", 0o440)]), &values(&[("p.url", "u"), ("p.pw", "s")]))
        .unwrap();
    assert_eq!(names(&chosen), ["tls"]);
    let file = chosen.join("tls/deep/pw");
    assert_eq!(fs::read(&file).unwrap(), b"s");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o440);
}

#[test]
fn the_same_again_changes_nothing_and_names_that_went_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path(), &[]);
    assert!(write(&folder, &values(&[("a", "1"), ("b", "1")])).unwrap());
    let set = fs::read_link(dir.path().join(DATA)).unwrap();
    assert!(!write(&folder, &values(&[("a", "1"), ("b", "1")])).unwrap());
    assert_eq!(fs::read_link(dir.path().join(DATA)).unwrap(), set);
    assert!(write(&folder, &values(&[("a", "2")])).unwrap());
    assert_eq!(names(dir.path()), ["a"]);
    assert!(dir.path().join(&set).exists(), "readers may still be on their way through the previous set");
    assert!(write(&folder, &values(&[("a", "3")])).unwrap());
    assert!(!dir.path().join(&set).exists(), "gone after the next swap");
}

#[test]
fn what_cannot_be_written_leaves_the_old_set() {
    let dir = tempfile::tempdir().unwrap();
    write(&folder(dir.path(), &[("a", "f", 0o444)]), &values(&[("a", "old")])).unwrap();
    let missing = write(&folder(dir.path(), &[("b", "f", 0o444)]), &values(&[("a", "secret")])).unwrap_err();
    assert_eq!(missing.to_string(), "output b was not delivered");
    for path in ["../out", "/abs", "..data", "", "a/../../b"] {
        let error =
            write(&folder(dir.path(), &[("a", path, 0o444)]), &values(&[("a", "secret")])).unwrap_err();
        assert!(matches!(error, FilesError::Path { .. }), "{path}: {error}");
    }
    assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"old");
}

#[test]
fn a_reader_never_sees_two_revisions_in_one_set() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path(), &[]);
    let revision = |n: u32| values(&[("user", &format!("u{n}")), ("password", &format!("u{n}"))]);
    write(&folder, &revision(0)).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let (path, ended) = (dir.path().to_owned(), Arc::clone(&over));
    let reader = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !ended.load(Ordering::SeqCst) {
            // As an app does that wants one revision: through the set that `..data` leads to at this moment.
            let set = path.join(fs::read_link(path.join(DATA)).unwrap());
            let (Ok(user), Ok(password)) = (fs::read(set.join("user")), fs::read(set.join("password")))
            else {
                // Two swaps passed meanwhile; the visible names never fail.
                fs::read(path.join("user")).unwrap();
                continue;
            };
            assert_eq!(user, password);
            seen.insert(user);
        }
        seen.len()
    });
    for n in 1..500 {
        assert!(write(&folder, &revision(n)).unwrap());
    }
    over.store(true, Ordering::SeqCst);
    assert!(reader.join().unwrap() > 1);
}
