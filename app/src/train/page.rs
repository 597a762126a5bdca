//! `/trains/:environment/:number`: what leaves, what it waits for, who agrees, and what the reader can do about it.
//!
//! The train is fetched anew when something changed, and each part is drawn again only where its own data differ:
//! what somebody is typing stays.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::actions::{Actions, Acts};
use super::approvals::Approvals;
use super::cars::Cars;
use super::gates::Gates;
use super::{LoadTrain, LogEntry, TrainView};
use crate::live::{follow, live};
use crate::text::{Millis, Tone};
use crate::ui::{Badge, Digest, PageHead, Section, Time, badge, encode, loaded_page, part};
use crate::wire::{Question, ask};

/// The page.
#[component]
pub fn TrainPage() -> impl IntoView {
    let params = use_params_map();
    let address = Memo::new(move |_| {
        let params = params.read();
        let number = params.get("number").and_then(|number| number.parse::<i64>().ok());
        (
            params.get("environment").unwrap_or_default(),
            number.unwrap_or_default(),
        )
    });
    let train = ask(move || {
        let (environment, number) = address.get();
        Question::new(LoadTrain { environment, number })
    });
    loaded_page(train, |first| view! { <Train first/> })
}

#[component]
fn Train(first: TrainView) -> impl IntoView {
    let acts = Acts::new();
    let changed = live(&["train", "deployment", "policy"]);
    let (environment, number) = (first.environment.clone(), first.number);
    let title = format!("{environment} #{number}");
    let crumbs = vec![(
        format!("/environments/{}", encode(&environment)),
        environment.clone(),
    )];
    let train = follow(
        first,
        move || changed.get() + acts.done(),
        Question::new(LoadTrain { environment, number }),
    );

    let state = Memo::new(move |_| train.with(|train| (train.state, train.express, train.held.is_some())));
    let facts = Memo::new(move |_| train.with(Facts::of));
    let sentence = Memo::new(move |_| train.with(|train| (train.sentence.clone(), train.held.clone())));
    let manifest =
        Memo::new(move |_| train.with(|train| (train.manifest.clone(), train.manifest_text.clone())));
    let log = Memo::new(move |_| train.with(|train| train.log.clone()));
    view! {
        <PageHead title crumbs>
            {part(move || {
                let (state, express, held) = state.get();
                view! {
                    {badge(state)}
                    {express.then(|| view! { <Badge tone=Tone::Active word="Express"/> })}
                    {held.then(|| view! { <Badge tone=Tone::Waiting word="Held"/> })}
                }
            })}
        </PageHead>
        <div class="train-lede" aria-live="polite">
            {part(move || {
                let (sentence, held) = sentence.get();
                view! {
                    {held.map(|held| view! { <p class="note waiting">{held}</p> })}
                    <p class="sentence">{sentence}</p>
                }
            })}
        </div>
        {part(move || facts.get().view())}
        <div class="train-parts">
            <div class="train-why">
                <Gates train/>
            </div>
            <div class="train-side">
                <Actions train acts/>
                <Approvals train/>
            </div>
            <div class="train-rest">
                <Cars train/>
                {part(move || manifest_view(manifest.get()))}
                {part(move || log_view(log.get()))}
            </div>
        </div>
    }
}

/// Names and values under the head.
#[derive(Clone, PartialEq)]
struct Facts {
    captain: Option<String>,
    revision: i64,
    instants: [(&'static str, Option<Millis>); 4],
}

impl Facts {
    fn of(train: &TrainView) -> Self {
        Self {
            captain: train.captain.clone(),
            revision: train.revision,
            instants: [
                ("Boarding since", Some(train.created_at)),
                ("Sealed", train.sealed_at),
                ("Departed", train.departed_at),
                ("Ended", train.ended_at),
            ],
        }
    }

    fn view(self) -> impl IntoView {
        let instants = self
            .instants
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?)))
            .map(|(name, at)| view! { <div><dt>{name}</dt><dd><Time at/></dd></div> })
            .collect_view();
        view! {
            <dl class="facts">
                <div><dt>"Captain"</dt><dd>{self.captain.unwrap_or_else(|| "nobody yet".to_owned())}</dd></div>
                <div><dt>"Revision"</dt><dd>{self.revision}</dd></div>
                {instants}
            </dl>
        }
    }
}

fn manifest_view((manifest, text): (Option<String>, Option<String>)) -> impl IntoView {
    manifest.map(|digest| {
        view! {
            <Section title="Manifest">
                <p>"What leaves is fixed under " <Digest digest/> ". An approval counts for exactly this content."</p>
                {text
                    .map(|text| {
                        view! {
                            <details class="manifest">
                                <summary>"Read the manifest"</summary>
                                <pre tabindex="0">{text}</pre>
                            </details>
                        }
                    })}
            </Section>
        }
    })
}

fn log_view(log: Vec<LogEntry>) -> impl IntoView {
    let none = log.is_empty();
    let entries = log
        .into_iter()
        .map(|entry| {
            view! {
                <li>
                    <Time at=entry.at/>
                    <span><strong>{entry.actor}</strong> " " {entry.sentence}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title="Captain's log">
            {none.then(|| view! { <p class="dim">"Nothing was written down."</p> })}
            <ol class="log">{entries}</ol>
        </Section>
    }
}
