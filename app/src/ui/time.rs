//! Instants. The server writes UTC and ages relative to the data's own `now`, so that both sides render the same;
//! the browser then shows its own clock and zone.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::js_sys;

use crate::text::Millis;

/// The parts of an instant in UTC. Counted here: chrono's formatting would be a large part of the bundle.
struct Utc {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Utc {
    /// Counts from a first of March, so that leap days come last (Hinnant's `civil_from_days`).
    fn of(at: Millis) -> Self {
        let seconds = at.div_euclid(1000);
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            hour: seconds.rem_euclid(86_400) / 3_600,
            minute: seconds.rem_euclid(3_600) / 60,
            second: seconds.rem_euclid(60),
        }
    }

    /// "23 Nov".
    fn day_text(&self) -> String {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let start = usize::try_from(self.month - 1).unwrap_or_default() * 3;
        let month = MONTHS.get(start..start + 3).unwrap_or_default();
        format!("{} {month}", self.day)
    }
}

/// "23 Nov 2026 12:03 UTC". With the year: on the server it would be somebody else's clock that tells which is this one.
pub fn utc_text(at: Millis) -> String {
    format!("{} {}", date_text(at), clock_text(at))
}

/// "12:03 UTC".
pub fn clock_text(at: Millis) -> String {
    let Utc { hour, minute, .. } = Utc::of(at);
    format!("{hour:02}:{minute:02} UTC")
}

/// "16 Nov 2026".
pub fn date_text(at: Millis) -> String {
    let utc = Utc::of(at);
    format!("{} {}", utc.day_text(), utc.year)
}

/// RFC 3339, for `datetime`.
fn machine_text(at: Millis) -> String {
    let Utc {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Utc::of(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// "40 s", "12 min", "3 h", "6 d": the largest unit that says enough.
pub fn duration_text(millis: Millis) -> String {
    match millis.max(0) / 1000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A point in time: UTC from the server, the reader's own zone once scripts run.
#[component]
pub fn Time(at: Millis) -> impl IntoView {
    let (text, set_text) = signal(utc_text(at));
    Effect::new(move || set_text.set(local_text(at)));
    view! { <time datetime=machine_text(at) title=utc_text(at)>{text}</time> }
}

/// How long ago, measured at the data's `now`. Lean, since a board has a thousand: [`keep_times`] keeps it current
/// and says the whole instant when pointed at, without any state here.
#[component]
pub fn Ago(at: Millis, now: Millis) -> impl IntoView {
    view! { <time datetime=machine_text(at) data-ago>{duration_text(now - at)}</time> }
}

/// Every half minute, writes the ages on the page anew; titles them when they are pointed at. Called once, by the
/// header.
pub fn keep_times() {
    Effect::new(|| {
        let ticks = set_interval_with_handle(refresh_ages, std::time::Duration::from_secs(30));
        let pointing = window_event_listener(leptos::ev::mouseover, |event| {
            let target = event
                .target()
                .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            let Some(age) = target.filter(|target| target.has_attribute("data-ago")) else {
                return;
            };
            let at = js_sys::Date::parse(&age.get_attribute("datetime").unwrap_or_default());
            #[expect(
                clippy::cast_possible_truncation,
                reason = "milliseconds since 1970 are far below 2^53"
            )]
            let title = local_text(at as Millis);
            // A title that cannot be set is only missing.
            drop(age.set_attribute("title", &title));
        });
        on_cleanup(move || {
            pointing.remove();
            if let Ok(ticks) = ticks {
                ticks.clear();
            }
        });
    });
}

fn refresh_ages() {
    each_time("time[data-ago]", |at| duration_text(now() - at));
}

/// Shows the instants of a part that the server made in the reader's zone.
#[cfg(not(feature = "ssr"))]
pub(super) fn localise_still() {
    each_time(".still time:not([data-ago])", local_text);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since 1970 are far below 2^53"
)]
fn now() -> Millis {
    js_sys::Date::now() as Millis
}

fn each_time(selector: &str, words: fn(Millis) -> String) {
    let document = document();
    let all =
        js_sys::Reflect::get(&document, &"querySelectorAll".into()).map(JsCast::dyn_into::<js_sys::Function>);
    let Ok(Ok(all)) = all else { return };
    let Ok(times) = all.call1(&document, &selector.into()) else {
        return;
    };
    for time in js_sys::Array::from(&times).iter() {
        let Ok(element) = time.dyn_into::<web_sys::Element>() else {
            continue;
        };
        let Some(at) = element.get_attribute("datetime") else {
            continue;
        };
        let Some(text) = element.first_child() else {
            continue;
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds since 1970 are far below 2^53"
        )]
        let at = js_sys::Date::parse(&at) as Millis;
        // The text node stays the one that leptos knows; only its words change.
        text.set_node_value(Some(&words(at)));
    }
}

/// "23 Nov, 13:03" in the reader's zone; with the year where it is not this one.
fn local_text(at: Millis) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are far below 2^53"
    )]
    let date = js_sys::Date::new(&JsValue::from_f64(at as f64));
    let options = js_sys::Object::new();
    let this_year = date.get_full_year() == js_sys::Date::new_0().get_full_year();
    let year = (!this_year).then_some(("year", "numeric"));
    let shown = [
        ("day", "numeric"),
        ("month", "short"),
        ("hour", "2-digit"),
        ("minute", "2-digit"),
    ];
    for (name, value) in shown.into_iter().chain(year) {
        if js_sys::Reflect::set(&options, &name.into(), &value.into()).is_err() {
            return utc_text(at);
        }
    }
    date.to_locale_string("en-GB", &options).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_as_the_calendar_says() {
        let days = (-40_000_i64..60_000).map(|day| day * 86_400_000 + day.rem_euclid(86_399) * 1_000);
        for at in days {
            let known = chrono::DateTime::from_timestamp_millis(at).expect("in range");
            assert_eq!(machine_text(at), known.format("%Y-%m-%dT%H:%M:%SZ").to_string());
            assert_eq!(utc_text(at), known.format("%-d %b %Y %H:%M UTC").to_string());
            assert_eq!(date_text(at), known.format("%-d %b %Y").to_string());
        }
    }
}
