//! `/unmapped`: ECS services that belong to no slot, why, and a form to say what they are.
//! What is unmapped is shown and never deployed.

use leptos::prelude::*;

use super::{LoadUnmapped, MapService, Unmapped, UnmappedService};
use crate::live::{follow, live};
use crate::ui::{Act, ActForm, ActionNote, EmptyState, Field, FreshnessNote, PageHead, keyed, loaded, part};
use crate::wire::{Question, ask};

/// The unmapped page.
#[component]
pub fn UnmappedPage() -> impl IntoView {
    let map = Act::new::<MapService>();
    let unmapped = ask(|| Question::new(LoadUnmapped {}));
    view! {
        <PageHead title="Unmapped ECS services" crumbs=vec![("/".to_owned(), "Board".to_owned())] />
        <p class="dim">
            "These ECS services run in accounts that Yardmaster reads, but nothing says which service they are. They are never deployed to."
        </p>
        <p>
            <ActionNote act=map />
        </p>
        {loaded(unmapped, move |first| view! { <List first map /> })}
    }
}

/// The services. Each card stays itself while others go, so that nobody's form ends up as another's.
#[component]
fn List(first: Unmapped, map: Act) -> impl IntoView {
    let changed = live(&["slot", "sync", "policy"]);
    let unmapped = follow(
        first,
        move || changed.get() + map.answered(),
        Question::new(LoadUnmapped {}),
    );
    let cards =
        Memo::new(move |_| unmapped.with(|unmapped| unmapped.services.iter().map(key).collect::<Vec<_>>()));
    let none = Memo::new(move |_| cards.with(Vec::is_empty));
    let known = Memo::new(move |_| unmapped.with(|unmapped| unmapped.known.clone()));
    view! {
        {part(move || unmapped.with(sources_view))}
        <datalist id="known-services">
            {part(move || known.get().into_iter().map(|name| view! { <option value=name></option> }).collect_view())}
        </datalist>
        {part(move || {
            if none.get() {
                return view! { <EmptyState title="Everything is mapped">"Nothing to do here."</EmptyState> }
                    .into_any();
            }
            view! { <ul class="cards">{keyed(cards, move |key| card_view(key, unmapped, map))}</ul> }.into_any()
        })}
    }
}

fn sources_view(unmapped: &Unmapped) -> impl IntoView + use<> {
    let now = unmapped.now;
    let notes = unmapped
        .scopes
        .iter()
        .cloned()
        .map(|scope| view! { <FreshnessNote freshness=scope.freshness now name=scope.name /> })
        .collect_view();
    view! { <p class="bar">{notes}</p> }
}

/// What makes a card another one: with other containers to choose from it is begun anew.
fn key(service: &UnmappedService) -> String {
    format!("{} {}", service.arn, service.containers.join(" "))
}

fn card_view(of: String, unmapped: ReadSignal<Unmapped>, map: Act) -> AnyView {
    let service = Memo::new(move |_| {
        unmapped.with(|unmapped| unmapped.services.iter().find(|one| key(one) == of).cloned())
    });
    let why_not = unmapped.with_untracked(|unmapped| unmapped.why_not.clone());
    let form = match why_not {
        Some(why) => view! { <p class="why">{why}</p> }.into_any(),
        None => service
            .get_untracked()
            .map(|service| form_view(service, map))
            .into_any(),
    };
    view! { <li class="card">{part(move || service.get().map(facts_view))} {form}</li> }.into_any()
}

/// What is known of it.
fn facts_view(service: UnmappedService) -> impl IntoView {
    let UnmappedService {
        name,
        scope,
        cluster,
        environment,
        image,
        reason,
        ..
    } = service;
    let environment = environment.unwrap_or_else(|| "no environment".to_owned());
    view! {
        <h2>{name}</h2>
        <p class="dim">{format!("{scope} · cluster {cluster} · {environment}")}</p>
        <p>{reason}</p>
        {image.map(|image| view! { <p>"Runs " <code>{image}</code></p> })}
    }
}

/// The form that says what it is.
fn form_view(service: UnmappedService, map: Act) -> impl IntoView {
    let UnmappedService {
        arn,
        name,
        containers,
        ..
    } = service;
    let options = containers
        .into_iter()
        .map(|container| view! { <option value=container.clone()>{container.clone()}</option> })
        .collect_view();
    view! {
        <ActForm act=map class="act">
            <input type="hidden" name="arn" value=arn />
            <Field label="Is the service">
                <input name="service" required list="known-services" value=name autocomplete="off" />
            </Field>
            <Field label="Container">
                <select name="container">{options}</select>
            </Field>
            <button type="submit" class="button" disabled=move || map.pending()>
                "Map"
            </button>
        </ActForm>
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::*;

    fn service(arn: &str, containers: &[&str]) -> UnmappedService {
        UnmappedService {
            arn: arn.to_owned(),
            name: "legacy".to_owned(),
            scope: "prod · eu-west-1".to_owned(),
            cluster: "production".to_owned(),
            environment: None,
            image: None,
            reason: "It has no tag.".to_owned(),
            containers: containers.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn every_service_has_a_form_of_its_own() {
        let first = Unmapped {
            now: 0,
            services: vec![service("arn:1", &["app", "proxy"]), service("arn:2", &["web"])],
            known: vec!["checkout".to_owned()],
            why_not: None,
            scopes: Vec::new(),
        };
        let html = Owner::new().with(|| {
            let map = Act::new::<MapService>();
            view! { <List first map /> }.to_html()
        });
        assert_eq!(html.matches("<form").count(), 2, "{html}");
        for part in [
            "value=\"arn:1\"",
            "value=\"arn:2\"",
            "<option value=\"proxy\">",
            "no environment",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_ne!(
            key(&service("arn:1", &["app"])),
            key(&service("arn:1", &["proxy", "app"])),
            "other containers to choose from are another form"
        );
    }
}
