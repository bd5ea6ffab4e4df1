//! Finds the names that a source file uses. Parses only the necessary part of Rust's grammar:
//! comments, strings, paths and groups of imports; must not know the rules.

/// One path or macro, as an absolute path if it began with `crate`, `self` or `super`.
#[derive(Debug)]
pub(crate) struct Use {
    /// Line number, from one.
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// Whether it is in a `pub use`, so that using this name means using what it refers to.
    pub(crate) is_export: bool,
    is_macro: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Colons,
    Mark(char),
}

type Tokens = [(usize, Token)];

/// Everything the file at `path` uses outside its test modules.
pub(crate) fn uses(path: &str, text: &str) -> Vec<Use> {
    let tokens = without_tests(&tokens(text));
    let module = module_of(path);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].1 {
            Token::Name(_) => {
                let before = found.len();
                let is_export = is_export(&tokens[..at]);
                at = path_at(&tokens, at, &[], &module, &mut found);
                found[before..]
                    .iter_mut()
                    .for_each(|found| found.is_export = is_export);
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether the last of these tokens are `pub use` or `pub(…) use`.
fn is_export(before: &Tokens) -> bool {
    let mut before = before.iter().rev().map(|(_, token)| token);
    let name = |token: Option<&Token>, text: &str| matches!(token, Some(Token::Name(name)) if name == text);
    if !name(before.next(), "use") {
        return false;
    }
    let visible = match before.next() {
        Some(Token::Mark(')')) => before
            .skip_while(|token| **token != Token::Mark('('))
            .nth(1),
        other => other,
    };
    name(visible, "pub")
}

impl Use {
    /// Whether this is `what`: `a::b` (or anything below), `*::X` (X anywhere), `x!`.
    pub(crate) fn is(&self, what: &str) -> bool {
        if let Some(name) = what.strip_suffix('!') {
            return self.is_macro && self.segments.last().is_some_and(|last| last == name);
        }
        if let Some(name) = what.strip_prefix("*::") {
            return self.segments.iter().any(|segment| segment == name);
        }
        let wanted: Vec<&str> = what.split("::").collect();
        // A single name is a variable or a field, not a crate.
        self.segments.len() >= wanted.len().max(2)
            && wanted.iter().zip(&self.segments).all(|(a, b)| a == b)
    }
}

/// Reads the path at `at` with `prefix` before it, and returns its end.
fn path_at(
    tokens: &Tokens,
    mut at: usize,
    prefix: &[String],
    module: &[String],
    found: &mut Vec<Use>,
) -> usize {
    let line = tokens[at].0;
    let mut segments = prefix.to_vec();
    loop {
        match tokens.get(at).map(|t| &t.1) {
            Some(Token::Name(name)) => {
                segments.push(name.clone());
                at += 1;
            }
            Some(Token::Mark('{')) => return group_at(tokens, at + 1, &segments, module, found),
            _ => break,
        }
        match tokens.get(at).map(|t| &t.1) {
            Some(Token::Colons) => at += 1,
            _ => break,
        }
    }
    let is_macro = tokens.get(at).map(|t| &t.1) == Some(&Token::Mark('!'));
    found.push(Use {
        line,
        segments: absolute(&segments, module),
        is_export: false,
        is_macro,
    });
    at
}

/// Reads the inside of `{…}` in an import, and returns its end.
fn group_at(
    tokens: &Tokens,
    mut at: usize,
    prefix: &[String],
    module: &[String],
    found: &mut Vec<Use>,
) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        match token {
            Token::Mark('}') => return at + 1,
            Token::Name(_) => at = path_at(tokens, at, prefix, module, found),
            _ => at += 1,
        }
    }
    at
}

fn absolute(segments: &[String], module: &[String]) -> Vec<String> {
    let supers = segments
        .iter()
        .take_while(|s| *s == "super" || *s == "self")
        .filter(|s| *s == "super")
        .count();
    let rest = segments
        .iter()
        .skip_while(|s| *s == "super" || *s == "self");
    match segments[0].as_str() {
        "super" | "self" => module[..module.len().saturating_sub(supers).max(1)]
            .iter()
            .chain(rest)
            .cloned()
            .collect(),
        _ => segments.to_vec(),
    }
}

/// `coordinator/src/plan/file.rs` is `crate::plan::file`.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let names = inside
        .trim_end_matches(".rs")
        .split('/')
        .filter(|n| !matches!(*n, "mod" | "lib" | "main"));
    std::iter::once("crate")
        .chain(names)
        .map(str::to_owned)
        .collect()
}

/// Removes every item marked `#[cfg(test)]`.
fn without_tests(tokens: &Tokens) -> Vec<(usize, Token)> {
    let name = |text: &str| Token::Name(text.to_owned());
    let mark = Token::Mark;
    let attribute = [
        mark('#'),
        mark('['),
        name("cfg"),
        mark('('),
        name("test"),
        mark(')'),
        mark(']'),
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = tokens[at..]
            .iter()
            .map(|t| &t.1)
            .take(attribute.len())
            .eq(attribute.iter());
        if begins {
            at = item_end(tokens, at + attribute.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn item_end(tokens: &Tokens, from: usize) -> usize {
    let mut depth = 0;
    for (at, (_, token)) in tokens.iter().enumerate().skip(from) {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') if depth == 1 => return at + 1,
            Token::Mark('}') => depth -= 1,
            Token::Mark(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Names, `::` and single punctuation marks with their lines; comments and strings are left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let (end, token) = token_at(&chars, at);
        found.extend(token.map(|token| (line, token)));
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

fn token_at(chars: &[char], at: usize) -> (usize, Option<Token>) {
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    match (chars[at], next) {
        ('/', '/') => (find(chars, at, |c| c == '\n'), None),
        ('/', '*') => (comment_end(chars, at), None),
        ('"', _) => (text_end(chars, at + 1), None),
        ('\'', _) => (quote_end(chars, at), None),
        (':', ':') => (at + 2, Some(Token::Colons)),
        (c, _) if c.is_alphabetic() || c == '_' => name_at(chars, at),
        (c, _) if c.is_whitespace() => (at + 1, None),
        (c, _) => (at + 1, Some(Token::Mark(c))),
    }
}

/// A name, or a string with a prefix letter (`r#"…"#`, `b"…"`, `c"…"`).
fn name_at(chars: &[char], at: usize) -> (usize, Option<Token>) {
    let end = find(chars, at, |c| !(c.is_alphanumeric() || c == '_'));
    let name: String = chars[at..end].iter().collect();
    let hashes = chars[end..].iter().take_while(|c| **c == '#').count();
    let quoted = chars.get(end + hashes) == Some(&'"');
    match name.as_str() {
        "r" | "br" | "cr" if quoted => (raw_end(chars, end + hashes + 1, hashes), None),
        "b" | "c" if quoted && hashes == 0 => (text_end(chars, end + 1), None),
        _ => (end, Some(Token::Name(name))),
    }
}

fn find(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..]
        .iter()
        .position(|c| stop(*c))
        .map_or(chars.len(), |offset| from + offset)
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn text_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], from: usize, hashes: usize) -> usize {
    let closes = |at: usize| {
        chars[at] == '"'
            && chars[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
    };
    (from..chars.len())
        .find(|at| closes(*at))
        .map_or(chars.len(), |at| at + 1 + hashes)
}

/// A character literal, or the quote of a lifetime.
fn quote_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => (find(chars, at + 3, |c| c == '\'') + 1).min(chars.len()),
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
