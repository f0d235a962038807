//! Ids of derivations: the walk and its hash, as evaluation does it for each node.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use opb::digest::Digest;
use opb::drv::{Action, Derivation, DrvId, Env, Input, Script, SharedText};
use opb::name::OutputName;

const DERIVATIONS: usize = 10_000;

fn output(name: &str) -> OutputName {
    OutputName::new(name).expect("a name")
}

/// A build as real ones are: a script of some kilobytes, twenty variables, two inputs.
fn derivation(number: usize) -> Derivation {
    let env = (0..20)
        .map(|n| (format!("VARIABLE_{n}").into(), format!("value {n}").into()))
        .chain([("N".into(), number.to_string().into())]);
    let script = Script {
        sandbox_contract: 1,
        text: SharedText::new("dpkg-buildpackage --no-sign\n".repeat(100)),
        env: env.collect::<Env>(),
        env_with_probes: BTreeMap::new(),
        files: BTreeMap::new(),
        network: false,
    };
    let input = |role: &str| Input {
        role: role.to_owned(),
        from: DrvId(Digest::of(role.as_bytes())),
        output: output("packages"),
    };
    let outputs = ["buildinfo", "debug", "packages", "udebs"].map(output).to_vec();
    Derivation { action: Action::Build { script, number: None, outputs }, inputs: vec![input("root"), input("source")] }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.sample_size(10);
    let mut all: Vec<Derivation> = (0..DERIVATIONS).map(derivation).collect();
    let contents = [Digest::of(b"root"), Digest::of(b"source")];
    group.bench_function("10000 derivation ids", |bencher| {
        bencher.iter(|| all.iter().map(Derivation::id).fold(0u8, |sum, id| sum ^ id.0.as_bytes()[0]));
    });
    group.bench_function("10000 action keys", |bencher| {
        let key = |derivation: &Derivation| derivation.action_key(black_box(&contents)).0.as_bytes()[0];
        bencher.iter(|| all.iter().map(key).fold(0u8, |sum, byte| sum ^ byte));
    });
    // Nothing is remembered: one changed letter is another id.
    let before = all[7].id();
    if let Action::Build { script, .. } = &mut all[7].action {
        script.text = SharedText::new(script.text.replacen('d', "D", 1));
    }
    assert_ne!(before, all[7].id());
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
