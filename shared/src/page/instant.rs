//! Points in time as Django's `parse_datetime` reads them: first everything that Python
//! 3.11's `datetime.fromisoformat` takes, then Django's own pattern, which also has
//! months, days and hours of one digit.
//!
//! Refused although Python takes them: digits of other scripts, one stray character before
//! an offset (`14:40:480+01:00`), a fraction without its point, a digit between a week and
//! a time.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::{SignedDuration, Timestamp, tz::Offset};

#[cfg(test)]
mod tests;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// `None` for what is no date; a time without an offset is UTC. Where Python's calendar
/// goes a little further than jiff's, the time is the last that jiff has.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (time, offset) = iso(text).or_else(|| lenient(text))?;
    let utc = Offset::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX);
    Some(utc.saturating_sub(offset).unwrap_or(utc))
}

/// `datetime.fromisoformat`: a date, any one character, a time.
fn iso(text: &str) -> Option<(DateTime, SignedDuration)> {
    let mut text = Cursor(text);
    let date = iso_date(&mut text)?;
    if text.any().is_none() {
        return Some((date.at(0, 0, 0, 0), SignedDuration::ZERO));
    }
    let time = iso_time(&mut text)?;
    let offset = match text.any() {
        None | Some('Z') => SignedDuration::ZERO,
        Some('+') => iso_offset(&mut text)?,
        Some('-') => -iso_offset(&mut text)?,
        Some(_) => return None,
    };
    text.is_empty().then_some((DateTime::from_parts(date, time), offset))
}

/// `2026-11-23`, `20261123`, `2026-W48`, `2026-W48-1`, `2026W48`, `2026W481`.
fn iso_date(text: &mut Cursor) -> Option<Date> {
    let year = year(text)?;
    let dashed = text.eat('-');
    if text.eat('W') {
        let week = i8::try_from(text.number(2, 2)?).ok()?;
        let mut ahead = Cursor(text.0);
        let day = if ahead.eat('-') == dashed { ahead.number(1, 1) } else { None };
        let day = match day {
            Some(day) if !ahead.0.starts_with(|c: char| c.is_ascii_digit()) => {
                *text = ahead;
                Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?
            }
            _ => Weekday::Monday,
        };
        return Some(ISOWeekDate::new(year, week, day).ok()?.date());
    }
    let month = text.number(2, 2)?;
    if text.eat('-') != dashed {
        return None;
    }
    date(year, month, text.number(2, 2)?)
}

/// Two digits each for hours, minutes and seconds, all with colons between them or none,
/// and a fraction, which may come after any of them.
fn iso_clock(text: &mut Cursor) -> Option<[u32; 4]> {
    let mut clock = [0; 4];
    let [parts @ .., micros] = &mut clock;
    let mut colons = None;
    for part in parts {
        *part = text.number(2, 2)?;
        if text.eat('.') || text.eat(',') {
            *micros = text.micros()?;
            return Some(clock);
        }
        if text.is_empty() || text.0.starts_with(['+', '-', 'Z']) {
            return Some(clock);
        }
        let colon = text.eat(':');
        if *colons.get_or_insert(colon) != colon {
            return None;
        }
    }
    None
}

fn iso_time(text: &mut Cursor) -> Option<Time> {
    time(iso_clock(text)?)
}

/// The offset of `+05:30`, without its sign; it may have seconds and a fraction.
fn iso_offset(text: &mut Cursor) -> Option<SignedDuration> {
    offset(iso_clock(text)?)
}

/// Django's pattern: `2026-1-2 3:04`, an offset in hours and minutes, white space before it.
fn lenient(text: &str) -> Option<(DateTime, SignedDuration)> {
    let mut text = Cursor(text);
    let year = year(&mut text)?;
    let month = text.eat('-').then(|| text.number(1, 2))??;
    let day = text.eat('-').then(|| text.number(1, 2))??;
    if !text.eat('T') && !text.eat(' ') {
        return None;
    }
    let hour = text.number(1, 2)?;
    let minute = text.eat(':').then(|| text.number(1, 2))??;
    let (mut second, mut micros) = (0, 0);
    if text.eat(':') {
        second = text.number(1, 2)?;
        if text.eat('.') || text.eat(',') {
            micros = text.micros()?;
        }
    }
    text.0 = crate::input::python::trim(text.0);
    let at = DateTime::from_parts(date(year, month, day)?, time([hour, minute, second, micros])?);
    let offset = match text.any() {
        None | Some('Z') => SignedDuration::ZERO,
        Some('+') => lenient_offset(&mut text)?,
        Some('-') => -lenient_offset(&mut text)?,
        Some(_) => return None,
    };
    text.is_empty().then_some((at, offset))
}

fn lenient_offset(text: &mut Cursor) -> Option<SignedDuration> {
    let hours = text.number(2, 2)?;
    let minutes = if text.eat(':') || !text.is_empty() { text.number(2, 2)? } else { 0 };
    offset([hours, minutes, 0, 0])
}

fn year(text: &mut Cursor) -> Option<i16> {
    let year = i16::try_from(text.number(4, 4)?).ok()?;
    (year > 0).then_some(year)
}

fn date(year: i16, month: u32, day: u32) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn time([hour, minute, second, micros]: [u32; 4]) -> Option<Time> {
    let nanos = i32::try_from(micros).ok()?.checked_mul(1000)?;
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    Time::new(hour.ok()?, minute.ok()?, second.ok()?, nanos).ok()
}

fn offset([hours, minutes, seconds, micros]: [u32; 4]) -> Option<SignedDuration> {
    let whole = SignedDuration::from_hours(hours.into()) + SignedDuration::from_mins(minutes.into());
    let offset = whole + SignedDuration::new(seconds.into(), 0) + SignedDuration::from_micros(micros.into());
    (offset < DAY).then_some(offset)
}

/// What is left of a text.
struct Cursor<'text>(&'text str);

impl Cursor<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn any(&mut self) -> Option<char> {
        let mut chars = self.0.chars();
        let next = chars.next();
        self.0 = chars.as_str();
        next
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// The ASCII digits ahead, `least` to `most` of them.
    fn digits(&mut self, least: usize, most: usize) -> Option<&str> {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(count).filter(|_| count >= least)?;
        self.0 = rest;
        Some(digits)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        self.digits(least, most)?.parse().ok()
    }

    /// A fraction of a second, cut at microseconds.
    fn micros(&mut self) -> Option<u32> {
        let digits = self.digits(1, usize::MAX)?;
        format!("{:0<6}", digits.get(..6).unwrap_or(digits)).parse().ok()
    }
}
