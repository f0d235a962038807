//! Recipes see nothing of the machine: not its files, its environment, its time or its arch. What they come to is the same
//! everywhere, byte for byte.

use std::os::unix::fs::symlink;

use super::*;

const RECIPE: &str = r##"import "lib/flags" as flags;
let names = table(numbers(1, 20).map(|n| `V${n}`), |name| name.to_lower());
#{
    source: path("tool"), env: flags::all(names), patches: ["b.patch", "a.patch"],
    needs: ["libmd"],
    on: [["@mirage-1/*", |target, it| #{ profiles: ["nodoc", "nocheck"], env: #{ AT: target.name, GCC: probe("gcc -v") } }]],
}
"##;

fn project() -> Space {
    let mut space = Space::two();
    space.dsc("libmd", "", &[("libmd-dev", "any", "")]);
    space.file("recipes/tool.rhai", RECIPE);
    space.file("recipes/lib/flags.rhai", "fn all(names) { names + #{ R: target.release } }\n");
    space.file("recipes/tool/a.patch", "");
    space.file("recipes/tool/b.patch", "");
    space.source(
        "tool",
        "Source: logax\nBuild-Depends: libbsd-dev\n\nPackage: logax\nArchitecture: any\nDescription: x\n",
    );
    space
}

#[test]
fn the_same_in_another_folder_locale_and_time_zone() {
    let (here, there) = (project(), project());
    let said = |space: &Space, more: &[(&str, &str)]| {
        let mut command = space.command(&["eval", "--format", "json"]);
        command.envs(more.iter().copied());
        let output = command.output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let one = said(&here, &[("LC_ALL", "C"), ("TZ", "UTC")]);
    let more = [
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "tr_TR.UTF-8"),
        ("TZ", "Pacific/Kiritimati"),
        ("USER", "somebody"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("DEB_BUILD_PROFILES", "stage1"),
        ("RAYON_NUM_THREADS", "1"),
    ];
    assert!(one.len() > 1_000);
    assert_eq!(one, said(&there, &more));
    // It would be noticed: one byte of a recipe.
    there.file("recipes/tool.rhai", &RECIPE.replace("numbers(1, 20)", "numbers(1, 21)"));
    assert_ne!(one, said(&there, &more));
}

#[test]
fn the_same_for_another_user_with_another_umask() {
    let (here, there) = (project(), project());
    let one = here.stdout(&["eval", "--format", "json"]);
    // What git makes of a file under another umask: other modes, the same content.
    for path in ["tool/debian/control", "tool/debian/changelog", "recipes/tool.rhai", "opb.lock"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(there.path(path), mode).expect("set");
    }
    let home = there.folder.path().join("another/home");
    fs::create_dir_all(&home).expect("made");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 077; cd /; exec \"$0\" -C \"$1\" eval --format json", env!("CARGO_BIN_EXE_opb")]);
    command.arg(there.path(".")).env_clear().env("HOME", home).env("LC_ALL", "POSIX").env("TZ", "America/St_Johns");
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(one, String::from_utf8(output.stdout).expect("text"));
}

#[test]
fn an_import_that_is_a_link_out_of_the_project() {
    let space = Space::two();
    let secret = space.folder.path().join("secret.rhai");
    fs::write(&secret, "fn secret() { \"hunter2\" }").expect("written");
    space.file("recipes/tool.rhai", "import \"lib/x\" as x;\n#{ source: path(\"tool\"), env: #{ S: x::secret() } }\n");
    space.file("recipes/lib/readme", "");
    for target in [secret.clone(), PathBuf::from("../../../secret.rhai")] {
        let _ = fs::remove_file(space.path("recipes/lib/x.rhai"));
        symlink(&target, space.path("recipes/lib/x.rhai")).expect("made");
        let seen = space.seen(&["eval"]);
        assert!(seen.contains("recipes/lib/x.rhai") && !seen.contains("hunter2"), "{seen}");
        assert!(!seen.starts_with("exit 0"), "{seen}");
    }
}

#[test]
fn hostile_recipes_fail_fast() {
    let hostile = [
        "loop {}",
        "let a = \"x\"; loop { a += a; }",
        "let a = [1]; loop { a += a; }",
        "let a = #{}; let n = 0; loop { a[`k${n}`] = `${a.keys()}`; n += 1; }",
        "fn f(n) { f(n + 1) } f(0)",
        "fn f(n) { if n == 0 { 0 } else { f(n - 1) + f(n - 1) } } f(20)",
        "let a = []; loop { a = [a, a]; }",
        "let text = probe(\"a\"); loop { text = text + text; }",
        "let a = []; for n in numbers(1, 1000) { for m in numbers(1, 1000) { a.push(m); a = a.filter(|it| it > 1); } }",
        "let t = \"a\"; t.pad(16000, 'x'); let a = #{}; let n = 0; loop { a[`k${n}`] = t + n; n += 1; }",
        "let t = \"a\"; t.pad(16000, 'x'); loop { t.replace(\"x\", \"y\"); t.replace(\"y\", \"x\"); }",
        "let a = numbers(1, 1000); loop { a.sort(|x, y| y - x); }",
        "let f = || 1; loop { let g = f; f = || g.call(); }",
    ];
    let space = Space::two();
    for recipe in hostile {
        space.file("recipes/tool.rhai", recipe);
        let begun = std::time::Instant::now();
        let seen = space.seen(&["eval"]);
        assert!(seen.starts_with("exit 2") && seen.contains("opb::eval::limit"), "{recipe}: {seen}");
        // Without optimisation, on a machine that does other things too.
        assert!(begun.elapsed().as_secs() < 20, "{recipe}: {:?}", begun.elapsed());
        println!("{:>6} ms  {recipe}", begun.elapsed().as_millis());
    }
    let nested = format!("#{{ source: path(\"tool\"), env: {}{} }}", "[".repeat(20_000), "]".repeat(20_000));
    space.file("recipes/tool.rhai", &nested);
    assert!(space.seen(&["eval"]).starts_with("exit 2"));
    let ticks = format!("probe; {}", "`${".repeat(100_000));
    space.file("recipes/tool.rhai", &ticks);
    assert!(space.seen(&["eval"]).starts_with("exit 2"));
    let ticks = format!("probe; `{}`", "${a}".repeat(100_000));
    space.file("recipes/tool.rhai", &ticks);
    assert!(space.seen(&["eval"]).starts_with("exit 2"));
}
