//! Evaluation of a large project: 70 recipes for 62 targets, from files in memory.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use opb::eval::{MemoryFiles, evaluate};

const RECIPES: usize = 70;
/// Distros; each has two arches.
const DISTROS: usize = 31;

fn distro(number: usize) -> String {
    format!(
        r#"#{{
    family: "deb", vendor: "mirage", release: "{number}", codename: "oasis{number}", suffix: "mir{number}",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{{ name: "oasis{number}", areas: ["main"] }}],
    keyring: "mirage-keyring.gpg",
    base: #{{ variant: "buildd", add: [] }},
    lifecycle: #{{ end: "2030-01-01", archived: false, expired_release_files: "refuse" }},
    options: #{{ alternatives: "first", recommends: false, rules_need_no_root: false }},
}}
"#
    )
}

/// Every third recipe asks its target, so that it runs more than once.
fn recipe(number: usize) -> String {
    let needs = if number == 0 { String::new() } else { format!("    needs: [\"component-{}\"],\n", number - 1) };
    let env = match number % 3 {
        0 => "#{ ARCH: if target.arch == \"amd64\" { \"x\" } else { \"y\" } }",
        1 => "common::env(\"1\")",
        _ => "#{ V: \"1\" }",
    };
    format!(
        "import \"lib/common\" as common;\n#{{\n    source: dsc(\"component-{number}\"),\n{needs}    env: {env},\n    \
         on: [[\"@mirage-1*\", #{{ profiles: [\"nocheck\"] }}]],\n}}\n"
    )
}

fn files() -> MemoryFiles {
    let distros = (0..DISTROS).map(|n| (format!("distros/mirage-{n}.rhai"), distro(n)));
    let recipes = (0..RECIPES).map(|n| (format!("recipes/component-{n}.rhai"), recipe(n)));
    let shared = ("recipes/lib/common.rhai".to_owned(), "fn env(v) { #{ V: v, W: \"2\" } }\n".to_owned());
    MemoryFiles(distros.chain(recipes).chain([shared]).collect())
}

fn eval(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("eval");
    group.sample_size(10);
    let mut files = files();
    let before = evaluate(&files).expect("sound recipes");
    assert_eq!(before.work.len(), RECIPES * DISTROS * 2);
    group.bench_function("70 recipes for 62 targets", |bencher| {
        bencher.iter(|| evaluate(black_box(&files)).expect("sound recipes").work.len());
    });
    // A changed value is seen for each target.
    let changed = recipe(2).replace("V: \"1\"", "V: \"3\"");
    files.0.insert("recipes/component-2.rhai".to_owned(), changed);
    let after = evaluate(&files).expect("sound recipes");
    let differing = std::iter::zip(&before.work, &after.work).filter(|(before, after)| before != after).count();
    assert_eq!(differing, DISTROS * 2);
    group.finish();
}

criterion_group!(benches, eval);
criterion_main!(benches);
