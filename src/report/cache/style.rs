//! Colours of the chart: six that people with any kind of colour vision can tell apart (after Okabe and Ito), with a dark
//! half. The background is painted, so what shows the picture need not suit it.

/// The rules beside those of all pictures.
pub(super) const CHART: &str = "\
.title { font-size: 18px; font-weight: 600; }
.head { font-size: 14px; font-weight: 600; }
.small { fill: #59636e; font-size: 11px; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
.store { fill: #0072b2; }
.caches { fill: #6cc0ee; }
.cut-off { fill: #009e73; }
.ran { fill: #f0a30a; }
.failed { fill: #9c1f0e; }
.left { fill: #b4bcc5; }
";

/// The dark ones.
pub(super) const CHART_DARK: &str = "\
.small { fill: #9198a1; }
.grid { stroke: #2a313a; }
.store { fill: #2f8fd0; }
.caches { fill: #9bd7f7; }
.cut-off { fill: #1fb58a; }
.ran { fill: #f0b429; }
.failed { fill: #e0533d; }
.left { fill: #59636e; }
";

/// How high letters of the classes are.
pub(super) const TITLE: f64 = 18.0;
pub(super) const HEAD: f64 = 14.0;
pub(super) const TEXT: f64 = 12.0;
pub(super) const SMALL: f64 = 11.0;
