//! `/people`: authors of commits that match nobody who can log in, and a form to say who they are.
//! A train that carries work of an unmatched author waits until somebody says.

use leptos::prelude::*;

use super::{LoadPeople, MapAuthor, People};
use crate::live::{follow, live};
use crate::ui::{Act, ActForm, ActionNote, DataTable, EmptyState, PageHead, keyed, loaded, part};
use crate::wire::{Question, ask};

/// The people page.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let map = Act::new::<MapAuthor>();
    let people = ask(|| Question::new(LoadPeople {}));
    view! {
        <PageHead title="People" />
        <p class="dim">
            "Nobody may approve their own work. For that, every author of a commit has to be matched to somebody who can log in."
        </p>
        <p>
            <ActionNote act=map />
        </p>
        {loaded(people, move |first| view! { <Unmatched first map /> })}
    }
}

/// The authors. Each row and each choice in it stays itself while others go, so that nobody's form ends up as another's.
#[component]
fn Unmatched(first: People, map: Act) -> impl IntoView {
    let changed = live(&["train", "sync"]);
    let people = follow(
        first,
        move || changed.get() + map.answered(),
        Question::new(LoadPeople {}),
    );
    let authors = Memo::new(move |_| people.with(|people| keys(&people.unmatched, |one| &one.identity)));
    let known = Memo::new(move |_| people.with(|people| keys(&people.known, |(id, _)| id)));
    let none = Memo::new(move |_| authors.with(Vec::is_empty));
    part(move || {
        if none.get() {
            return view! { <EmptyState title="Every author is known">"Nothing to do here."</EmptyState> }
                .into_any();
        }
        view! {
            <DataTable caption="Authors matched to nobody">
                <thead>
                    <tr>
                        <th scope="col">"Author"</th>
                        <th scope="col">"Identity"</th>
                        <th scope="col">"Train that waits"</th>
                        <th scope="col">"Is"</th>
                    </tr>
                </thead>
                <tbody>{keyed(authors, move |identity| author_view(identity, people, known, map))}</tbody>
            </DataTable>
        }
        .into_any()
    })
}

fn keys<T>(all: &[T], key: fn(&T) -> &String) -> Vec<String> {
    all.iter().map(key).cloned().collect()
}

fn author_view(identity: String, people: ReadSignal<People>, known: Memo<Vec<String>>, map: Act) -> AnyView {
    let asked = identity.clone();
    let author = Memo::new(move |_| {
        people.with(|people| people.unmatched.iter().find(|one| one.identity == asked).cloned())
    });
    let name = author
        .get_untracked()
        .map(|author| author.name)
        .unwrap_or_default();
    let label = format!("{name} is");
    let shown = identity.clone();
    let form = if people.with_untracked(|people| people.may_map) {
        view! {
            <ActForm act=map class="act">
                <input type="hidden" name="identity" value=identity />
                <select name="user" required aria-label=label>
                    <option value="">"Choose…"</option>
                    {keyed(known, move |id| person_view(id, people))}
                </select>
                <button type="submit" class="button" disabled=move || map.pending()>
                    "Save"
                </button>
            </ActForm>
        }
        .into_any()
    } else {
        view! { <span class="why">"Needs somebody with the right to configure."</span> }.into_any()
    };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td><code>{shown}</code></td>
            <td>{part(move || author.get().and_then(|author| author.train).map(train_view))}</td>
            <td>{form}</td>
        </tr>
    }
    .into_any()
}

/// `production/42` as a link to that train.
fn train_view(train: String) -> impl IntoView {
    let name = train.replace('/', " #");
    view! { <a href=format!("/trains/{train}")>{name}</a> }
}

/// Somebody that the author may be.
fn person_view(id: String, people: ReadSignal<People>) -> AnyView {
    let name = people.with_untracked(|people| {
        let person = people.known.iter().find(|(known, _)| *known == id);
        person.map(|(_, name)| name.clone()).unwrap_or_default()
    });
    view! { <option value=id>{name}</option> }.into_any()
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::super::UnmatchedAuthor;
    use super::*;

    #[test]
    fn every_author_has_a_form_of_their_own() {
        let author = |identity: &str, name: &str| UnmatchedAuthor {
            identity: identity.to_owned(),
            name: name.to_owned(),
            train: Some("production/42".to_owned()),
        };
        let first = People {
            unmatched: vec![author("email:ada@x", "Ada"), author("email:lin@x", "Lin")],
            known: vec![("usr_1".to_owned(), "Ada Dev".to_owned())],
            may_map: true,
        };
        let html = Owner::new().with(|| {
            let map = Act::new::<MapAuthor>();
            view! { <Unmatched first map /> }.to_html()
        });
        assert_eq!(html.matches("<form").count(), 2, "{html}");
        for part in [
            "value=\"email:ada@x\"",
            "value=\"email:lin@x\"",
            "<option value=\"usr_1\">Ada Dev",
            "href=\"/trains/production/42\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
