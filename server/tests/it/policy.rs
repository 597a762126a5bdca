//! Policy documents: what is wrong is said in one message that names the place and what there is.

use app::account::Role;
use server::policy::Policy;

const SOUND: &str = r#"
[[environment]]
name = "staging"
account = "111122223333"
region = "eu-central-1"
cluster = "staging"
sources = ["main"]

[[environment]]
name = "production"
account = "444455556666"
region = "eu-central-1"
cluster = "production"
sources = ["arrived:staging"]

[environment.approvals]
count = 1
roles = ["lead"]

[groups]
shop-leads = ["lead", { role = "devops", environment = "staging" }]
shop-seniors = [{ role = "senior", team = "shop" }]

[[service]]
name = "checkout"
team = "shop"
"#;

#[test]
fn a_sound_document_is_taken_and_gives_its_roles() {
    let policy = Policy::parse(SOUND).unwrap();
    let grants = policy.grants(&["shop-leads".to_owned(), "others".to_owned()]);
    let given: Vec<_> = grants
        .iter()
        .map(|grant| (grant.role, grant.environment.as_deref()))
        .collect();
    assert_eq!(given, [(Role::Lead, None), (Role::Devops, Some("staging"))]);
    let grants = policy.grants(&["shop-seniors".to_owned()]);
    assert_eq!(grants[0].team.as_deref(), Some("shop"));
    let again = Policy::parse(&toml::to_string(&policy).unwrap()).unwrap();
    assert_eq!(again, policy, "what is exported can be applied");
}

#[test]
fn each_mistake_is_answered_with_its_place_and_what_there_is() {
    let all = "the roles are viewer, junior, senior, lead, devops, architect, security";
    for (from, to, names) in [
        (
            "[\"lead\", {",
            "[\"led\", {",
            &["group `shop-leads`", "`led`", all][..],
        ),
        (
            "role = \"devops\"",
            "role = \"ops\"",
            &["group `shop-leads`", "`ops`", all],
        ),
        (
            "environment = \"staging\" }",
            "enviroment = \"staging\" }",
            &["group `shop-leads`", "`enviroment`", "`environment`"],
        ),
        (
            "environment = \"staging\" }",
            "environment = \"prod\" }",
            &["group `shop-leads`", "`prod`", "staging, production"],
        ),
        (
            "team = \"shop\" }",
            "team = \"shopp\" }",
            &["group `shop-seniors`", "`shopp`", "the teams are shop"],
        ),
        ("[\"lead\", {", "[3, {", &["group `shop-leads`", "a role as"]),
        ("roles = [\"lead\"]", "roles = [\"boss\"]", &["`boss`", all]),
        (
            "arrived:staging",
            "arrived:test",
            &["environment `production`", "arrived:test"],
        ),
        (
            "111122223333",
            "1111",
            &["environment `staging`", "12-digit AWS account id"],
        ),
        (
            "name = \"staging\"",
            "name = \"Staging\"",
            &["environment `Staging`"],
        ),
        ("name = \"staging\"", "name = 3", &["line 3"]),
    ] {
        let document = SOUND.replacen(from, to, 1);
        let said = Policy::parse(&document).unwrap_err().to_string();
        for name in names {
            assert!(said.contains(name), "{name}: {said}");
        }
    }
}
