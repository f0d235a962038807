//! Variables of `env` that opb sets itself, that do nothing, or that do harm.

use super::super::places::{Step, key};
use super::{Found, Ground, Lint, distinct};

/// What a variable does where a recipe sets it: the lint, what happens, what to do.
type Known = (Lint, &'static str, &'static str);

const OWN: &str = "opb sets it so that builds are the same everywhere";

/// What is known of a variable.
fn known(name: &str) -> Option<Known> {
    let owned = |help| Some((Lint::EnvOverride, OWN, help));
    let harmful = |why, help| Some((Lint::EnvHarmful, why, help));
    let useless = |why, help| Some((Lint::EnvUseless, why, help));
    match name {
        "PATH" => owned("leave it: tools of a needed package are in it already; call others by their full path"),
        "HOME" => owned("leave it: a build that wants a home may make one, `HOME=$PWD/home`, in its own packaging"),
        "USER" | "LOGNAME" | "SHELL" | "TERM" => owned("leave it to opb"),
        "LANG" | "LC_ALL" | "LANGUAGE" => owned("leave it: tests that want another locale set it themselves"),
        "TZ" => owned("leave it: tests that want another time zone set it themselves"),
        "DEBIAN_FRONTEND" => owned("leave it: nobody is there to answer"),
        "SOURCE_DATE_EPOCH" => owned(
            "leave it: it is the date of the newest changelog entry, and a fixed one would be the same for every version",
        ),
        "DEB_BUILD_OPTIONS" => Some((
            Lint::EnvOverride,
            "it takes the place of what `profiles` sets in it",
            "write `profiles: [\"nocheck\"]` for `nocheck` and `nodoc`; set other options only where there are no profiles",
        )),
        "LD_PRELOAD" | "LD_LIBRARY_PATH" | "LD_AUDIT" => harmful(
            "every program of the build would load it, dpkg and the shell too",
            "set it in the packaging, for the one program that needs it",
        ),
        "BASH_ENV" | "ENV" | "CDPATH" | "IFS" | "PERL5OPT" | "PYTHONSTARTUP" | "RUBYOPT" | "GREP_OPTIONS" => harmful(
            "it changes how every script of the build runs",
            "set it in the packaging, for the one program that needs it",
        ),
        "MAKEFLAGS" | "MFLAGS" | "GNUMAKEFLAGS" => harmful(
            "`debian/rules` is itself run by make, and the number of jobs is not to enter what is built",
            "leave it: opb passes the number of cores on as `parallel=`",
        ),
        "DESTDIR" | "prefix" => {
            harmful("packaging sets it on its own and may take this for it", "set it in the packaging")
        }
        "TMPDIR" | "TEMP" | "TMP" => {
            harmful("the folder must exist in the chroot", "leave it: `/tmp` is private to each build")
        }
        "http_proxy" | "https_proxy" | "ftp_proxy" | "all_proxy" | "no_proxy" | "HTTP_PROXY" | "HTTPS_PROXY"
        | "ALL_PROXY" | "NO_PROXY" => {
            useless("builds have no network", "remove it; what a build needs is declared and fetched before")
        }
        "DISPLAY" | "WAYLAND_DISPLAY" | "XAUTHORITY" | "DBUS_SESSION_BUS_ADDRESS" | "SSH_AUTH_SOCK" => {
            useless("builds see nothing of the host", "remove it; tests that want a display start one, `xvfb-run`")
        }
        "EMAIL" | "DEBEMAIL" | "DEBFULLNAME" => {
            useless("opb writes changelog entries itself", "set `maintainer` in `opb.toml`")
        }
        "HOSTNAME" | "PWD" | "OLDPWD" | "SHLVL" => useless("the shell sets it itself", "remove it"),
        _ if name.starts_with("OPB_") => {
            Some((Lint::EnvOverride, "names with `OPB_` are what opb tells its own scripts", "choose another name"))
        }
        _ => None,
    }
}

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for (name, info) in &ground.project().components {
        let own = ground.project().work.iter().filter(|work| work.component.name == *name);
        for variable in distinct(own.flat_map(|work| work.component.env.keys().map(String::as_str))) {
            let Some((lint, why, help)) = known(variable) else { continue };
            let way: Vec<Step> = key(&key(&[], "env"), variable);
            let span = info.places.of_key(&way);
            found.at(lint, info.places.text(), span, format!("`{variable}` in `env`: {why}"), help);
        }
    }
}
