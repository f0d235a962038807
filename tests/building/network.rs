//! Builds that have the host's network, which their recipes ask for.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::space::sources::Tiny;
use crate::space::space;

#[test]
fn only_who_asks_for_the_network_has_it_and_its_result_says_so() {
    let Some(space) = space("network") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = listener.local_addr().expect("bound").port();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"hello from the host\n");
        }
    });
    let name = space.own("nameless-TAG");
    let nameless = SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
    let _nameless = nameless.expect("listens");
    let asks = format!(
        "perl -MIO::Socket::INET -e 'print readline(IO::Socket::INET->new(PeerAddr => q(127.0.0.1:{port})) or die qq(error: no network))' > $d/x; cat $d/x; \
         perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); print connect(S, pack(q(S a*), AF_UNIX, qq(\\0{name}))) ? qq(nameless: open) : qq(nameless: closed)'"
    );
    let tiny = Tiny { fill: &asks, ..Tiny::PLAIN };
    tiny.with_recipe(&space, "");
    space.opb(&["build"]).exits(4).says("error: no network");
    let node = "build:a-TAG@DISTRO/all";
    tiny.with_recipe(&space, "network: \"its tests ask a server\"");
    space.opb(&["why", node]).fine();
    space.opb(&["build"]).fine();
    let log = space.opb(&["log", node]).fine().out;
    assert!(log.contains("hello from the host"), "{log}");
    // The rule of Landlock that closes it is there from its version 6 on.
    let closed = opb::sandbox::landlock_version().is_some_and(|version| version >= 6);
    assert!(log.contains(if closed { "nameless: closed" } else { "nameless: open" }), "{log}");
    assert_eq!(space.last(node).backend, "namespaces with the network");
    // Its reason is in no key; without the network it is another build.
    tiny.with_recipe(&space, "network: \"they ask a public server\"");
    assert!(space.opb(&["plan"]).fine().out.contains("nothing to do"));
    tiny.with_recipe(&space, "");
    assert!(!space.opb(&["plan"]).fine().out.contains("nothing to do"));
}
