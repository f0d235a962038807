//! Writes the reports of made-up nightlies into a folder, to be looked at in a browser: `cargo run --example nightly -- DIR`.

use std::error::Error;
use std::{env, fs};

use opb::cost::{Cost, Saved, Spared};
use opb::digest::Digest;
use opb::name::{ChannelName, DistroName};
use opb::night::*;
use opb::report::cache::{By, Missed, Over, Report, Sums};
use opb::report::exceptions::{Listed, Means};
use opb::report::nightly::{self, DistroEnd, Growing, KeyAge, Page, PastNight, PinAge, Took};
use opb::store::runs::RunId;

#[path = "nightly/sample.rs"]
mod sample;
#[path = "nightly/values.rs"]
mod values;

use sample::BEGAN;
use values::*;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("name a folder")?;
    let folder = std::path::Path::new(&folder);
    fs::create_dir_all(folder)?;
    let all = [
        ("quiet", sample::quiet()),
        ("tiny", sample::tiny()),
        ("large", sample::large()),
        ("hostile", sample::hostile(100)),
    ];
    for (name, page) in all {
        fs::write(folder.join(format!("{name}.html")), nightly::html(&page))?;
        fs::write(folder.join(format!("{name}.txt")), nightly::text(&page))?;
        fs::write(folder.join(format!("{name}.json")), nightly::json(&page))?;
    }
    Ok(())
}
