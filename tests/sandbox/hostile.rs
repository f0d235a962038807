//! More of the list of threats: what a guest could read of the host, hand out of its folders, or say.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::time::Instant;

use opb::path::HostPath;
use opb::sandbox::{Bind, End, GuestUser, Limits, Request};

use super::space::{NO_LIMITS, bind, guest, shell, space};

#[test]
fn no_environment_of_the_host_is_seen() {
    let Some(space) = space() else { return };
    // Whoever runs this has some of these variables.
    assert!(
        std::env::vars_os()
            .any(|(name, _)| name.to_string_lossy().starts_with("OPB_TEST_") || name == "CARGO_PKG_NAME")
    );
    for user in [GuestUser::Root, GuestUser::Builder] {
        let script = "cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ 2>/dev/null | tr '\\0' '\\n'; ls -l /proc/1/fd/ /proc/1/cwd /proc/1/exe 2>&1; echo end";
        let log = space.output(&space.request(vec![shell(user, script)]));
        assert!(log.contains("PATH=/bin") && log.ends_with("end\n"), "its own is: {log}");
        assert!(!log.contains("OPB_TEST_") && !log.contains("CARGO"), "{log}");
        assert!(!log.contains(" -> "), "links of init lead nowhere: {log}");
    }
}

#[test]
fn outputs_share_no_file_with_anything_else() {
    let Some(space) = space() else { return };
    let input = space.fresh("input");
    fs::write(input.as_path().join("file"), "theirs\n").expect("written");
    // Into its own outputs, from inputs and from the root: none may come out as another name of what others use.
    let script = "cd /out; ln /in/file a; ln /bin/busybox b; ln /etc/secret c; ln /probe/x d; mv /in/file e; cp /in/file f; ln f g; echo end";
    let (mut request, out) = space.with_outputs(vec![shell(GuestUser::Builder, script)]);
    request.binds.push(bind(input.as_path(), "/in"));
    // Another build's output, should somebody bind it writable.
    let other = space.fresh("other");
    request.binds.push(Bind { writable: true, ..bind(other.as_path(), "/probe") });
    let log = space.output(&request);
    assert!(log.ends_with("end\n"), "{log}");
    let there = |name: &str| fs::symlink_metadata(out.as_path().join(name)).ok();
    for name in ["a", "b", "c", "d"] {
        assert!(there(name).is_none(), "{name}: {log}");
    }
    let links = |name: &str| there(name).expect("copied").nlink();
    assert_eq!((links("f"), links("g")), (2, 2), "what it links of its own is all in there");
    assert_eq!(fs::read_to_string(input.as_path().join("file")).expect("it stays"), "theirs\n");
}

#[test]
fn an_output_folder_cannot_be_put_elsewhere() {
    let Some(space) = space() else { return };
    let script = "rm -rf /out; rmdir /out; mv /out /else; ln -s /etc /out; ln -sfn /etc /out/packages; mkfifo /out/pipe; echo end";
    for user in [GuestUser::Builder, GuestUser::Root] {
        let (request, out) = space.with_outputs(vec![shell(user, script)]);
        let log = space.output(&request);
        assert!(log.ends_with("end\n"), "{log}");
        let folder = fs::symlink_metadata(out.as_path()).expect("it is there");
        assert!(folder.is_dir(), "{log}");
        // A link in it stays one, for whoever takes it in to refuse; nothing went through it.
        let kind = |name: &str| fs::symlink_metadata(out.as_path().join(name)).expect("there").file_type();
        assert!(kind("packages").is_symlink() && kind("pipe").is_fifo());
        assert!(!std::path::Path::new("/etc/packages").exists() && !std::path::Path::new("/etc/pipe").exists());
    }
}

#[test]
fn one_endless_line_and_control_characters_do_no_harm() {
    let Some(space) = space() else { return };
    // Two gigabytes without a line end, of which no more is taken than may be.
    let limits = Limits { log_bytes: 3 << 20, ..NO_LIMITS };
    let began = Instant::now();
    let request = space.request(vec![shell(GuestUser::Builder, "head -c 2000000000 /dev/zero; echo end")]);
    let (outcome, log) = space.run(&Request { limits, ..request });
    assert_eq!((outcome.expect("ran").end, log.len()), (End::LogLimit, 3 << 20));
    assert!(began.elapsed().as_secs() < 20);
    let log = space.output(&space.request(vec![shell(GuestUser::Builder, "printf 'a\\033]0;x\\007b\\0c\\n'")]));
    assert_eq!(log, "a\u{1b}]0;x\u{7}b\0c\n", "a log is bytes; who shows it makes it harmless");
}

#[test]
fn names_like_options_and_commands_are_only_names() {
    let Some(space) = space() else { return };
    let names = ["--help", "$(id)", "a\nb", "%n", "\u{1b}[2J", "'"];
    for name in names {
        let folder = HostPath::new(space.folder.join(format!("names{}", name.len())));
        let _ = fs::remove_dir_all(folder.as_path());
        fs::create_dir(folder.as_path()).expect("made");
        let host = folder.join(name);
        fs::create_dir(host.as_path()).expect("made");
        fs::write(host.as_path().join("file"), "content\n").expect("written");
        let place = format!("/in/{name}");
        let mut step = shell(GuestUser::Builder, "cat file; pwd | tail -c 4 > /dev/null; echo end");
        let opb::sandbox::Step::Run { cwd, .. } = &mut step else { panic!("a run") };
        *cwd = guest(&place);
        let mut request = space.request(vec![step]);
        request.binds = vec![bind(host.as_path(), &place)];
        assert_eq!(space.output(&request), "content\nend\n", "{name:?}");
    }
}
