//! Colours of the chart: six that people with any kind of colour vision can tell apart (after Okabe and Ito), with a dark
//! half. The background is painted, so what shows the picture need not suit it.

/// The rules beside those of all pictures.
pub(super) const CHART: &str = "\
.store { fill: #0072b2; }
.caches { fill: #6cc0ee; }
.cut-off { fill: #009e73; }
.ran { fill: #f0a30a; }
.failed { fill: #9c1f0e; }
.left { fill: #b4bcc5; }
";

/// The dark ones.
pub(super) const CHART_DARK: &str = "\
.store { fill: #2f8fd0; }
.caches { fill: #9bd7f7; }
.cut-off { fill: #1fb58a; }
.ran { fill: #f0b429; }
.failed { fill: #e0533d; }
.left { fill: #59636e; }
";
