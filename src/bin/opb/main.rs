//! The program; its verbs come later.

fn main() {}
