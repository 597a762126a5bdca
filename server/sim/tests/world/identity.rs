//! The code flow over raw HTTP, as it should go and as it must not.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use reqwest::{Client as Http, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sim::clock::SimClock;
use sim::identity::{Client, Identity};
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:3000/auth/callback/acme";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-a-verifier-43";
const START: i64 = 1_781_082_000_000;

struct Login {
    identity: Identity,
    clock: SimClock,
    http: Http,
}

impl Login {
    async fn start() -> Self {
        let clock = SimClock::driven(START);
        let client = Client {
            id: "yardmaster".into(),
            secret: "s:e c%ret".into(),
            redirect_uris: vec![CALLBACK.into()],
        };
        let time = clock.clone();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let identity = Identity::start(anywhere, client, Arc::new(move || time.now_millis()))
            .await
            .unwrap();
        let http = Http::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            identity,
            clock,
            http,
        }
    }

    fn request(&self) -> Vec<(&'static str, String)> {
        vec![
            ("client_id", "yardmaster".into()),
            ("redirect_uri", CALLBACK.into()),
            ("response_type", "code".into()),
            ("scope", "openid profile email groups".into()),
            ("state", "the state".into()),
            ("nonce", "the nonce".into()),
            ("code_challenge", URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))),
            ("code_challenge_method", "S256".into()),
        ]
    }

    /// Presses a persona's button and gives the parameters that come back to the callback.
    async fn press(&self, persona: &str) -> Vec<(String, String)> {
        let mut form = self.request();
        form.push(("persona", persona.into()));
        let url = format!("{}/login", self.identity.issuer());
        let answer = self.http.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        assert!(location.as_str().starts_with(CALLBACK));
        location.query_pairs().into_owned().collect()
    }

    async fn code(&self, persona: &str) -> String {
        let back = self.press(persona).await;
        back.into_iter().find(|(name, _)| name == "code").unwrap().1
    }

    async fn exchange(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        let url = format!("{}/token", self.identity.issuer());
        // Both halves are form-encoded before they are put together.
        let answer = self
            .http
            .post(url)
            .basic_auth("yardmaster", Some("s%3Ae+c%25ret"))
            .form(&form)
            .send()
            .await;
        let answer = answer.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn json(&self, url: &str) -> Value {
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn a_person_logs_in_with_pkce_and_the_token_verifies_against_the_published_key() {
    let login = Login::start().await;
    let issuer = login.identity.issuer().to_owned();
    let discovery = login
        .json(&format!("{issuer}/.well-known/openid-configuration"))
        .await;
    assert_eq!(discovery["issuer"], issuer);
    let asked = login
        .http
        .get(discovery["authorization_endpoint"].as_str().unwrap());
    let asked = asked
        .query(&login.request())
        .query(&[("login_hint", "sena")])
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    let page = asked.text().await.unwrap();
    assert!(page.contains("Vera Viewer") && page.contains("Sam Security"));
    assert!(
        page.contains("value=\"sena\" aria-current=\"true\""),
        "the hinted person is marked"
    );

    let back = login.press("sena").await;
    assert!(back.contains(&("state".into(), "the state".into())));
    assert!(back.contains(&("iss".into(), issuer.clone())));
    let code = &back.iter().find(|(name, _)| name == "code").unwrap().1;
    let (status, tokens) = login.exchange(code, VERIFIER).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");

    let parts: Vec<&str> = tokens["id_token"].as_str().unwrap().split('.').collect();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let keys = login.json(discovery["jwks_uri"].as_str().unwrap()).await;
    let key = &keys["keys"][0];
    assert_eq!(
        (&header["kid"], header["alg"].as_str()),
        (&key["kid"], Some("RS256"))
    );
    let public = RsaPublicKeyComponents {
        n: decode(key["n"].as_str().unwrap()),
        e: decode(key["e"].as_str().unwrap()),
    };
    let signed = format!("{}.{}", parts[0], parts[1]);
    public
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(parts[2]))
        .expect("the signature is right");

    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["aud"], "yardmaster");
    assert_eq!(claims["nonce"], "the nonce");
    assert_eq!(claims["iat"], START / 1000);
    assert_eq!(claims["exp"], START / 1000 + 3600);
    assert_eq!(claims["email"], "sena@acme.example");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(
        claims["groups"],
        serde_json::json!(["yardmaster-seniors", "team-orders"])
    );
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        claims["at_hash"],
        URL_SAFE_NO_PAD.encode(&Sha256::digest(access)[..16])
    );

    let userinfo = discovery["userinfo_endpoint"].as_str().unwrap();
    let who: Value = login
        .http
        .get(userinfo)
        .bearer_auth(access)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&who["sub"], who["name"].as_str()),
        (&claims["sub"], Some("Sena Senior"))
    );
}

#[tokio::test]
async fn a_wrong_verifier_a_second_use_and_a_late_use_of_a_code_are_refused() {
    let login = Login::start().await;
    let code = login.code("lee").await;
    let (status, answer) = login.exchange(&code, "somebody else's verifier").await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_grant"))
    );

    let code = login.code("lee").await;
    let (status, tokens) = login.exchange(&code, VERIFIER).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = login.exchange(&code, VERIFIER).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_grant"))
    );
    let userinfo = format!("{}/userinfo", login.identity.issuer());
    let access = tokens["access_token"].as_str().unwrap();
    let stolen = login.http.get(userinfo).bearer_auth(access).send().await.unwrap();
    assert_eq!(
        stolen.status(),
        StatusCode::UNAUTHORIZED,
        "a replayed code revokes what it opened"
    );

    let code = login.code("lee").await;
    login.clock.advance(Duration::from_secs(60));
    let (status, _) = login.exchange(&code, VERIFIER).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_bad_request_never_sends_the_browser_to_an_unknown_address() {
    let login = Login::start().await;
    let url = format!("{}/authorize", login.identity.issuer());
    let ask = |name: &'static str, value: &'static str| {
        let mut request = login.request();
        request.retain(|(known, _)| *known != name);
        request.push((name, value.into()));
        login.http.get(&url).query(&request).send()
    };
    for (name, value) in [
        ("client_id", "somebody"),
        ("redirect_uri", "http://127.0.0.1:3000/auth/callback/acme/"),
    ] {
        let answer = ask(name, value).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{name}");
        assert!(!answer.headers().contains_key("location"));
    }
    for (name, value) in [
        ("response_type", "token"),
        ("code_challenge_method", "plain"),
        ("scope", "email"),
    ] {
        let answer = ask(name, value).await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(
            location.starts_with(CALLBACK) && location.contains("error="),
            "{location}"
        );
        assert!(location.contains("state=the+state"), "{location}");
    }
}
