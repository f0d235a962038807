//! The distros that come with the program: the texts of its own `distros/*.rhai`, to be put into projects.

/// Names and texts, sorted by name.
pub const KNOWN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/distros.rs"));

/// The text of the distro's file; `None` where the program does not know it.
pub fn known(name: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distros_are_there_in_order_of_their_names() {
        assert!(KNOWN.is_sorted_by(|one, other| one.0 < other.0));
        assert_eq!(known("debian-12"), Some(include_str!("../../distros/debian-12.rhai")));
        assert_eq!(known("debian-0"), None);
    }
}
