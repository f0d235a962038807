//! Logs of nodes that run, for other processes to find.
//!
//! A node's log grows in its work folder, beside a file that names the node. Only a folder whose owner lives counts: what a dead
//! run left is never taken for something that runs. Neither file is within reach of the build, which sees other folders of
//! the work folder alone; what is in the log is the build's own words, and its size is limited by who writes it.

use std::fs::File;
use std::io::{self as std_io, Read};

use super::error::{StoreError, io};
use super::{Store, WorkDir};

const LOG: &str = "log";
const NODE: &str = "node";

/// The most bytes of a node's name.
const MOST_OF_NAME: u64 = 4 << 10;

/// A log that somebody is writing. Reading comes to its present end, and goes on there when asked again.
#[derive(Debug)]
pub struct RunningLog {
    file: File,
    work: String,
}

impl Read for RunningLog {
    fn read(&mut self, into: &mut [u8]) -> std_io::Result<usize> {
        self.file.read(into)
    }
}

impl WorkDir {
    /// A new, empty log of `node`, which works here, to be written and read. Other processes find it from now on.
    ///
    /// # Errors
    /// Where it cannot be made, or is there already.
    pub fn new_log(&self, node: &str) -> Result<File, StoreError> {
        let failed = || io("making a log", &self.path().join(LOG));
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let log = self.dir().open_with(LOG, &options).map_err(failed())?.into_std();
        // Complete once it has that name, and the log is there before it.
        self.dir().write("node.new", node).map_err(failed())?;
        self.dir().rename("node.new", self.dir(), NODE).map_err(failed())?;
        Ok(log)
    }
}

impl Store {
    /// The log of `node`, where some process is running it; of several, that which began last.
    ///
    /// # Errors
    /// Where the work folders cannot be read.
    pub fn running_log(&self, node: &str) -> Result<Option<RunningLog>, StoreError> {
        let mut found = None;
        for work in self.live_work()? {
            // It may end at any moment; then it does not run.
            let Ok(folder) = self.dir.open_dir(format!("work/{work}")) else { continue };
            let mut name = String::new();
            let Ok(file) = folder.open(NODE) else { continue };
            let began =
                file.metadata().and_then(|metadata| metadata.modified()).map(cap_std::time::SystemTime::into_std);
            let is_it = file.take(MOST_OF_NAME).read_to_string(&mut name).is_ok() && name == node;
            if let (true, Ok(began), Ok(file)) = (is_it, began, folder.open(LOG)) {
                let log = RunningLog { file: file.into_std(), work };
                if found.as_ref().is_none_or(|(before, _)| *before < began) {
                    found = Some((began, log));
                }
            }
        }
        Ok(found.map(|(_, log)| log))
    }

    /// Whether nobody writes `log` any more. What there is of it can still be read.
    ///
    /// # Errors
    /// Where the work folders cannot be read.
    pub fn is_complete(&self, log: &RunningLog) -> Result<bool, StoreError> {
        Ok(!self.live_work()?.contains(&log.work))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::path::HostPath;

    fn read(log: &mut RunningLog) -> String {
        let mut text = String::new();
        log.read_to_string(&mut text).expect("reads");
        text
    }

    #[test]
    fn a_log_is_found_and_read_while_it_grows() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let other = Store::open(store.path()).expect("opens");
        let work = store.new_work().expect("made");
        assert!(other.running_log("build:a").expect("reads").is_none(), "no log yet");
        let mut log = work.new_log("build:a").expect("made");
        log.write_all(b"one\n").expect("written");
        let mut found = other.running_log("build:a").expect("reads").expect("there");
        assert!(other.running_log("build:").expect("reads").is_none());
        assert_eq!(read(&mut found), "one\n");
        log.write_all(b"two\n").expect("written");
        assert!(!other.is_complete(&found).expect("reads"));
        assert_eq!(read(&mut found), "two\n");
        log.write_all(b"three\n").expect("written");
        drop(work);
        assert!(other.is_complete(&found).expect("reads"));
        assert_eq!(read(&mut found), "three\n", "also where its folder is gone");
        assert!(other.running_log("build:a").expect("reads").is_none());
    }

    #[test]
    fn what_a_dead_run_left_does_not_run() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let work = store.path().join("work/0123456789abcdef");
        std::fs::create_dir(work.as_path()).expect("made");
        for (name, text) in [("lock", ""), ("node", "build:a"), ("log", "one\n")] {
            File::create(work.join(name).as_path())
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .expect("written");
        }
        assert!(store.running_log("build:a").expect("reads").is_none(), "nobody holds its lock");
        let lock = File::open(work.join("lock").as_path()).expect("there");
        let lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusiveNonblock).expect("free");
        assert!(store.running_log("build:a").expect("reads").is_some());
        drop(lock);
        assert!(store.running_log("build:a").expect("reads").is_none());
    }
}
