//! Instants. The server writes UTC and ages relative to the data's own `now`, so that both sides render the same;
//! the browser then shows its own clock and zone.

use chrono::DateTime;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::js_sys;

use crate::text::Millis;

/// "23 Nov 12:03 UTC".
pub fn utc_text(at: Millis) -> String {
    DateTime::from_timestamp_millis(at)
        .map(|at| at.format("%-d %b %H:%M UTC").to_string())
        .unwrap_or_default()
}

/// "12:03 UTC".
pub fn clock_text(at: Millis) -> String {
    DateTime::from_timestamp_millis(at)
        .map(|at| at.format("%H:%M UTC").to_string())
        .unwrap_or_default()
}

/// RFC 3339, for `datetime`.
fn machine_text(at: Millis) -> String {
    DateTime::from_timestamp_millis(at)
        .map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
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
    let document = document();
    let all =
        js_sys::Reflect::get(&document, &"querySelectorAll".into()).map(JsCast::dyn_into::<js_sys::Function>);
    let Ok(Ok(all)) = all else { return };
    let Ok(ages) = all.call1(&document, &"time[data-ago]".into()) else {
        return;
    };
    for age in js_sys::Array::from(&ages).iter() {
        let Ok(element) = age.dyn_into::<web_sys::Element>() else {
            continue;
        };
        let Some(at) = element.get_attribute("datetime") else {
            continue;
        };
        let Some(text) = element.first_child() else {
            continue;
        };
        // The text node stays the one that leptos knows; only its words change.
        let age = js_sys::Date::now() - js_sys::Date::parse(&at);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an age in milliseconds is far below 2^53"
        )]
        text.set_node_value(Some(&duration_text(age as Millis)));
    }
}

/// "23 Nov, 13:03" in the reader's zone and language.
fn local_text(at: Millis) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are far below 2^53"
    )]
    let date = js_sys::Date::new(&JsValue::from_f64(at as f64));
    let options = js_sys::Object::new();
    for (name, value) in [
        ("day", "numeric"),
        ("month", "short"),
        ("hour", "2-digit"),
        ("minute", "2-digit"),
    ] {
        if js_sys::Reflect::set(&options, &name.into(), &value.into()).is_err() {
            return utc_text(at);
        }
    }
    date.to_locale_string("en-GB", &options).into()
}
