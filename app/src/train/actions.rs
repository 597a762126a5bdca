//! What the reader can do with a train. Every form carries the revision or manifest that the page showed, so that
//! nobody agrees to what they have not seen: where that changes, the form is begun anew.

use leptos::prelude::*;

use super::{
    ApproveTrain, CancelTrain, DepartTrain, HoldTrain, RejectTrain, ReleaseTrain, ReopenTrain, SealTrain,
    TrainChoices, TrainView,
};
use crate::deployment::Choice;
use crate::ui::{Act, ActionButton, ActionNote, Digest, ReasonForm, Section, keyed, part};

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
        let seal = Act::new::<SealTrain>();
        Self {
            seal,
            reopen: seal.and::<ReopenTrain>(),
            approve: seal.and::<ApproveTrain>(),
            reject: seal.and::<RejectTrain>(),
            depart: seal.and::<DepartTrain>(),
            hold: seal.and::<HoldTrain>(),
            release: seal.and::<ReleaseTrain>(),
            cancel: seal.and::<CancelTrain>(),
        }
    }

    /// How many acts were answered; grows with each.
    pub fn done(self) -> u64 {
        self.seal.answered()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Approve,
    Reject,
    Depart,
    Seal,
    Release,
    Hold,
    Reopen,
    Cancel,
}

/// One thing that can be done, or could but for a reason.
#[derive(Clone, PartialEq)]
struct Offer {
    kind: Kind,
    choice: Choice,
    /// What the form says of the train, the thing that it was written about last.
    hidden: Vec<(&'static str, String)>,
}

impl Offer {
    /// What makes its form another one.
    fn key(&self) -> String {
        let about = self.hidden.last().map(|(_, value)| value.as_str());
        format!("{} {}", self.kind as u8, about.unwrap_or_default())
    }
}

/// What can be done, the likeliest first.
fn offers(train: &TrainView) -> Vec<Offer> {
    let TrainChoices {
        seal,
        reopen,
        approve,
        reject,
        depart,
        hold,
        release,
        cancel,
    } = train.choices.clone();
    let this = || ("train", train.id.clone());
    let of_train = [this()].to_vec();
    let of_revision = [this(), ("revision", train.revision.to_string())].to_vec();
    let of_manifest = [this(), ("manifest", train.manifest.clone().unwrap_or_default())].to_vec();
    [
        (Kind::Approve, approve, &of_manifest),
        (Kind::Reject, reject, &of_manifest),
        (Kind::Depart, depart, &of_manifest),
        (Kind::Seal, seal, &of_revision),
        (Kind::Release, release, &of_train),
        (Kind::Hold, hold, &of_train),
        (Kind::Reopen, reopen, &of_revision),
        (Kind::Cancel, cancel, &of_revision),
    ]
    .into_iter()
    .filter_map(|(kind, choice, hidden)| {
        Some(Offer {
            kind,
            choice: choice?,
            hidden: hidden.clone(),
        })
    })
    .collect()
}

/// Manifest and number of cars of a train that the reader can approve.
fn approvable(train: &TrainView) -> Option<(String, usize)> {
    let choice = train.choices.approve.as_ref()?;
    choice
        .why_not
        .is_none()
        .then(|| (train.manifest.clone().unwrap_or_default(), train.cars.len()))
}

/// Buttons and forms. Shows only what came of the last act where nothing can be done with the train any more.
#[component]
pub fn Actions(train: ReadSignal<TrainView>, acts: Acts) -> impl IntoView {
    let offered = Memo::new(move |_| train.with(offers));
    let forms = Memo::new(move |_| offered.with(|offers| offers.iter().map(Offer::key).collect::<Vec<_>>()));
    let consents = Memo::new(move |_| train.with(approvable));
    let none = Memo::new(move |_| forms.with(Vec::is_empty));
    let form = move |key: String| {
        let offer = Memo::new(move |_| {
            offered.with(|offers| offers.iter().find(|offer| offer.key() == key).cloned())
        });
        part(move || {
            let asked = consents.with(Option::is_some);
            offer.get().map(|offer| form_view(offer, acts, asked))
        })
    };
    view! {
        <ActionNote act=acts.seal/>
        {part(move || (!none.get()).then(|| view! {
            <Section title="What you can do">
                <div class="acts">
                    {part(move || consents.get().map(consent_view))}
                    {keyed(forms, form)}
                </div>
            </Section>
        }))}
    }
}

/// The form of an offer; `asked` where the reader is asked to approve, which then is the one thing to do.
fn form_view(offer: Offer, acts: Acts, asked: bool) -> AnyView {
    let Offer { kind, choice, hidden } = offer;
    let button =
        |act, primary| view! { <ActionButton act choice=choice.clone() hidden=hidden.clone() primary/> };
    let (act, asks) = match kind {
        Kind::Approve => {
            return view! {
                <ReasonForm act=acts.approve choice hidden name="comment" asks="Comment (optional)"
                    may_be_empty=true primary=true/>
            }
            .into_any();
        }
        Kind::Depart => return button(acts.depart, !asked).into_any(),
        Kind::Seal => return button(acts.seal, false).into_any(),
        Kind::Release => return button(acts.release, false).into_any(),
        Kind::Reject => (acts.reject, "Why it must not leave"),
        Kind::Hold => (acts.hold, "Why it must wait"),
        Kind::Reopen => (acts.reopen, "Why (its approvals become void)"),
        Kind::Cancel => (acts.cancel, "Why it is given up"),
    };
    view! { <ReasonForm act choice hidden asks/> }.into_any()
}

/// What an approval would mean, said before it is given.
fn consent_view((manifest, cars): (String, usize)) -> impl IntoView {
    let cars = if cars == 1 {
        "1 car".to_owned()
    } else {
        format!("{cars} cars")
    };
    view! {
        <p class="consent">
            "Approving means: exactly these " {cars} ", manifest " <Digest digest=manifest/> ", may leave."
        </p>
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ApiError;

    fn train(manifest: &str, choices: &[&str]) -> TrainView {
        let offered = |word: &str| {
            choices
                .contains(&word)
                .then(|| json!({"label": format!("{word} production #42"), "why_not": null}))
        };
        let view = json!({
            "now": 0, "id": "trn_1", "environment": "production", "number": 42, "state": "sealed", "revision": 1,
            "express": false, "held": null, "captain": null, "created_at": 0, "sealed_at": 0, "departed_at": null,
            "ended_at": null, "sentence": "", "manifest": manifest, "manifest_text": null, "cars": [], "gates": [],
            "requirement": null, "approvals": [], "may_approve": [], "log": [],
            "choices": {
                "seal": null, "release": null,
                "approve": offered("approve"), "reject": offered("reject"), "depart": offered("depart"),
                "hold": offered("hold"), "reopen": offered("reopen"), "cancel": offered("cancel"),
            },
        });
        serde_json::from_value(view).expect("a train")
    }

    /// What somebody has half written about one manifest must not be sent with another.
    #[test]
    fn a_form_about_another_manifest_is_another_form() {
        let keys = |manifest| {
            let offers = offers(&train(
                manifest,
                &["approve", "reject", "depart", "hold", "cancel"],
            ));
            offers.iter().map(Offer::key).collect::<Vec<_>>()
        };
        let (before, after) = (keys("5f3c"), keys("9a01"));
        assert_eq!(before.len(), 5);
        let stays: Vec<bool> = before
            .iter()
            .zip(&after)
            .map(|(one, other)| one == other)
            .collect();
        assert_eq!(stays, [false, false, false, true, true], "{before:?} {after:?}");
    }

    #[test]
    fn what_came_of_an_act_is_said_where_nothing_is_left_to_do() {
        let html = |train: TrainView| {
            Owner::new().with(|| {
                let acts = Acts::new();
                let refused = ApiError::Conflict("It left.".to_owned());
                acts.approve.and::<HoldTrain>().refuse(refused);
                let (train, _) = signal(train);
                view! { <Actions train acts/> }.to_html()
            })
        };
        let open = html(train("5f3c", &["approve", "hold"]));
        for part in [
            "approve production #42",
            "name=\"manifest\" value=\"5f3c\"",
            "name=\"comment\"",
            "exactly these",
        ] {
            assert!(open.contains(part), "{part}: {open}");
        }
        let gone = html(train("5f3c", &[]));
        assert!(
            gone.contains("It left.") && !gone.contains("What you can do"),
            "{gone}"
        );
    }
}
