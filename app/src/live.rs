//! Live data: the server's event stream says *what kind of thing* changed; pages refetch what they show of it.
//! One stream per browser page, shared by everything on it. Nothing here runs on the server.

use std::rc::Rc;

use leptos::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

use crate::wire::{Question, from_text, read, read_outcome};

/// What may be told of. The server names one in every message.
const TOPICS: [&str; 6] = ["train", "deployment", "slot", "build", "sync", "audit"];
/// News that come close together cause one refetch.
const DEBOUNCE: std::time::Duration = std::time::Duration::from_millis(300);

/// The shared state of the stream.
#[derive(Clone, Copy)]
struct Live {
    /// How often something was told, by topic in the order of [`TOPICS`].
    told: RwSignal<[u64; TOPICS.len()]>,
    /// Topics told of since the last bump.
    pending: StoredValue<[bool; TOPICS.len()]>,
    /// `Some(false)` while the stream is cut; `None` before it was ever opened.
    connected: RwSignal<Option<bool>>,
}

/// A message of the stream.
#[derive(Deserialize)]
struct Change {
    topic: String,
}

/// Puts the stream's state where [`live`] finds it. Called once, by the app.
pub fn provide_live() {
    provide_context(Live {
        told: RwSignal::new([0; TOPICS.len()]),
        pending: StoredValue::new([false; TOPICS.len()]),
        connected: RwSignal::new(None),
    });
}

/// A number that grows whenever something of these topics changed: put it into a resource's source.
pub fn live(topics: &'static [&'static str]) -> Memo<u64> {
    let live = use_context::<Live>();
    Memo::new(move |_| {
        let told = live.map(|live| live.told.get()).unwrap_or_default();
        TOPICS
            .iter()
            .zip(told)
            .filter(|(topic, _)| topics.contains(topic))
            .map(|(_, count)| count)
            .sum()
    })
}

/// What a page shows, fetched anew whenever `changed` grows. For pages with forms: parts that did not change are not
/// drawn again, so that what somebody is typing stays. A late answer never replaces a newer one, and a failed one
/// leaves what is shown.
pub fn follow<T>(first: T, changed: impl Fn() -> u64 + 'static, question: Question) -> ReadSignal<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let (shown, set_shown) = signal(first);
    let show = move |answer: &str| {
        if let Ok(value) = read(answer) {
            set_shown.set(value);
        }
    };
    ask_again(Box::new(changed), question, Rc::new(show));
    shown
}

/// The part of [`follow`] that knows no type, so that the bundle has it once.
fn ask_again(changed: Box<dyn Fn() -> u64>, question: Question, show: Rc<dyn Fn(&str)>) {
    let newest = StoredValue::new(0_u64);
    Effect::new(move |before: Option<(u64, u64)>| {
        let count = changed();
        let Some((last, turn)) = before else {
            return (count, 0);
        };
        if last == count {
            return (count, turn);
        }
        let (question, show) = (question.clone(), show.clone());
        leptos::task::spawn_local(async move {
            let answer = question.answer().await;
            if newest.try_get_value().is_some_and(|newest| newest < turn + 1) && read_outcome(&answer).is_ok()
            {
                newest.set_value(turn + 1);
                show(&answer);
            }
        });
        (count, turn + 1)
    });
}

/// Whether the stream was open and is now cut.
pub fn is_cut() -> Signal<bool> {
    let live = use_context::<Live>();
    Signal::derive(move || live.is_some_and(|live| live.connected.get() == Some(false)))
}

/// Opens the stream, once; in the browser only. Called when somebody is known to be logged in.
pub fn connect() {
    let Some(live) = use_context::<Live>() else { return };
    Effect::new(move || {
        if live.connected.get_untracked().is_none() {
            live.connected.set(Some(true));
            live.open();
        }
    });
}

impl Live {
    /// The browser reconnects by itself and says which message it saw last.
    fn open(self) {
        let Ok(stream) = EventSource::new("/events") else {
            return;
        };
        let on_change = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
            let text = message.data().as_string().unwrap_or_default();
            if let Ok(change) = from_text::<Change>(&text) {
                self.note(|topic| topic == change.topic);
            }
        });
        let on_open = Closure::<dyn Fn()>::new(move || {
            if self.connected.get_untracked() == Some(false) {
                self.connected.set(Some(true));
                self.note(|_| true);
            }
        });
        let on_error = Closure::<dyn Fn()>::new(move || self.connected.set(Some(false)));
        // An error here would mean that the listener is no function.
        drop(stream.add_event_listener_with_callback("change", on_change.as_ref().unchecked_ref()));
        stream.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        stream.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        // The stream lives as long as the browser's page.
        on_change.forget();
        on_open.forget();
        on_error.forget();
    }

    /// Remembers topics and bumps them all together a moment later.
    fn note(self, is_told: impl Fn(&str) -> bool) {
        let was_pending = self.pending.with_value(|pending| pending.contains(&true));
        self.pending.update_value(|pending| {
            for (flag, topic) in pending.iter_mut().zip(TOPICS) {
                *flag |= is_told(topic);
            }
        });
        if !was_pending {
            set_timeout(move || self.bump(), DEBOUNCE);
        }
    }

    fn bump(self) {
        let pending = self.pending.get_value();
        self.pending.set_value([false; TOPICS.len()]);
        self.told.update(|told| {
            for (count, flag) in told.iter_mut().zip(pending) {
                *count += u64::from(flag);
            }
        });
    }
}
