//! Sizes and ages as people write them: `20 GB`, `14d`.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};

/// A size in bytes, written as `20 GB` (powers of 1000), `20 GiB` (powers of 1024) or a plain number of bytes. It is shown in
/// powers of 1000, with one digit behind the point: `80 bytes`, `4.2 kB`, `20.0 GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// An age, written as a number of minutes, hours, days or weeks: `90m`, `36h`, `14d`, `2w`; `0` is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    /// In seconds.
    pub seconds: i64,
}

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct QuantityError {
    text: String,
    what: &'static str,
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = |_| QuantityError { text: text.to_owned(), what: "size, such as `20 GB` or `500 MiB`" };
        text.parse::<ByteSize>().map(|size| Self(size.as_u64())).map_err(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        let (bytes, mut unit) = (self.0, 1_000);
        for (at, name) in UNITS.iter().enumerate() {
            if bytes < unit {
                break;
            }
            if bytes / unit < 1_000 || at + 1 == UNITS.len() {
                // Cut off, not rounded: 999,999 bytes are no 1000.0 kB.
                return f.pad(&format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)));
            }
            unit *= 1_000;
        }
        f.pad(&format!("{bytes} bytes"))
    }
}

impl FromStr for Age {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError { text: text.to_owned(), what: "age, such as `36h`, `14d` or `2w`" };
        if text == "0" {
            return Ok(Self { seconds: 0 });
        }
        let unit = text.chars().last().ok_or_else(wrong)?;
        let factor = match unit {
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let number = text[..text.len() - 1].trim_end();
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse::<i64>().ok().filter(|_| plain);
        number.and_then(|number| number.checked_mul(factor)).map(|seconds| Self { seconds }).ok_or_else(wrong)
    }
}

macro_rules! from_text {
    ($name:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

from_text!(Size);
from_text!(Age);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(
            [read("20 GB"), read("20GB"), read("1 KiB"), read("7")],
            [Ok(20_000_000_000), Ok(20_000_000_000), Ok(1024), Ok(7)]
        );
        let shown = [0, 80, 4_210, 3_190_000, 999_999, 20_000_000_000, 7_600_000_000_000_000, u64::MAX];
        assert_eq!(
            shown.map(|bytes| Size(bytes).to_string()),
            ["0 bytes", "80 bytes", "4.2 kB", "3.1 MB", "999.9 kB", "20.0 GB", "7.6 PB", "18.4 EB"]
        );
        assert_eq!(format!("{:>9}", Size(80)), " 80 bytes");
        for text in ["", "GB", "-1 GB", "20 apples"] {
            let error = read(text).expect_err(text).to_string();
            assert_eq!(error, format!("`{text}` is no size, such as `20 GB` or `500 MiB`"));
        }
    }

    #[test]
    fn ages() {
        let read = |text: &str| text.parse::<Age>().map(|age| age.seconds);
        let days = 24 * 60 * 60;
        assert_eq!(
            [read("0"), read("90m"), read("36h"), read("14d"), read("2 w")],
            [Ok(0), Ok(5400), Ok(129_600), Ok(14 * days), Ok(14 * days)]
        );
        for text in ["", "d", "14", "-1d", "+1d", "1.5d", "14 days", "99999999999999999d", "٣d"] {
            let error = read(text).expect_err(text).to_string();
            assert_eq!(error, format!("`{text}` is no age, such as `36h`, `14d` or `2w`"));
        }
    }
}
