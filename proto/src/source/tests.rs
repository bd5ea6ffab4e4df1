//! Byte-order marks, encodings, limits and kinds of files.

use super::*;

fn lines(bytes: &[u8]) -> Result<Vec<(usize, String)>, SourceError> {
    let (mut text, mut line, mut all) = (Text::of(bytes), String::new(), Vec::new());
    while let Some((number, line)) = text.line(&mut line)? {
        all.push((number, line.to_owned()));
    }
    Ok(all)
}

/// Returns one byte at a time.
struct Drop1<'a>(&'a [u8]);

impl Read for Drop1<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(1);
        self.0.read(&mut into[..most])
    }
}

#[test]
fn marks_line_ends_and_characters_in_pieces_make_no_difference() {
    let plain = lines("één\nzwei\n\ntrois".as_bytes()).expect("it is text");
    assert_eq!(plain[3], (4, "trois".to_owned()));
    for other in [
        "\u{feff}één\nzwei\n\ntrois",
        "één\r\nzwei\r\n\r\ntrois\r\n",
        "één\n\u{feff}zwei\n\ntrois",
    ] {
        assert_eq!(
            lines(other.as_bytes()).expect("it is text"),
            plain,
            "{other:?}"
        );
        let (mut text, mut line, mut count) = (Text::of(Drop1(other.as_bytes())), String::new(), 0);
        while let Some((_, one)) = text.line(&mut line).expect("it is text") {
            assert_eq!(one, plain[count].1);
            count += 1;
        }
        assert_eq!(count, 4);
    }
    // Counter-checks: bytes that are not a mark stay.
    assert_eq!(
        lines("a\u{feff}b\nc\rd".as_bytes()).expect("it is text")[0].1,
        "a\u{feff}b"
    );
    assert_eq!(lines(b"c\rd").expect("it is text")[0].1, "c\rd");
}

#[test]
fn what_is_no_utf_8_is_named_with_its_line() {
    let said = |bytes: &[u8]| lines(bytes).expect_err("it is no text").to_string();
    assert!(
        said(b"\xFF\xFEh\0i\0").contains("UTF-16"),
        "{}",
        said(b"\xFF\xFEh\0")
    );
    assert!(
        said(b"\xFE\xFF\0h").contains("UTF-16") && said(b"\xFF\xFE\0\0h\0\0\0").contains("UTF-32")
    );
    assert!(said(b"one\ntwo\nth\0ree\n").starts_with("read line 3 as text: it has a zero byte"));
    assert!(said(b"one\nt\xC3(wo").starts_with("read line 2 as UTF-8"));
    assert!(
        said(b"one\ntw\xC3").starts_with("read line 2 as UTF-8"),
        "a character without its end"
    );
    let far: Vec<u8> = (0..50_000)
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .chain([0xC0])
        .collect();
    assert!(
        said(&far).starts_with("read line 50001 as UTF-8"),
        "{}",
        said(&far)
    );
}

#[test]
fn a_line_has_a_limit() {
    let long = vec![b'x'; MOST_LINE + 1];
    let line = [b"short\n".as_slice(), &long].concat();
    assert!(matches!(
        lines(&line),
        Err(SourceError::LongLine { line: 2 })
    ));
    assert!(lines(&long[2..]).is_ok());
}

#[test]
fn the_hash_is_that_of_the_file() {
    let bytes = "\u{feff}one\r\ntwo".as_bytes();
    let hash = Sha256(sha2::Sha256::digest(bytes).into());
    assert_eq!(Text::of(bytes).finish().expect("it is text"), hash);
    let mut text = Text::of(bytes);
    text.line(&mut String::new()).expect("it is text");
    assert_eq!(text.finish().expect("it is text"), hash);
}

#[test]
fn only_regular_files_of_a_known_size_are_opened() {
    let place = std::env::temp_dir().join(format!("source-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("it is writable");
    let (file, pipe) = (place.join("file"), place.join("pipe"));
    std::fs::write(&file, "twelve bytes").expect("it is writable");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo is there");
    assert!(made.success());
    let said = |path: &Path, most| Text::open(path, most).err().map(|error| error.to_string());
    assert_eq!(said(&file, 12), None);
    assert!(said(&file, 11).is_some_and(|said| said.contains(
        "12 bytes or more, and at most 11 are \
                                                              allowed"
    )));
    for (path, what) in [
        (pipe.as_path(), "a named pipe"),
        (&place, "a directory"),
        (Path::new("/dev/zero"), "a device"),
    ] {
        assert!(
            said(path, 1 << 40).is_some_and(|said| said.contains(what)),
            "{what}"
        );
    }
    // Reports a length of zero, but has content.
    let grows = Text::open(Path::new("/proc/self/status"), 10).and_then(Text::finish);
    assert!(
        matches!(grows, Err(SourceError::TooLarge { most: 10, .. })),
        "{grows:?}"
    );
    std::fs::remove_dir_all(&place).expect("it was made above");
}
