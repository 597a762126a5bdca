//! `/rollback/:service/:environment`: a person's return to an earlier image, with its effects said beforehand.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use wasm_bindgen::JsCast;

use super::{LoadRollbackPlan, RollBack, RollbackPlan, RollbackTarget};
use crate::ui::{Act, ActForm, EmptyState, ImageName, PageHead, Section, Time, encode, loaded_page};
use crate::wire::{Question, ask};

/// The page.
#[component]
pub fn RollbackPage() -> impl IntoView {
    let params = use_params_map();
    let slot = Memo::new(move |_| {
        let params = params.read();
        (
            params.get("service").unwrap_or_default(),
            params.get("environment").unwrap_or_default(),
        )
    });
    let plan = ask(move || {
        let (service, environment) = slot.get();
        Question::new(LoadRollbackPlan { service, environment })
    });
    loaded_page(plan, |plan| view! { <Rollback plan/> })
}

#[component]
fn Rollback(plan: RollbackPlan) -> impl IntoView {
    let RollbackPlan {
        service,
        environment,
        now_runs,
        targets,
        why_not,
        effects,
    } = plan;
    let title = format!("Roll back {service} in {environment}");
    let slot = format!("/services/{}?slot={}", encode(&service), encode(&environment));
    let runs = match now_runs {
        Some(image) => view! { <p>"Runs now: " <ImageName image=image.clone()/> " " <span class="dim">{image.subject}</span></p> }.into_any(),
        None => view! { <p>"What runs now is not known."</p> }.into_any(),
    };
    let effects = effects
        .into_iter()
        .map(|effect| view! { <li>{effect}</li> })
        .collect_view();
    let form = if targets.is_empty() {
        view! {
            <EmptyState title="There is nothing to roll back to">
                <p>"Yardmaster knows no image that ran well in this slot before the one that runs now."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <RollbackForm title=title.clone() service=service.clone() environment targets why_not/> }
            .into_any()
    };
    view! {
        <PageHead title crumbs=vec![(slot, service)]/>
        {runs}
        {(!effects.is_empty()).then(|| view! {
            <Section title="What it does"><ul class="policy">{effects}</ul></Section>
        })}
        {form}
    }
}

#[component]
fn RollbackForm(
    /// "Roll back checkout in production": what the button says before the image.
    title: String,
    service: String,
    environment: String,
    targets: Vec<RollbackTarget>,
    why_not: Option<String>,
) -> impl IntoView {
    let act = Act::new::<RollBack>();
    let first = targets
        .iter()
        .find(|target| target.why_not.is_none())
        .map(|target| target.image.digest.clone());
    let refusal = why_not.or_else(|| {
        first
            .is_none()
            .then(|| "None of these images can be rolled back to now.".to_owned())
    });
    let names: Vec<_> = targets
        .iter()
        .map(|target| (target.image.digest.clone(), target.image.name.clone()))
        .collect();
    // Only a browser that runs scripts can name the image: elsewhere the name would stay while the choice changes.
    let (chosen, set_chosen) = signal(None::<String>);
    // Where the page was not rendered by the server, the form is not in the document yet.
    let preset = first.clone();
    Effect::new(move || set_chosen.set(checked_digest().or_else(|| preset.clone())));
    let label = move || {
        let chosen = chosen.get();
        match names.iter().find(|(digest, _)| Some(digest) == chosen.as_ref()) {
            Some((_, name)) => format!("{title} to {name}"),
            None => format!("{title} to the chosen image"),
        }
    };
    let rows = targets
        .into_iter()
        .map(|target| {
            let checked = Some(&target.image.digest) == first.as_ref();
            row(target, checked, set_chosen)
        })
        .collect_view();
    let refused = refusal.is_some();
    let problem = move || act.problem().map(|error| error.to_string());
    let disabled = move || act.pending();
    view! {
        <ActForm act class="rollback">
            <input type="hidden" name="service" value=service/>
            <input type="hidden" name="environment" value=environment/>
            <fieldset class="targets">
                <legend>"Back to"</legend>
                {rows}
            </fieldset>
            <label class="field">
                <span>"Reason"</span>
                <textarea name="reason" rows="2" maxlength="500" required></textarea>
            </label>
            {match refusal {
                Some(why) => view! {
                    <div class="act refused">
                        <button type="button" class="button primary" aria-disabled="true" aria-describedby="refusal">{label}</button>
                        <span class="why" id="refusal">{why}</span>
                    </div>
                }
                .into_any(),
                None => view! { <button type="submit" class="button primary" disabled=disabled>{label}</button> }.into_any(),
            }}
            <p class="outcome bad" role="alert" hidden=refused>{problem}</p>
        </ActForm>
    }
}

fn row(target: RollbackTarget, checked: bool, set_chosen: WriteSignal<Option<String>>) -> impl IntoView {
    let RollbackTarget {
        image,
        deployed_at,
        verified,
        why_not,
    } = target;
    let digest = image.digest.clone();
    let impossible = why_not.is_some();
    view! {
        <label class="target">
            <input
                type="radio" name="digest" required value=image.digest.clone() checked=checked disabled=impossible
                on:change=move |_| set_chosen.set(Some(digest.clone()))
            />
            <span class="target-text">
                <span><ImageName image=image.clone()/> " " {image.subject.clone()}</span>
                <span class="dim">
                    "Last deployed there " <Time at=deployed_at/>
                    {if verified { " · verified" } else { " · adopted at first sync, never verified" }}
                </span>
                {why_not.map(|why| view! { <span class="why">{why}</span> })}
            </span>
        </label>
    }
}

/// The digest that is chosen in the form now: somebody may have chosen before scripts arrived.
fn checked_digest() -> Option<String> {
    let input = document()
        .query_selector("input[name=digest]:checked")
        .ok()
        .flatten()?;
    input
        .dyn_into::<web_sys::HtmlInputElement>()
        .ok()
        .map(|input| input.value())
}
