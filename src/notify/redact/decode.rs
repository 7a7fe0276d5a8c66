//! Bytes of a log -> text: UTF-8, or GBK where a line is that and no UTF-8.

use std::str;

use encoding_rs::GBK;

/// The text of bytes, line by line: programs of one host write in more than one encoding, and even one
/// of them may. `is_cut` says that the bytes begin somewhere within a log, perhaps within a character.
///
/// What is neither is shown as replacement characters, a run of them as one.
pub(super) fn text(bytes: &[u8], is_cut: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    // No character of either encoding but the line's end itself has its byte.
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            text.push('\n');
        }
        push_line(&mut text, line, is_cut && number == 0);
    }
    text
}

fn push_line(text: &mut String, line: &[u8], is_cut: bool) {
    if let Ok(line) = str::from_utf8(line) {
        text.push_str(line);
        return;
    }
    // A character of UTF-8 goes on for three bytes at most.
    let is_rest = |byte: &&u8| is_cut && (0x80..0xc0).contains(*byte);
    let rest = line.iter().take(3).take_while(is_rest).count();
    let whole = line.get(rest..).unwrap_or_default();
    let utf8 = Utf8::of(whole);
    let gbk = (!utf8.is_likely()).then(|| gbk(line, is_cut)).flatten();
    text.push_str(&gbk.unwrap_or(utf8.text));
}

/// A line taken for UTF-8.
struct Utf8 {
    text: String,
    /// Characters beyond ASCII.
    characters: usize,
    /// Places that are no UTF-8, but for a character that is cut off at the end.
    mistakes: usize,
}

impl Utf8 {
    fn of(line: &[u8]) -> Self {
        let mut read = Self {
            text: String::with_capacity(line.len()),
            characters: 0,
            mistakes: 0,
        };
        let mut was_mistake = false;
        let mut at = 0;
        for chunk in line.utf8_chunks() {
            let (valid, invalid) = (chunk.valid(), chunk.invalid());
            at += valid.len() + invalid.len();
            read.text.push_str(valid);
            read.characters += valid.chars().filter(|c| !c.is_ascii()).count();
            was_mistake &= valid.is_empty();
            // A character whose rest is yet to come is no mistake.
            let is_begun = str::from_utf8(invalid).is_err_and(|why| why.error_len().is_none());
            if invalid.is_empty() || (is_begun && at == line.len()) {
                continue;
            }
            read.mistakes += 1;
            if !std::mem::replace(&mut was_mistake, true) {
                read.text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        read
    }

    /// GBK read as UTF-8 has hardly a character that is right by chance, and UTF-8 few mistakes.
    fn is_likely(&self) -> bool {
        self.mistakes <= self.characters
    }
}

/// A line as GBK; none where it is none.
fn gbk(line: &[u8], is_cut: bool) -> Option<String> {
    let decode = |line| GBK.decode_without_bom_handling_and_without_replacement(line);
    if let Some(text) = decode(line) {
        return Some(text.into_owned());
    }
    // The line may begin with the second byte of a character, or end with the first. Taken wrongly, half
    // of one character and half of the next are one that hardly anybody writes.
    let without_first = line.get(1..).filter(|_| is_cut);
    let without_last = line.split_last().map(|(_, line)| line);
    let candidates = [without_first, without_last];
    let read = candidates.into_iter().flatten().filter_map(decode);
    read.min_by_key(|text| text.chars().filter(|c| is_private(*c)).count())
        .map(Into::into)
}

/// Characters that Unicode leaves to others, which the free places of GBK map to.
fn is_private(c: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 数据库连接失败 in GBK.
    const GBK_LINE: &[u8] = b"\xca\xfd\xbe\xdd\xbf\xe2\xc1\xac\xbd\xd3\xca\xa7\xb0\xdc";

    #[test]
    fn each_line_is_read_in_its_own_encoding() {
        let log = [
            "错误 utf-8\n".as_bytes(),
            b"error: ",
            GBK_LINE,
            b" (code 5)\n",
            b"plain\n",
        ];
        assert_eq!(
            text(&log.concat(), false),
            "错误 utf-8\nerror: 数据库连接失败 (code 5)\nplain\n"
        );
    }

    #[test]
    fn a_window_may_cut_a_character_at_both_ends() {
        let log = "日志🙂错误".as_bytes();
        for begin in 0..log.len() {
            for end in begin..=log.len() {
                let read = text(&log[begin..end], true);
                let is_part = "日志🙂错误".contains(&read);
                assert!(is_part, "{begin}..{end}: {read:?}");
            }
        }
        for begin in 0..=1 {
            for less in 0..=1 {
                let read = text(&GBK_LINE[begin..GBK_LINE.len() - less], true);
                // The bytes of GBK do not tell where a character begins.
                let is_part = "数据库连接失败".contains(&read);
                assert!(is_part || begin + less == 2, "{begin}, {less}: {read}");
            }
        }
    }

    #[test]
    fn utf8_with_a_mistake_in_it_stays_utf8() {
        let log = ["磁盘已满".as_bytes(), b"\xff\xfe", "：/data".as_bytes()].concat();
        assert_eq!(text(&log, false), "磁盘已满\u{fffd}：/data");
    }

    #[test]
    fn what_is_no_text_is_a_mark() {
        assert_eq!(text(b"\xff\xff\xff\xff x", false), "\u{fffd} x");
        assert_eq!(text(b"caf\xe9 au lait", false), "caf\u{fffd} au lait");
    }
}
