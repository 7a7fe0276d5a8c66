//! Reads a TOML document key by key and keeps all that is wrong with it.
//!
//! Owns the walk over the parsed file: which keys are there, of which type, and where. A getter that
//! finds a mistake notes it and returns none, so that the reading goes on with the default and the
//! next mistake is found too. A table is read inside a closure, after which every key that nobody
//! asked for is noted as unknown: no table can forget to say so.
//!
//! What a key means is the business of the file of its table.

use std::{ops::RangeInclusive, time::Duration};

use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::{
    problem::{Fault, Place},
    reading::{Located, Reading},
    value,
};

/// Items of any list: more supervisords, programs or channels than anybody writes by hand.
const MAX_ITEMS: usize = 1000;

/// How alike two keys are for one to be meant by the other (Jaro-Winkler, 1 is equal): `pol_interval`
/// and `retention_days` are, `telegram` is not.
const ALIKE: f64 = 0.85;

/// A value in the file and its place.
pub(super) type Found<'a> = (&'a DeValue<'a>, Place);

/// One table under the reader's finger.
#[derive(Debug)]
pub(super) struct Section<'a> {
    reading: &'a Reading<'a>,
    table: Option<&'a DeTable<'a>>,
    place: Place,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Reads one table, and notes the keys of it that `read` did not ask for.
    pub(super) fn read<T>(
        reading: &'a Reading<'a>,
        table: Option<&'a DeTable<'a>>,
        place: Place,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self {
            reading,
            table,
            place,
            known: Vec::new(),
        };
        let value = read(&mut section);
        section.report_unknown();
        value
    }

    /// What the reading needs beside this table.
    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    /// Where the table stands.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the table has a key, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A value that must not be shown.
    pub(super) fn find_hidden(&mut self, key: &'static str) -> Option<Found<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.place.key(key, value.span())))
    }

    /// A value of any type.
    pub(super) fn find(&mut self, key: &'static str) -> Option<Found<'a>> {
        let found = self.find_hidden(key)?;
        self.reading.show(&found.1);
        Some(found)
    }

    /// Text that may be left empty, which is as good as leaving the key out.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        self.parsed(key, "write text in quotes", |text| Ok(text.to_owned()))
            .filter(|text| !text.value.is_empty())
    }

    /// Text that means something; `hint` says what to write where it is no text at all.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Located<T>> {
        let (value, place) = self.find(key)?;
        self.reading.parse(value, place, hint, &parse)
    }

    /// A duration within bounds.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        bounds: &RangeInclusive<Duration>,
    ) -> Option<Located<Duration>> {
        self.parsed(key, DURATION_HINT, |text| value::duration(text, bounds))
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.parsed(key, "write one word in quotes", |text| {
            value::choice(text, choices)
        })
        .map(|choice| choice.value)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let (value, place) = self.find(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.reading
                .report_type(&place, value, "write true or false");
        }
        flag
    }

    /// A whole number within bounds; `too_many` as in [`value::whole`].
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        bounds: &RangeInclusive<u32>,
        too_many: &str,
    ) -> Option<u32> {
        let (value, place) = self.find(key)?;
        let number = value.as_integer().and_then(|integer| {
            let digits = integer.as_str().replace('_', "");
            i128::from_str_radix(&digits, integer.radix()).ok()
        });
        let Some(number) = number else {
            self.reading
                .report_type(&place, value, "write a whole number without quotes");
            return None;
        };
        self.reading
            .note(&place, value::whole(number, bounds, too_many))
    }

    /// A share from 0 to 1; 0 itself only where `zero` allows it.
    pub(super) fn share(&mut self, key: &'static str, zero: bool) -> Option<f64> {
        let (value, place) = self.find(key)?;
        let digits = value
            .as_float()
            .map(DeFloat::as_str)
            .or_else(|| value.as_integer().map(DeInteger::as_str));
        let Some(share) = digits.and_then(|digits| digits.replace('_', "").parse::<f64>().ok())
        else {
            self.reading
                .report_type(&place, value, "write a number without quotes, such as 0.5");
            return None;
        };
        let low_enough = share <= 1.0;
        if low_enough && (share > 0.0 || (zero && share >= 0.0)) {
            return Some(share);
        }
        let fix = if zero {
            "use 0 to 1"
        } else {
            "use more than 0, and at most 1"
        };
        let fault = Fault::new(format!("{share} is out of range"), fix);
        self.reading.report(&place, fault);
        None
    }

    /// A list of texts; none where something is wrong with an item, which is noted.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Located<Vec<T>>> {
        let items = self.items(key, "write a list of texts, such as [\"…\"]")?;
        let value = items.value.into_iter().map(|(item, place)| {
            self.reading.show(&place);
            self.reading.parse(item, place, hint, &parse)
        });
        // Every item is looked at, so that all mistakes are noted.
        let value: Vec<_> = value.collect();
        let value = value.into_iter().map(|item| Some(item?.value));
        Some(Located {
            value: value.collect::<Option<_>>()?,
            place: items.place,
        })
    }

    /// The items of a list and their places; what they hold is not shown.
    pub(super) fn items(
        &mut self,
        key: &'static str,
        hint: &str,
    ) -> Option<Located<Vec<Found<'a>>>> {
        let (value, place) = self.find_hidden(key)?;
        let Some(items) = value.as_array() else {
            self.reading.report_type(&place, value, hint);
            return None;
        };
        if items.len() > MAX_ITEMS {
            let fault = Fault::new(
                format!("{} items are too many", items.len()),
                format!("use at most {MAX_ITEMS}"),
            );
            self.reading.report(&place, fault);
        }
        let located = items
            .iter()
            .take(MAX_ITEMS)
            .enumerate()
            .map(|(index, item)| (item.get_ref(), place.item(index, item.span())));
        Some(Located {
            value: located.collect(),
            place: place.clone(),
        })
    }

    /// A table that may be left out: none, then.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let (value, place) = self.find_hidden(key)?;
        let Some(table) = value.as_table() else {
            self.reading.report_type(
                &place,
                value,
                &format!("write it as a table, under [{}]", place.path),
            );
            return None;
        };
        Some(Self::read(self.reading, Some(table), place, read))
    }

    /// A table whose absence is as good as an empty one.
    pub(super) fn table_or_empty<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> T {
        let place = Place::outside(key);
        self.table(key, &mut read)
            .unwrap_or_else(|| Self::read(self.reading, None, place, read))
    }

    /// A list of tables; none at all when it is left out.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let hint = format!("write [[{key}]], with two brackets, above each");
        let items = self.items(key, &hint).map(|items| items.value);
        let tables = items.unwrap_or_default().into_iter();
        tables
            .filter_map(|(item, place)| {
                let Some(table) = item.as_table() else {
                    self.reading.report_type(&place, item, &hint);
                    return None;
                };
                Some(Self::read(self.reading, Some(table), place, &mut read))
            })
            .collect()
    }

    /// Notes that a key must be there and is not.
    pub(super) fn report_missing(&self, key: &str, fix: &str) {
        let place = Place {
            path: self.path_of(key),
            span: self.place.span.clone(),
        };
        self.reading
            .report_absent(&place, Fault::new("this key is missing", fix));
    }

    fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.place.path)
    }

    fn report_unknown(&self) {
        self.reading.know(&self.known);
        for (key, _) in self.table.into_iter().flatten() {
            let text: &str = key.get_ref();
            if self.known.contains(&text) {
                continue;
            }
            let fix = match nearest(text, &self.known) {
                Some(known) => {
                    self.reading.forget_absent(&self.path_of(known));
                    format!("did you mean {known}?")
                }
                None => format!(
                    "remove it; the keys here are {}",
                    value::listing(&self.known, "and")
                ),
            };
            let place = self.place.key(text, key.span());
            self.reading.report(&place, Fault::new("unknown key", fix));
        }
    }
}

/// What to write where a duration belongs and something else than text stands.
const DURATION_HINT: &str = "write a duration in quotes, with its unit, such as \"5s\"";

fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(text, known), *known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}
