//! What the reader can do with a train. Every form carries the revision or manifest that the page showed, so that
//! nobody agrees to what they have not seen.

use leptos::prelude::*;

use super::{
    ApproveTrain, CancelTrain, DepartTrain, HoldTrain, RejectTrain, ReleaseTrain, ReopenTrain, SealTrain,
    TrainView,
};
use crate::ui::{Act, ActionButton, ReasonForm, Section};

/// Every act; kept by the page, so that their outcome outlives a redraw.
#[derive(Clone, Copy)]
pub struct Acts {
    seal: Act,
    reopen: Act,
    approve: Act,
    reject: Act,
    depart: Act,
    hold: Act,
    release: Act,
    cancel: Act,
}

impl Acts {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self {
            seal: Act::new::<SealTrain>(),
            reopen: Act::new::<ReopenTrain>(),
            approve: Act::new::<ApproveTrain>(),
            reject: Act::new::<RejectTrain>(),
            depart: Act::new::<DepartTrain>(),
            hold: Act::new::<HoldTrain>(),
            release: Act::new::<ReleaseTrain>(),
            cancel: Act::new::<CancelTrain>(),
        }
    }

    /// How many acts were answered; grows with each.
    pub fn done(self) -> u64 {
        let acts = [
            self.seal,
            self.reopen,
            self.approve,
            self.reject,
            self.depart,
            self.hold,
            self.release,
            self.cancel,
        ];
        acts.into_iter().map(Act::answered).sum()
    }
}

/// Buttons and forms, the likeliest first. Shows nothing where nothing can be done with the train any more.
#[component]
pub fn Actions(train: ReadSignal<TrainView>, acts: Acts) -> impl IntoView {
    let shown = Memo::new(move |_| {
        train.with(|train| {
            let manifest = train.manifest.clone().unwrap_or_default();
            (
                train.id.clone(),
                train.revision,
                manifest,
                train.cars.len(),
                train.choices.clone(),
            )
        })
    });
    move || {
        let (id, revision, manifest, cars, choices) = shown.get();
        let train = vec![("train", id.clone())];
        let of_revision = vec![("train", id.clone()), ("revision", revision.to_string())];
        let of_manifest = vec![("train", id.clone()), ("manifest", manifest.clone())];
        let can_approve = choices
            .approve
            .as_ref()
            .is_some_and(|choice| choice.why_not.is_none());
        let none = [
            &choices.seal,
            &choices.reopen,
            &choices.approve,
            &choices.reject,
            &choices.depart,
            &choices.hold,
            &choices.release,
            &choices.cancel,
        ]
        .iter()
        .all(|choice| choice.is_none());
        if none {
            return None;
        }
        let consent = can_approve.then(|| consent(&manifest, cars));
        Some(view! {
            <Section title="What you can do">
                <div class="acts">
                    {consent}
                    {choices.approve.map(|choice| view! {
                        <ReasonForm act=acts.approve choice hidden=of_manifest.clone() name="comment"
                            asks="Comment (optional)" may_be_empty=true primary=true/>
                    })}
                    {choices.reject.map(|choice| view! {
                        <ReasonForm act=acts.reject choice hidden=of_manifest.clone() asks="Why it must not leave"/>
                    })}
                    {choices.depart.map(|choice| view! {
                        <ActionButton act=acts.depart choice hidden=of_manifest.clone() primary=!can_approve/>
                    })}
                    {choices.seal.map(|choice| view! {
                        <ActionButton act=acts.seal choice hidden=of_revision.clone()/>
                    })}
                    {choices.release.map(|choice| view! {
                        <ActionButton act=acts.release choice hidden=train.clone()/>
                    })}
                    {choices.hold.map(|choice| view! {
                        <ReasonForm act=acts.hold choice hidden=train.clone() asks="Why it must wait"/>
                    })}
                    {choices.reopen.map(|choice| view! {
                        <ReasonForm act=acts.reopen choice hidden=of_revision.clone()
                            asks="Why (its approvals become void)"/>
                    })}
                    {choices.cancel.map(|choice| view! {
                        <ReasonForm act=acts.cancel choice hidden=of_revision.clone() asks="Why it is given up"/>
                    })}
                </div>
            </Section>
        })
    }
}

/// What an approval would mean, said before it is given.
fn consent(manifest: &str, cars: usize) -> impl IntoView + use<> {
    let cars = if cars == 1 {
        "1 car".to_owned()
    } else {
        format!("{cars} cars")
    };
    let digest = manifest.to_owned();
    view! {
        <p class="consent">
            "Approving means: exactly these " {cars} ", manifest " <crate::ui::Digest digest/> ", may leave."
        </p>
    }
}
