//! All that can be wrong, in the words in which people read it, with what they can do.

use miette::Diagnostic as _;

use crate::client::Problem;

#[test]
fn every_problem_says_what_to_do() {
    let text = |text: &str| text.to_owned();
    let all = [
        Problem::Missing,
        Problem::Status { status: 403 },
        Problem::Slow,
        Problem::Broken { why: text("connection refused") },
        Problem::Downgrade,
        Problem::Redirects,
        Problem::NoLength,
        Problem::TooLong { most: 9 },
        Problem::Size { found: 1, expected: 2 },
        Problem::Longer { expected: 2 },
        Problem::Digest { found: text("00"), expected: text("11") },
        Problem::Unpacked { of: text("Packages") },
        Problem::Unreadable { why: text("it is no XML") },
        Problem::NotSigned,
        Problem::Signature { why: text("the key is revoked") },
        Problem::Differs,
        Problem::Weak { of: text(" of `tiny`") },
        Problem::Future { date: text("DATE") },
        Problem::Old { date: text("DATE"), most: text("7 days") },
        Problem::Expired { until: text("DATE") },
        Problem::RolledBack { date: text("DATE"), before: text("LATER") },
        Problem::Rewritten { date: text("DATE") },
        Problem::OtherKey { now: text("A"), before: text("B") },
        Problem::Clash { other: text("Packages") },
        Problem::Time,
        Problem::GivenUp,
    ];
    let told = all.map(|problem| {
        let help = problem.help().expect("a help").to_string();
        assert!(help.starts_with(|letter: char| letter.is_ascii_lowercase()) && !help.ends_with('.'), "{help}");
        format!("{problem}\n  {help}")
    });
    insta::assert_snapshot!(told.join("\n"), @r"
    it is not there
      publish again; where files are copied to the server, copy lists last, and remove what they named only later
    the server answers with status 403
      look into the server's log, and at the modes of its files
    it does not come in time
      see what holds up the server or the network
    it cannot be fetched: connection refused
      see that the server runs, and that its name, its port and its certificate are right
    the server leads from https to plain http
      let the server redirect to https, or not at all
    the server leads from one address to the next, and never to the file
      correct the redirections of the server
    the server does not say how long it is
      let the server answer HEAD with a length, or look with `--packages all`
    it has more than 9 bytes, as no such file has
      see what the server really sends
    it has 1 bytes, and 2 are listed
      publish again; where a proxy stands before the server, let it keep no answers that have changed
    it goes on behind the 2 bytes that are listed
      publish again; where a proxy stands before the server, let it keep no answers that have changed
    its SHA-256 is 00, and 11 is listed
      publish again; where a proxy stands before the server, let it keep no answers that have changed
    it unpacks to something else than is listed as `Packages`
      publish again: both have to be made of the same text
    it cannot be read: it is no XML
      publish again, and see that the server sends the file itself
    it is not signed
      sign it: clients refuse it as it is
    its signature does not count: the key is revoked
      publish again with the key that clients have; if that is another one than was used here, give it with `--key`
    it does not say the same as `InRelease`
      publish both together: some clients read the one and some the other
    it has no SHA-256 of `tiny`, so whoever can make two files with one MD5 or SHA-1 can exchange them
      let what writes it add SHA-256
    its date is DATE, which is in the future
      set the clock of the machine that publishes, or of this one
    its date is DATE, and it may be at most 7 days old
      see why nothing was published since, or allow more with `--max-age`
    it was valid until DATE
      publish again: clients refuse it as it is
    its date is DATE, and LATER was seen here already
      publish again, so that it has a newer date; if nobody put back an old state, somebody replays one
    it had another content when it was seen here with the same date, DATE
      publish again, so that it has a newer date; clients keep what they have where it is the same
    it is signed by A, and by B when it was seen here last
      if the key was exchanged, give the new one with `--key`, or remove the file of `--state`; else find out who signs
    `Packages` lists it with another digest or size
      give one of the packages another version, and publish again
    there was no time left to look at it
      allow more with `--timeout`, or look at less with `--packages none`
    it was not looked at, since the server failed too often
      mend what is told above, and look again
    ");
}
