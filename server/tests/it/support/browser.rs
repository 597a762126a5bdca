//! Somebody's browser: one for the program's own router, and one for providers out there on loopback.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use tower::ServiceExt as _;
use url::Url;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Page {
    /// A header as text; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a plain header"))
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        assert!(
            (300..400).contains(&self.status),
            "no redirect but {}: {}",
            self.status,
            self.body
        );
        self.header("location")
    }
}

/// A browser with cookies, in front of our router.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// Follows a link.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(
            Request::get(path).header(header::ACCEPT, "text/html"),
            String::new(),
        )
        .await
    }

    /// Sends a form of our own pages, by script.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.send(request, body).await
    }

    /// Whether somebody is logged in.
    pub async fn is_logged_in(&mut self) -> bool {
        let header = self.post("/ui/account/header", &[]).await;
        match header.status {
            200 => true,
            401 => false,
            other => panic!("{other}: {}", header.body),
        }
    }

    /// Sends any request and reads the whole answer.
    pub async fn send(&mut self, request: axum::http::request::Builder, body: impl Into<Body>) -> Page {
        let (parts, body) = self.begin(request, body).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("a whole answer");
        Page {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Sends any request; the answer may be endless.
    pub async fn begin(
        &mut self,
        request: axum::http::request::Builder,
        body: impl Into<Body>,
    ) -> axum::response::Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.body(body.into()).expect("a request");
        if !cookies.is_empty() {
            let cookies = cookies.join("; ").parse().expect("cookies are plain text");
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        let answer = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("routers always answer");
        keep(&mut self.cookies, answer.headers());
        answer
    }
}

fn keep(cookies: &mut BTreeMap<String, String>, headers: &HeaderMap) {
    for cookie in headers.get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().expect("a plain cookie");
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').expect("a name and a value");
        if value.is_empty() || attributes.to_lowercase().contains("max-age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Does what a person does at an identity provider: follows redirects and fills in the forms that it shows, until the
/// provider sends the browser home. Answers with that address.
pub async fn at_the_provider(start: &str, home: &Url, fill: &[(&str, &str)]) -> Url {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // Some providers hang up after a form without saying so.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    let mut cookies = BTreeMap::new();
    let (mut method, mut address, mut form) =
        (Method::GET, Url::parse(start).expect("an address"), Vec::new());
    for _ in 0..20 {
        if address.origin() == home.origin() {
            return address;
        }
        let said: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = client
            .request(method.clone(), address.clone())
            .header(header::COOKIE, said.join("; "));
        if method == Method::POST {
            request = request.form(&form);
        }
        let answer = request.send().await.expect("the provider answers");
        keep(&mut cookies, answer.headers());
        if answer.status().is_redirection() {
            let location = answer
                .headers()
                .get(header::LOCATION)
                .expect("where to")
                .to_str()
                .expect("plain");
            address = address.join(location).expect("an address");
            (method, form) = (Method::GET, Vec::new());
            continue;
        }
        let status = answer.status();
        let page = answer.text().await.expect("a page");
        assert!(
            status.is_success(),
            "the provider answers {address} with {status}: {page}"
        );
        let action;
        (action, form) = fields(&page);
        form.extend(
            fill.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        address = address.join(&action).expect("an address");
        method = Method::POST;
    }
    panic!("the provider keeps asking at {address}");
}

/// The first form of a page: where it goes, and its hidden fields.
fn fields(page: &str) -> (String, Vec<(String, String)>) {
    let (_, form) = page
        .split_once("<form")
        .unwrap_or_else(|| panic!("a page with a form: {page}"));
    let (tag, form) = form.split_once('>').expect("a whole tag");
    let form = form.split("</form").next().unwrap_or_default();
    let hidden = form
        .split("<input")
        .skip(1)
        .filter_map(|input| input.split('>').next())
        .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    (
        attribute(tag, "action").expect("where the form goes"),
        hidden.collect(),
    )
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
