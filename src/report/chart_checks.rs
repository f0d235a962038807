//! What every chart must hold: well-formed, with room for all words.

use super::chart::Letters;

/// A box around each text of a picture: left, top, right, bottom, and the words.
fn boxes(svg: &str) -> Vec<([f64; 4], String)> {
    let attribute = |tag: &str, name: &str| -> String {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).expect(name);
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let mut found = Vec::new();
    for part in svg.split("<text ").skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        let tag = format!(" {tag}");
        let words = rest.split("</text>").next().unwrap_or_default();
        let words = words.rsplit("</title>").next().unwrap_or_default();
        let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let letters = match attribute(&tag, "class").as_str() {
            "title" => Letters::Title,
            "head" => Letters::Head,
            "plain" => Letters::Plain,
            _ => Letters::Small,
        };
        let size = letters.size();
        let number = |name| attribute(&tag, name).parse::<f64>().expect("a number");
        let (x, y) = (number("x"), number("y"));
        found.push(([x, y - size, x + letters.width(&words), y + size * 0.25], words));
    }
    found
}

/// Asserts that a picture is well-formed, that its words overlap with nothing, and that all is on the sheet.
#[track_caller]
pub(super) fn check_picture(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        assert!(!rest.contains('>'), "{rest}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
    }
    assert!(open.is_empty() && !svg.contains("NaN") && !svg.contains("inf"), "{open:?}");
    let of_sheet = |name: &str| -> f64 {
        let value = svg.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.and_then(|n| n.parse().ok()).expect(name)
    };
    let (width, height) = (of_sheet("width"), of_sheet("height"));
    let boxes = boxes(svg);
    for (place, (one, words)) in boxes.iter().enumerate() {
        let [left, top, right, bottom] = *one;
        assert!(left >= 0.0 && top >= 0.0 && right <= width && bottom <= height, "`{words}` leaves the sheet");
        for (other, more) in &boxes[place + 1..] {
            let apart = right <= other[0] || other[2] <= left || bottom <= other[1] || other[3] <= top;
            assert!(apart, "`{words}` and `{more}` overlap");
        }
    }
}
