//! `debian/control` of a source: one paragraph of the source, then one for each binary package.

use super::control::{ControlError, Paragraph, paragraphs};

/// The most binary packages that a source may make.
pub const MAX_BINARIES: usize = 10_000;

/// What `debian/control` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceControl<'a> {
    /// The paragraph with `Source`.
    pub source: Paragraph<'a>,
    /// Those with `Package`, in the file's order; at least one.
    pub binaries: Vec<Paragraph<'a>>,
}

/// Reads `debian/control`.
///
/// # Errors
/// [`ControlError`] where the text cannot be read, or paragraphs lack `Source`, `Package` or `Architecture`.
pub fn source_control(text: &str) -> Result<SourceControl<'_>, ControlError> {
    let mut all = paragraphs(text);
    let source = all.next().ok_or(ControlError::Count { found: 0 })??;
    source.required("Source")?;
    let mut binaries = Vec::new();
    for binary in all {
        let binary = binary?;
        binary.required("Package")?;
        binary.required("Architecture")?;
        if binaries.len() >= MAX_BINARIES {
            return Err(ControlError::TooLarge { line: binary.line });
        }
        binaries.push(binary);
    }
    if binaries.is_empty() {
        return Err(ControlError::Missing { line: source.line, field: "Package" });
    }
    Ok(SourceControl { source, binaries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_binaries() {
        let text = "Source: libmd\n\nPackage: libmd0\nArchitecture: any\n\nPackage: libmd-dev\nArchitecture: any\n";
        let control = source_control(text).expect("good");
        assert_eq!(control.source.get("Source"), Some("libmd"));
        assert_eq!(
            control.binaries.iter().filter_map(|binary| binary.get("Package")).collect::<Vec<_>>(),
            ["libmd0", "libmd-dev"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text| source_control(text).expect_err("bad").to_string();
        let at = |line, field| {
            format!("cannot read the paragraph at line {line} of a control file: the field `{field}` is missing")
        };
        assert_eq!(error("Package: x\n"), at(1, "Source"));
        assert_eq!(error("Source: x\n"), at(1, "Package"));
        assert_eq!(error("Source: x\n\nPackage: y\n"), at(3, "Architecture"));
    }
}
