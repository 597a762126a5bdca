//! What the reader can do about a deployment.

use leptos::prelude::*;

use super::{AllowAgain, CancelDeployment, DeploymentView, ResolveDeployment, VouchForDeployment};
use crate::ui::{Act, ActionNote, ReasonForm, Section, encode, part};

/// Every act; kept by the page, so that their outcome outlives a redraw.
#[derive(Clone, Copy)]
pub struct Acts {
    cancel: Act,
    resolve: Act,
    vouch: Act,
    allow_again: Act,
}

impl Acts {
    /// Nothing done yet.
    pub fn new() -> Self {
        let cancel = Act::new::<CancelDeployment>();
        Self {
            cancel,
            resolve: cancel.and::<ResolveDeployment>(),
            vouch: cancel.and::<VouchForDeployment>(),
            allow_again: cancel.and::<AllowAgain>(),
        }
    }

    /// How many acts were answered; grows with each.
    pub fn done(self) -> u64 {
        self.cancel.answered()
    }
}

/// Forms and the way to the rollback.
#[component]
pub fn Actions(deployment: ReadSignal<DeploymentView>, acts: Acts) -> impl IntoView {
    let shown = Memo::new(move |_| {
        deployment.with(|deployment| {
            let choices = (
                deployment.cancel.clone(),
                deployment.vouch.clone(),
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
    let forms = part(move || {
        let (id, service, environment, (cancel, vouch, resolve, allow_again)) = shown.get();
        let hidden = vec![("id", id.clone())];
        let rollback = format!("/rollback/{}/{}", encode(&service), encode(&environment));
        view! {
            <Section title="What you can do">
                <div class="acts">
                    {vouch.map(|choice| view! {
                        <ReasonForm act=acts.vouch choice hidden=hidden.clone() asks="How you know that it runs well" primary=true/>
                    })}
                    {resolve.map(|choice| view! {
                        <ReasonForm act=acts.resolve choice hidden=hidden.clone() asks="What you found"/>
                    })}
                    {cancel.map(|choice| view! {
                        <ReasonForm act=acts.cancel choice hidden=hidden.clone() asks="Why it is cancelled"/>
                    })}
                    {allow_again.map(|choice| view! {
                        <ReasonForm act=acts.allow_again choice hidden=hidden.clone() asks="Why it may be tried again"/>
                    })}
                    <p><a href=rollback>{format!("Roll back {service} in {environment} …")}</a></p>
                </div>
            </Section>
        }
    });
    view! {
        <ActionNote act=acts.cancel/>
        {forms}
    }
}
