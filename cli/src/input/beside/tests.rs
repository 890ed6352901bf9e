use std::{fs, os::unix::fs::symlink};

use super::*;

/// A document's folder with something above it, and links that lead here and there.
fn beside() -> (tempfile::TempDir, Beside) {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("plugins");
    fs::create_dir_all(folder.join("scripts")).unwrap();
    fs::write(above.path().join("up"), "up").unwrap();
    fs::write(folder.join("scripts/x.sh"), "x").unwrap();
    symlink("scripts/x.sh", folder.join("inner")).unwrap();
    symlink("../up", folder.join("outer")).unwrap();
    symlink("..", folder.join("above")).unwrap();
    symlink(&folder, above.path().join("other")).unwrap();
    let beside = Beside::of(folder.join("p.yaml").to_str().unwrap()).unwrap();
    (above, beside)
}

fn read(beside: &mut Beside, path: &str, confined: bool) -> Result<String, Unread> {
    let file = Embed { path: path.to_owned(), confined, most: 10 };
    beside.read(&file, path).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn files_are_read_below_the_folder_and_links_followed_where_they_may_be() {
    let (_kept, mut beside) = beside();
    let said = |text: &str| text.to_owned();
    for (path, free, confined) in [
        ("scripts/x.sh", Ok(said("x")), Ok(said("x"))),
        ("inner", Ok(said("x")), Ok(said("x"))),
        ("outer", Ok(said("up")), Err(Unread::Outside(said("outer")))),
        ("above/up", Ok(said("up")), Err(Unread::Outside(said("above/up")))),
        ("above/plugins/scripts/x.sh", Ok(said("x")), Ok(said("x"))),
        ("../up", Ok(said("up")), Err(Unread::Outside(said("../up")))),
        ("", Err(Unread::Folder(said(""))), Err(Unread::Folder(said("")))),
        ("scripts", Err(Unread::Folder(said("scripts"))), Err(Unread::Folder(said("scripts")))),
        ("gone", Err(Unread::Missing(said("gone"))), Err(Unread::Missing(said("gone")))),
        (
            "scripts/x.sh/y",
            Err(Unread::Other(said("scripts/x.sh/y"), said("not a directory"))),
            Err(Unread::Other(said("scripts/x.sh/y"), said("not a directory"))),
        ),
    ] {
        assert_eq!(read(&mut beside, path, false), free, "{path}");
        assert_eq!(read(&mut beside, path, true), confined, "{path}, confined");
    }
}

#[test]
fn a_folder_that_is_itself_reached_by_a_link_holds_its_files() {
    let (kept, _) = beside();
    let document = kept.path().join("other/p.yaml");
    let mut beside = Beside::of(document.to_str().unwrap()).unwrap();
    assert_eq!(read(&mut beside, "scripts/x.sh", true).as_deref(), Ok("x"));
    // By name, as the published tools do it: above `other`, not above what it leads to.
    assert_eq!(read(&mut beside, "../up", false).as_deref(), Ok("up"));
}

#[test]
fn not_more_is_read_than_is_wanted() {
    let (kept, mut beside) = beside();
    fs::write(kept.path().join("plugins/ten"), "0123456789").unwrap();
    fs::write(kept.path().join("plugins/eleven"), "0123456789a").unwrap();
    assert_eq!(read(&mut beside, "ten", false).as_deref(), Ok("0123456789"));
    assert_eq!(read(&mut beside, "eleven", false), Err(Unread::TooLarge("eleven".to_owned())));
    let endless =
        Embed { path: "../../../../../../../../../../dev/zero".to_owned(), confined: false, most: 10 };
    assert_eq!(beside.read(&endless, "zero"), Err(Unread::TooLarge("zero".to_owned())));
}
