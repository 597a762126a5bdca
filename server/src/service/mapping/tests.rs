use super::*;

const POLICY: &str = r#"
[mapping]
name = "prod-{service}-svc"

[[environment]]
name = "production"
account = "111122223333"
region = "eu-central-1"
cluster = "prod"
sources = ["main"]

[[service]]
name = "checkout"
image_repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme/checkout"
"#;

fn candidate(name: &str) -> Candidate {
    Candidate {
        arn: format!("arn:{name}"),
        name: name.to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        cluster: "prod".to_owned(),
        status: "ACTIVE".to_owned(),
        tags: BTreeMap::new(),
        containers: vec![("web".to_owned(), "nginx:1".to_owned())],
        held: None,
        created_at: 0,
    }
}

const CHECKOUT: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme/checkout:main-1";

fn running(image: &str, mut candidate: Candidate) -> Candidate {
    candidate.containers = vec![("web".to_owned(), image.to_owned())];
    candidate
}

fn tagged(name: &str, service: &str) -> Candidate {
    let mut candidate = candidate(name);
    candidate
        .tags
        .insert("yardmaster:service".to_owned(), service.to_owned());
    candidate
}

fn planned(words: &[(&str, &str, &str)], candidates: &[Candidate]) -> Vec<Result<(String, String), String>> {
    let policy = Policy::parse(POLICY).unwrap();
    let words = words
        .iter()
        .map(|(arn, service, container)| {
            let word = Word {
                service: (*service).to_owned(),
                container: (*container).to_owned(),
            };
            (format!("arn:{arn}"), word)
        })
        .collect();
    let plan = plan(Some(&policy), &words, candidates);
    candidates
        .iter()
        .map(|candidate| plan[&candidate.arn].clone().map(|at| (at.service, at.container)))
        .collect()
}

fn is(service: &str, container: &str) -> Result<(String, String), String> {
    Ok((service.to_owned(), container.to_owned()))
}

#[test]
fn a_tag_or_a_name_says_which_service_it_is_and_a_person_where_they_differ() {
    let named = running(CHECKOUT, candidate("prod-checkout-svc"));
    assert_eq!(planned(&[], &[named]), [is("checkout", "web")]);
    assert_eq!(
        planned(&[], &[tagged("legacy", "catalog")]),
        [is("catalog", "web")]
    );
    let both = tagged("prod-checkout-svc", "catalog");
    let unclear = planned(&[], std::slice::from_ref(&both)).remove(0).unwrap_err();
    assert!(
        unclear.contains("tag says that it is catalog") && unclear.contains("name says checkout"),
        "{unclear}"
    );
    assert_eq!(
        planned(&[("prod-checkout-svc", "search", "web")], &[both]),
        [is("search", "web")]
    );
}

#[test]
fn what_runs_another_services_image_is_not_taken_for_a_service() {
    let mistaken = tagged("search", "checkout");
    let why = planned(&[], std::slice::from_ref(&mistaken))
        .remove(0)
        .unwrap_err();
    assert!(why.contains("runs an image of nginx"), "{why}");
    assert_eq!(
        planned(&[("search", "checkout", "web")], &[mistaken]),
        [is("checkout", "web")]
    );
    let right = running(CHECKOUT, tagged("search", "checkout"));
    assert_eq!(planned(&[], &[right]), [is("checkout", "web")]);
}

#[test]
fn what_is_unknown_stays_unmapped_and_says_what_to_do() {
    let nameless = planned(&[], &[candidate("legacy")]).remove(0).unwrap_err();
    assert!(
        nameless.contains("no tag `yardmaster:service`") && nameless.contains("prod-{service}-svc"),
        "{nameless}"
    );
    let elsewhere = Candidate {
        cluster: "lab".to_owned(),
        ..tagged("x", "checkout")
    };
    let elsewhere = planned(&[("x", "checkout", "web")], &[elsewhere])
        .remove(0)
        .unwrap_err();
    assert!(
        elsewhere.contains("cluster lab") && elsewhere.contains("[[environment]]"),
        "{elsewhere}"
    );
    let odd = planned(&[], &[tagged("x", "a b/c")]).remove(0).unwrap_err();
    assert!(odd.contains("`a b/c`"), "{odd}");
    let leaving = Candidate {
        status: "DRAINING".to_owned(),
        ..tagged("x", "checkout")
    };
    assert!(planned(&[], &[leaving]).remove(0).is_err());
}

#[test]
fn of_several_containers_the_one_with_the_services_image_carries_it() {
    let mut many = tagged("x", "checkout");
    many.containers.push((
        "app".to_owned(),
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme/checkout:main-1".to_owned(),
    ));
    assert_eq!(planned(&[], std::slice::from_ref(&many)), [is("checkout", "app")]);
    many.tags
        .insert("yardmaster:service".to_owned(), "search".to_owned());
    let unclear = planned(&[], std::slice::from_ref(&many)).remove(0).unwrap_err();
    assert!(unclear.contains("web, app"), "{unclear}");
    assert_eq!(
        planned(&[("x", "search", "web")], std::slice::from_ref(&many)),
        [is("search", "web")]
    );
    let wrong = planned(&[("x", "search", "db")], &[many]).remove(0).unwrap_err();
    assert!(wrong.contains("`db`"), "{wrong}");
}

#[test]
fn a_second_service_for_a_slot_is_refused_and_the_first_keeps_it() {
    let mut first = running(CHECKOUT, tagged("one", "checkout"));
    let second = running(CHECKOUT, tagged("two", "checkout"));
    let both = planned(&[], &[first.clone(), second.clone()]);
    assert!(both[0].as_ref().is_err_and(|why| why.contains("two")), "{both:?}");
    assert!(both[1].as_ref().is_err_and(|why| why.contains("one")), "{both:?}");

    first.held = Some(("checkout".to_owned(), "production".to_owned()));
    let held = planned(&[("two", "checkout", "web")], &[first.clone(), second.clone()]);
    assert_eq!(held[0], is("checkout", "web"));
    assert!(
        held[1]
            .as_ref()
            .is_err_and(|why| why.contains("already the ECS service one")),
        "{held:?}"
    );

    first.held = None;
    let said = planned(&[("two", "checkout", "web")], &[first, second]);
    assert!(said[0].is_err());
    assert_eq!(said[1], is("checkout", "web"));
}

#[test]
fn an_image_reference_without_tag_and_digest() {
    for (image, repository) in [
        ("nginx", "nginx"),
        ("nginx:1.27", "nginx"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b"),
        ("r.example/a@sha256:1", "r.example/a"),
        ("r.example/a:v1@sha256:1", "r.example/a"),
    ] {
        assert_eq!(image_repository(image), repository);
    }
}
