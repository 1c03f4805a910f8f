//! `--name value` arguments, without a parser library.

use std::collections::HashMap;

/// The arguments of a benchmark binary.
pub struct Args(HashMap<String, String>);

impl Args {
    /// Reads the process arguments. A name followed by another name (or by nothing) is a switch and reads as "true".
    ///
    /// # Panics
    /// On an argument that is no `--name`: only our own scripts start these binaries.
    #[must_use]
    pub fn read() -> Self {
        let mut values = HashMap::new();
        let mut arguments = std::env::args().skip(1).peekable();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").unwrap_or_else(|| panic!("unexpected argument {argument}"));
            let value = match arguments.peek() {
                Some(next) if !next.starts_with("--") => arguments.next().unwrap_or_default(),
                _ => "true".to_owned(),
            };
            values.insert(name.to_owned(), value);
        }
        Self(values)
    }

    /// The text given for `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The whole number given for `name`, or `default`.
    ///
    /// # Panics
    /// When the value is no whole number.
    #[must_use]
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name)
            .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("--{name} {text}: no whole number")))
    }

    /// Whether the switch `name` was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
