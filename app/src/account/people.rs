//! `/people`: authors of commits that match nobody who can log in, and a form to say who they are.
//! A train that carries work of an unmatched author waits until somebody says.

use leptos::either::Either;
use leptos::prelude::*;

use super::{LoadPeople, MapAuthor, People, UnmatchedAuthor};
use crate::live::live;
use crate::ui::{Act, ActForm, ActionNote, DataTable, EmptyState, PageHead, loaded};
use crate::wire::{Question, ask};

/// The people page.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let tick = live(&["train", "sync"]);
    let map = Act::new::<MapAuthor>();
    let people = ask(move || Question::new(LoadPeople {}).at(tick.get() + map.answered()));
    view! {
        <PageHead title="People" />
        <p class="dim">
            "Nobody may approve their own work. For that, every author of a commit has to be matched to somebody who can log in."
        </p>
        <p>
            <ActionNote act=map />
        </p>
        {loaded(people, move |people| view! { <Unmatched people map /> })}
    }
}

#[component]
fn Unmatched(people: People, map: Act) -> impl IntoView {
    let People {
        unmatched,
        known,
        may_map,
    } = people;
    if unmatched.is_empty() {
        return Either::Left(view! {
            <EmptyState title="Every author is known">"Nothing to do here."</EmptyState>
        });
    }
    let rows = unmatched
        .into_iter()
        .map(|author| view! { <AuthorRow author known=known.clone() may_map map /> })
        .collect_view();
    Either::Right(view! {
        <DataTable caption="Authors matched to nobody">
            <thead>
                <tr>
                    <th scope="col">"Author"</th>
                    <th scope="col">"Identity"</th>
                    <th scope="col">"Train that waits"</th>
                    <th scope="col">"Is"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    })
}

#[component]
fn AuthorRow(
    author: UnmatchedAuthor,
    known: Vec<(String, String)>,
    may_map: bool,
    map: Act,
) -> impl IntoView {
    let UnmatchedAuthor {
        identity,
        name,
        train,
    } = author;
    let label = format!("{name} is");
    let shown = identity.clone();
    let form = if may_map {
        let options = known
            .into_iter()
            .map(|(id, name)| view! { <option value=id>{name}</option> })
            .collect_view();
        Either::Left(view! {
            <ActForm act=map class="act">
                <input type="hidden" name="identity" value=identity />
                <select name="user" required aria-label=label>
                    <option value="">"Choose…"</option>
                    {options}
                </select>
                <button type="submit" class="button" disabled=move || map.pending()>
                    "Save"
                </button>
            </ActForm>
        })
    } else {
        Either::Right(view! { <span class="why">"Needs somebody with the right to configure."</span> })
    };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td><code>{shown}</code></td>
            <td>
                {train.map(|train| view! { <a href=format!("/trains/{train}")>{train.replace('/', " #")}</a> })}
            </td>
            <td>{form}</td>
        </tr>
    }
}
