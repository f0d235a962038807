//! Puts the distro files of `distros/` into the program, so that `opb init` and `opb new distro` have them anywhere: a
//! table of names and texts, made from what is in the folder, so that a new release is one file there and no Rust.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=distros");
    let folder = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("distros");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("distros/ is there").flatten().map(|file| file.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "rhai"));
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        writeln!(table, "    ({name:?}, include_str!({file:?})),").expect("a text");
    }
    table.push_str("]\n");
    let out = Path::new(&env::var_os("OUT_DIR").expect("set by cargo")).join("distros.rs");
    fs::write(out, table).expect("the build folder can be written");
}
