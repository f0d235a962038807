//! A spec with another version.

/// `spec` with `version` as the version of its main package: every `Version:` in its head, whatever condition it stands
/// under. What names the version by its macro follows.
pub fn with_version(spec: &str, version: &str) -> String {
    let mut text = String::with_capacity(spec.len() + version.len());
    let mut in_head = true;
    for line in spec.split_inclusive('\n') {
        let bare = line.trim();
        // A section ends the head; macros, conditions and definitions do not.
        in_head = in_head && !bare.split_whitespace().next().is_some_and(|word| SECTIONS.contains(&word));
        match line.split_once(':') {
            Some((tag, rest)) if in_head && tag.trim().eq_ignore_ascii_case("version") => {
                let value = rest.trim_start_matches([' ', '\t']);
                text.push_str(line.strip_suffix(value).unwrap_or(line));
                text.push_str(version);
                text.push_str(if line.ends_with('\n') { "\n" } else { "" });
            }
            _ => text.push_str(line),
        }
    }
    text
}

/// What ends the head of a spec, as far as it can be the first to do so.
const SECTIONS: [&str; 8] =
    ["%package", "%description", "%prep", "%generate_buildrequires", "%build", "%install", "%files", "%changelog"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_main_package_is_exchanged() {
        let spec = "Name: a\n%if 0\nversion :\t1.0\n%else\nVersion:        2.0%{?x}\n%endif\n\
                    %package b\nVersion: 3\n%changelog\n- Version: 4";
        assert_eq!(
            with_version(spec, "9.1"),
            "Name: a\n%if 0\nversion :\t9.1\n%else\nVersion:        9.1\n%endif\n\
             %package b\nVersion: 3\n%changelog\n- Version: 4"
        );
        assert_eq!(with_version("Name: a\nVersion:", "1"), "Name: a\nVersion:1");
        assert_eq!(with_version("Name: a\nVersion:\nRelease: 1\n", "1"), "Name: a\nVersion:1\nRelease: 1\n");
        assert_eq!(with_version("Name: a\n", "1"), "Name: a\n");
    }
}
