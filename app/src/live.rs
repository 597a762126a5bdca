//! Live data: the server's event stream says *what kind of thing* changed; pages refetch what they show of it.
//! One stream per browser page, shared by everything on it. Nothing here runs on the server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

use crate::wire::{Question, from_text, read, read_outcome};

/// What may be told of. The server names one in every message.
const TOPICS: [&str; 10] = [
    "train",
    "deployment",
    "slot",
    "build",
    "sync",
    "audit",
    "delivery",
    "repository",
    "policy",
    "image",
];
/// What the server names where a browser was away for too long to be told one by one.
const EVERYTHING: &str = "everything";
/// News that come close together cause one refetch.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// How often a stream is looked after: one that was refused is opened anew, that of a hidden page is closed.
const TEND: Duration = Duration::from_secs(5);
/// Nobody tells of readings that go well: what hangs on them is asked so often. Makes good a lost stream, too.
const POLL: Duration = Duration::from_secs(60);
/// Where the document keeps its [`Mark`].
const MARK: &str = "data-seq";

/// The number of the newest change that the rendered page is sure to show. The server provides it as a context, the
/// document carries it, and the stream goes on from there: nothing between rendering and listening is lost.
#[derive(Debug, Clone, Copy)]
pub struct Mark(pub i64);

/// How the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// Not opened yet.
    New,
    /// Open, or closed by ourselves while nobody looks.
    Open,
    /// Cut off; the browser tries again by itself.
    Cut,
    /// Answered with an error; the browser has given up on it.
    Refused,
}

/// The shared state of the stream.
#[derive(Clone, Copy)]
struct Live {
    /// How often something was told, by topic in the order of [`TOPICS`].
    told: RwSignal<[u64; TOPICS.len()]>,
    /// Topics told of since the last bump.
    pending: StoredValue<[bool; TOPICS.len()]>,
    /// How the stream stands.
    stream: RwSignal<Stream>,
    /// Somebody is logged in, whom the server tells.
    wanted: RwSignal<bool>,
}

/// A message of the stream.
#[derive(Deserialize)]
struct Change {
    topic: String,
}

/// Puts the stream's state where [`live`] finds it, and in the browser looks after the stream. Called once, by the app.
pub fn provide_live() {
    let live = Live {
        told: RwSignal::new([0; TOPICS.len()]),
        pending: StoredValue::new([false; TOPICS.len()]),
        stream: RwSignal::new(Stream::New),
        wanted: RwSignal::new(false),
    };
    provide_context(live);
    Effect::new(move |line: Option<Rc<Line>>| {
        let line = line.unwrap_or_else(|| Line::begin(live));
        live.wanted.track();
        line.tend();
        line
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

/// Whether the stream was open and is now cut. No signal of whoever asks: the stream may be refused at the very moment
/// when the session ends, and what showed it with that.
pub fn is_cut() -> impl Fn() -> bool + Clone + Send + Sync + 'static {
    let live = use_context::<Live>();
    move || live.is_some_and(|live| matches!(live.stream.get(), Stream::Cut | Stream::Refused))
}

/// Says whether somebody is known to be logged in: only they are told anything.
pub fn listen(wanted: bool) {
    if let Some(live) = use_context::<Live>()
        && live.wanted.get_untracked() != wanted
    {
        live.wanted.set(wanted);
    }
}

impl Live {
    /// A message came.
    fn hear(self, message: &MessageEvent) {
        let text = message.data().as_string().unwrap_or_default();
        if let Ok(change) = from_text::<Change>(&text) {
            self.note(|topic| topic == change.topic || change.topic == EVERYTHING);
        }
    }

    /// It was opened. What happened while it was not is asked for; the first one goes on where the page was rendered.
    fn opened(self) {
        let before = self.stream.get_untracked();
        self.stream.set(Stream::Open);
        if before != Stream::New || mark().is_none() {
            self.note(|_| true);
        }
    }

    /// It broke off. Where the server refuses it, the page may have to say why: the session has ended, say.
    fn broke(self, refused: bool) {
        let before = self.stream.get_untracked();
        self.stream
            .set(if refused { Stream::Refused } else { Stream::Cut });
        if refused && before != Stream::Refused {
            self.note(|_| true);
        }
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

/// The stream itself with what it calls, for as long as the browser's page is there.
struct Line {
    live: Live,
    source: RefCell<Option<EventSource>>,
    on_change: Closure<dyn Fn(MessageEvent)>,
    on_open: Closure<dyn Fn()>,
    on_error: Closure<dyn Fn(Event)>,
}

impl Line {
    /// Not opened yet; looked after from now on.
    fn begin(live: Live) -> Rc<Self> {
        let line = Rc::new(Self {
            live,
            source: RefCell::new(None),
            on_change: Closure::new(move |message: MessageEvent| live.hear(&message)),
            on_open: Closure::new(move || live.opened()),
            on_error: Closure::new(move |error: Event| {
                let source = error
                    .target()
                    .and_then(|target| target.dyn_into::<EventSource>().ok());
                live.broke(source.is_some_and(|source| is_closed(&source)));
            }),
        });
        let tended = line.clone();
        set_interval(move || tended.tend(), TEND);
        let tended = line.clone();
        window_event_listener_untyped("visibilitychange", move |_| {
            // A page that is only passed by keeps its stream until it is looked after the next time.
            if !document().hidden() {
                tended.tend();
            }
        });
        set_interval(
            move || {
                // A page that nobody looks at must not keep its session from running out.
                if live.wanted.get_untracked() && !document().hidden() {
                    live.note(|topic| topic == "sync");
                }
            },
            POLL,
        );
        line
    }

    /// Opens the stream where it should be open, and closes it where nobody looks: over plain HTTP a browser has six
    /// connections to us for all its pages together.
    fn tend(&self) {
        let mut source = self.source.borrow_mut();
        if document().hidden() || !self.live.wanted.get_untracked() {
            if let Some(source) = source.take() {
                source.close();
            }
        } else if source.as_ref().is_none_or(is_closed) {
            *source = self.open();
        }
    }

    /// While it lives, the browser reconnects by itself and says which message it saw last.
    fn open(&self) -> Option<EventSource> {
        let first = self.live.stream.get_untracked() == Stream::New;
        let address = match mark().filter(|_| first) {
            Some(mark) => format!("/events?after={mark}"),
            None => "/events".to_owned(),
        };
        let source = EventSource::new(&address).ok()?;
        // An error here would mean that the listener is no function.
        drop(source.add_event_listener_with_callback("change", self.on_change.as_ref().unchecked_ref()));
        source.set_onopen(Some(self.on_open.as_ref().unchecked_ref()));
        source.set_onerror(Some(self.on_error.as_ref().unchecked_ref()));
        Some(source)
    }
}

fn is_closed(source: &EventSource) -> bool {
    source.ready_state() == EventSource::CLOSED
}

/// The document's [`Mark`].
fn mark() -> Option<String> {
    document().document_element()?.get_attribute(MARK)
}
