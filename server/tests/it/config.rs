//! Configuration: what is wrong is said in one message that names the setting, before anything starts.

use server::config::Config;

const GOOD: &str = r#"
public_url = "https://yard.example"

[keys]
audit = "0123456789abcdef0123456789abcdef"
data = "fedcba9876543210fedcba9876543210"
"#;

const SOURCE: &str = r#"
[[source]]
name = "github"
forge = "github"
secret = "a secret for webhooks"
"#;

const LOGIN: &str = r#"
[[login]]
name = "sso"
issuer = "https://sso.example"
client_id = "yardmaster"
client_secret = "the client's secret"
"#;

const ACCOUNT: &str = r#"
[[aws.account]]
id = "111122223333"
regions = ["eu-central-1"]
"#;

fn refusal(document: &str) -> String {
    Config::parse(document)
        .err()
        .unwrap_or_else(|| panic!("it is taken:\n{document}"))
        .to_string()
}

#[test]
fn a_whole_configuration_is_taken() {
    let whole = [GOOD, SOURCE, LOGIN, ACCOUNT].concat();
    let config = Config::parse(&whole).expect("a configuration");
    let two = format!(
        "{GOOD}{LOGIN}group_prefix = \"sso/\"\n{}group_prefix = \"partners/\"",
        LOGIN.replace("\"sso\"", "\"partners\"")
    );
    Config::parse(&two).expect("a configuration with two ways to log in");
    assert_eq!(config.database_url(), "sqlite:yardmaster-data/yardmaster.db");
}

#[test]
fn each_mistake_is_answered_with_the_name_of_the_setting() {
    let without = |key: &str| {
        let kept: Vec<&str> = GOOD.lines().filter(|line| !line.starts_with(key)).collect();
        kept.join("\n")
    };
    let with = |more: &str| [GOOD, more].concat();
    for (document, names) in [
        (without("audit"), "keys.audit is missing"),
        (without("data"), "keys.data is missing"),
        (without("public_url"), "public_url"),
        (
            GOOD.replace("https://yard", "http://yard"),
            "public_url `http://yard.example/`",
        ),
        (GOOD.replace("0123456789abcdef", "x"), "keys.audit"),
        (GOOD.replace("audit =", "audits ="), "audits"),
        (
            with("[database]\nurl = \"sqlite:a.db\"\nurl_file = \"b\""),
            "database.url is given twice",
        ),
        (
            with("[database]\nurl_file = \"/nowhere/url\""),
            "database.url_file: cannot read /nowhere/url",
        ),
        (
            with("[git]\ncredentials_file = \"/nowhere/git\""),
            "git.credentials_file: cannot read /nowhere/git",
        ),
        (
            with(&SOURCE.replace("a secret for webhooks", "")),
            "source `github`: secret is shorter",
        ),
        (
            with(&SOURCE.replace("secret =", "previous_secret =")),
            "source `github` has no secret",
        ),
        (
            with(&format!("{SOURCE}previous_secret = \"\"")),
            "source `github`: previous_secret is shorter",
        ),
        (
            with(&SOURCE.replace("forge = \"github\"", "forge = \"gitea\"")),
            "forge `gitea` is not supported",
        ),
        (
            with(&[SOURCE, SOURCE].concat()),
            "source.name `github` stands twice",
        ),
        (with(&LOGIN.replace("\"sso\"", "\"s/so\"")), "login.name `s/so`"),
        (with(&LOGIN.replace("https://sso.example", "sso")), "issuer"),
        (with(&[LOGIN, LOGIN].concat()), "login.name `sso` stands twice"),
        (
            with(&[LOGIN, &LOGIN.replace("\"sso\"", "\"partners\"")].concat()),
            "login `sso`: with more than one way to log in each needs a group_prefix",
        ),
        (
            with(&format!(
                "{}group_prefix = \"acme/\"\n{LOGIN}group_prefix = \"acme/partners/\"",
                LOGIN.replace("\"sso\"", "\"acme\"")
            )),
            "login `acme`: with more than one way to log in each needs a group_prefix",
        ),
        (
            with(&ACCOUNT.replace("111122223333", "1111")),
            "aws.account.id `1111`",
        ),
        (
            with(&ACCOUNT.replace("\"eu-central-1\"", "")),
            "aws.account `111122223333` names no regions",
        ),
        (
            with(&[ACCOUNT, ACCOUNT].concat()),
            "aws.account `111122223333` stands twice",
        ),
        (
            with("[aws]\naccess_key_id = \"AKIA\""),
            "aws.access_key_id and aws.secret_access_key go together",
        ),
    ] {
        let said = refusal(&document);
        assert!(said.contains(names), "{names}: {said}");
        assert!(!said.contains("fedcba98"), "no secret is shown: {said}");
    }
}
