//! Files that were at an address before, with the real helper and a server on the loopback interface.

use super::*;
use crate::fetch::Before;

#[test]
fn what_was_there_before_is_not_sent_again() {
    let Some(scratch) = Scratch::new("") else { return };
    let (old, new) = (content(0), content(1));
    let server = Server::new(Serves::of(&old), false);
    let url = format!("http://127.0.0.1:{}/x", server.port);
    let file = HostPath::new(scratch.folder.path()).join("before");
    std::fs::write(file.as_path(), &old).expect("scratch");
    std::fs::set_permissions(file.as_path(), std::os::unix::fs::PermissionsExt::from_mode(0o444)).expect("scratch");
    let before = Some(Before { file: file.clone(), modified: 1_795_255_200 });
    let places = vec![Address::new(&url).expect("an address")];
    let wanted = Wanted { places, name: "file".to_owned(), sha256: None, size: None, before };
    let get = || {
        let folder = KeptFolder::lock(&scratch.place(), &scratch.access).expect("locked");
        let kept = download_kept(&wanted, folder, &scratch.access, &[Duration::ZERO]).expect("comes");
        let bytes = std::fs::read(kept.path.as_path()).expect("there");
        kept.discard();
        bytes
    };
    let requests = || server.asked.lock().expect("no panic").len();
    assert!(get() == old && requests() == 1);
    assert_eq!(server.asked("Sent: ").as_deref(), Some("0"));
    assert_eq!(server.asked("If-Range: ").as_deref(), Some("Sat, 21 Nov 2026 10:00:00 GMT"));
    // Another file comes as a whole, and so does any of a server that does not know of what time it is.
    for (what, change) in [
        ("of another time", (|serves| serves.date = "Sun, 22 Nov 2026 10:00:00 GMT") as fn(&mut Serves)),
        ("without ranges", |serves| serves.ranges = false),
    ] {
        server.change(|serves| *serves = Serves::of(&new));
        server.change(change);
        let asked = requests();
        assert!(get() == new && requests() == asked + 1, "{what}");
        assert_eq!(server.asked("Sent: ").as_deref(), Some("300000"), "{what}");
    }
    // A connection that breaks off in another file is no reason to go on with what came of it.
    server.change(|serves| {
        *serves = Serves { date: "Sun, 22 Nov 2026 10:00:00 GMT", sends: Some(100_000), ..Serves::of(&new) };
    });
    let folder = KeptFolder::lock(&scratch.place(), &scratch.access).expect("locked");
    download_kept(&wanted, folder, &scratch.access, &[]).expect_err("breaks off");
    server.change(|serves| serves.sends = None);
    assert!(get() == new);
    assert!(std::fs::read(file.as_path()).expect("there") == old, "it is only read");
}
