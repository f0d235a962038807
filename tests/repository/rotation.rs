//! A repository that two keys sign, as machines see it that have the public key of one of them, or of both in one file.

use super::*;

fn signer(user: &str) -> Signer {
    let key = SecretKey::generate(user, now() as u64 - 60, Some(86_400), rand::rngs::OsRng);
    Signer::File(key.expect("makes a key"))
}

#[test]
fn apt_takes_two_signatures_with_either_key() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    let (old, new, stranger) = (signer("old"), signer("new"), signer("stranger"));
    let keys = [
        ("old.asc", old.public_key_armored().expect("exports").into_bytes()),
        ("new.asc", new.public_key_armored().expect("exports").into_bytes()),
        ("new.pgp", new.public_key_binary().expect("exports")),
        ("stranger.asc", stranger.public_key_armored().expect("exports").into_bytes()),
    ];
    let signers = Signers::new(old, vec![new]);
    let both = [
        ("both.asc", signers.public_keys_armored().expect("exports").into_bytes()),
        ("both.pgp", signers.public_keys_binary().expect("exports")),
    ];
    let dists = site.path("repo/dists/bookworm");
    let release = fs::read_to_string(dists.join("Release")).expect("reads");
    let signed = [
        ("InRelease", signers.clear_sign(&release, now() as u64).expect("signs")),
        ("Release.gpg", signers.detached(&release, now() as u64).expect("signs")),
    ];
    let sources = site.path("etc/sources.list.d/opb.sources");
    let entry = fs::read_to_string(&sources).expect("reads");
    for (file, text) in signed {
        // Each form by itself: apt prefers the first, and looks at the second where there is no first.
        for name in ["InRelease", "Release.gpg"] {
            let _ = fs::remove_file(dists.join(name));
        }
        fs::write(dists.join(file), text).expect("writes");
        for (key, bytes) in keys.iter().chain(&both) {
            fs::write(site.path(key), bytes).expect("writes");
            fs::write(&sources, entry.replace("opb.pgp", key)).expect("writes");
            let _ = fs::remove_dir_all(site.path("state/lists"));
            fs::create_dir_all(site.path("state/lists/partial")).expect("makes folders");
            let updated = site.update();
            if *key == "stranger.asc" {
                let said = updated.expect_err("is signed by others");
                assert!(said.contains("NO_PUBKEY") || said.contains("Missing key"), "{file}: {said}");
            } else {
                updated.unwrap_or_else(|said| panic!("{file} with {key}: {said}"));
            }
        }
    }
}
