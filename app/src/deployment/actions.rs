//! What the reader can do about a deployment.

use leptos::prelude::*;

use super::{AllowAgain, CancelDeployment, DeploymentView, ResolveDeployment};
use crate::ui::{ReasonForm, Section, encode};

/// One action per act; kept by the page, so that their outcome outlives a redraw.
#[derive(Clone, Copy)]
pub struct Acts {
    cancel: ServerAction<CancelDeployment>,
    resolve: ServerAction<ResolveDeployment>,
    allow_again: ServerAction<AllowAgain>,
}

impl Acts {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self {
            cancel: ServerAction::new(),
            resolve: ServerAction::new(),
            allow_again: ServerAction::new(),
        }
    }

    /// How many acts were answered; grows with each.
    pub fn done(self) -> u64 {
        let versions = [
            self.cancel.version(),
            self.resolve.version(),
            self.allow_again.version(),
        ];
        versions.into_iter().map(|version| version.get() as u64).sum()
    }
}

/// Forms and the way to the rollback.
#[component]
pub fn Actions(deployment: ReadSignal<DeploymentView>, acts: Acts) -> impl IntoView {
    let shown = Memo::new(move |_| {
        deployment.with(|deployment| {
            let choices = (
                deployment.cancel.clone(),
                deployment.resolve.clone(),
                deployment.allow_again.clone(),
            );
            (
                deployment.id.clone(),
                deployment.service.clone(),
                deployment.environment.clone(),
                choices,
            )
        })
    });
    move || {
        let (id, service, environment, (cancel, resolve, allow_again)) = shown.get();
        let hidden = vec![("id", id.clone())];
        let rollback = format!("/rollback/{}/{}", encode(&service), encode(&environment));
        view! {
            <Section title="What you can do">
                <div class="acts">
                    {resolve.map(|choice| view! {
                        <ReasonForm action=acts.resolve choice hidden=hidden.clone() asks="What you found" primary=true/>
                    })}
                    {cancel.map(|choice| view! {
                        <ReasonForm action=acts.cancel choice hidden=hidden.clone() asks="Why it is cancelled"/>
                    })}
                    {allow_again.map(|choice| view! {
                        <ReasonForm action=acts.allow_again choice hidden=hidden.clone() asks="Why it may be tried again"/>
                    })}
                    <p><a href=rollback>{format!("Roll back {service} in {environment} …")}</a></p>
                </div>
            </Section>
        }
    }
}
