//! A request with everything filled in: address, headers, credential, body.
//!
//! The credential goes only where the description says, over https, but for hosts on this machine and for
//! connectors that allow http.

use std::collections::BTreeMap;
use std::net::IpAddr;

use minijinja::context;
use minijinja::value::Value as Names;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};

use super::ask::{Wish, host_of};
use super::description::{ApiSettings, Auth, Body, Connector, Method};
use super::error::ApiError;
use super::session::Session;
use super::template::Templates;

pub(super) struct Prepared {
    method: reqwest::Method,
    pub(super) url: Url,
    headers: HeaderMap,
    body: Payload,
}

enum Payload {
    None,
    Json(Vec<u8>),
    Form(String),
}

impl Prepared {
    pub(super) fn host(&self) -> String {
        host_of(&self.url)
    }

    /// A form to an address, as logins want it.
    pub(super) fn form(url: Url, form: &[(String, String)]) -> Prepared {
        Prepared {
            method: reqwest::Method::POST,
            url,
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            body: Payload::Form(encoded(form)),
        }
    }

    pub(super) fn header(&mut self, name: HeaderName, text: &str) -> Result<(), ApiError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| ApiError::Address {
            place: "a header",
            what: format!("{name} has a sign that headers can't have"),
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    pub(super) fn build(self, client: &reqwest::Client) -> RequestBuilder {
        let request = client.request(self.method, self.url).headers(self.headers);
        match self.body {
            Payload::None => request,
            Payload::Json(body) => request
                .header("content-type", "application/json")
                .body(body),
            Payload::Form(body) => request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body),
        }
    }
}

pub(super) fn prepare(
    settings: &ApiSettings,
    session: &Session,
    names: &Names,
    wish: Wish<'_>,
) -> Result<Prepared, ApiError> {
    let connector = &settings.connector;
    let (templates, request) = (&connector.templates, wish.request);
    let own = templates.text(&request.url, names)?;
    let own = || address("url", &own, connector.allow_http);
    let next = wish.place.and_then(|place| place.url.as_deref());
    let mut url = match next {
        // The link holds the query.
        Some(next) => address("the next page", next, connector.allow_http)?,
        None => own()?,
    };
    if next.is_none() {
        let query = templates.pairs(&request.query, names)?;
        append(&mut url, &query);
    }
    let mut prepared = Prepared {
        method: match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        },
        url,
        headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
        body: match &request.body {
            Body::None => Payload::None,
            Body::Json(shape) => {
                Payload::Json(templates.shape(shape, names)?.to_string().into_bytes())
            }
            Body::Form(form) => Payload::Form(encoded(&templates.pairs(form, names)?)),
        },
    };
    let after_login = connector.login.iter().filter(|_| session.is_logged_in);
    let headers = after_login
        .flat_map(|login| &login.headers)
        .chain(&request.headers);
    for (name, text) in headers {
        let value = templates.text(text, names)?;
        if !value.is_empty() {
            prepared.header(header_name(name)?, &value)?;
        }
    }
    authorise(settings, session, names, &mut prepared)?;
    Ok(prepared)
}

fn authorise(
    settings: &ApiSettings,
    session: &Session,
    names: &Names,
    prepared: &mut Prepared,
) -> Result<(), ApiError> {
    let text = |text| settings.connector.templates.text(text, names);
    match &settings.connector.auth {
        Auth::None => Ok(()),
        Auth::Bearer(token) => prepared.header(AUTHORIZATION, &format!("Bearer {}", text(token)?)),
        Auth::Basic { user, password } => {
            prepared.header(AUTHORIZATION, &basic(&text(user)?, &text(password)?))
        }
        Auth::Header { name, value } => prepared.header(header_name(name)?, &text(value)?),
        Auth::Query { name, value } => {
            let pair = (name.clone(), text(value)?);
            append(&mut prepared.url, &[pair]);
            Ok(())
        }
        Auth::OAuth(oauth) => match &session.token {
            Some(token) => {
                prepared.header(AUTHORIZATION, &format!("{} {}", oauth.scheme, token.text))
            }
            None => Ok(()),
        },
    }
}

pub(super) fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}

fn header_name(name: &str) -> Result<HeaderName, ApiError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| ApiError::Address {
        place: "a header",
        what: format!("{name} is no header's name"),
    })
}

fn append(url: &mut Url, query: &[(String, String)]) {
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
}

fn encoded(form: &[(String, String)]) -> String {
    // The only encoder of forms at hand is that of addresses.
    let mut url = Url::parse("http://form").ok();
    if let Some(url) = &mut url {
        append(url, form);
    }
    let query = url.as_ref().and_then(Url::query);
    query.unwrap_or_default().to_owned()
}

impl Connector {
    /// What is wrong with the address that everything is read from, as far as it is known without a login.
    pub fn wrong_address(&self, with: &BTreeMap<String, String>) -> Option<String> {
        let names = context! { with => Templates::named(with) };
        let url = &self.object.everything.request.url;
        // A secret in it can only be in its path.
        let secrets: BTreeMap<String, String> = url
            .secrets()
            .iter()
            .map(|s| (s.clone(), "x".into()))
            .collect();
        let names = context! { secrets => Templates::named(&secrets), ..names };
        let text = self.templates.text(url, &names).ok()?;
        match address("url", &text, self.allow_http) {
            Err(ApiError::Address { what, .. }) => Some(what),
            _ => None,
        }
    }
}

/// An address that a credential may be sent to.
pub(super) fn address(place: &'static str, text: &str, allow_http: bool) -> Result<Url, ApiError> {
    let wrong = |what: &str| ApiError::Address {
        place,
        what: what.to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|e| wrong(&e.to_string()))?;
    let host = url.host_str().ok_or_else(|| wrong("it has no host"))?;
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_near = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_near || allow_http => Ok(url),
        "http" => Err(wrong(
            "it must begin with https://; where whoever is in the network may read along, a connector says \
             allow-http = true",
        )),
        _ => Err(wrong("it must begin with https://")),
    }
}

/// The address of a next page or of changes, which must be on the host that gave it: the credential goes along.
pub(super) fn on_the_same_host(base: &Url, next: &str) -> Result<Url, ApiError> {
    let url = base.join(next).map_err(|e| ApiError::Address {
        place: "the next page",
        what: e.to_string(),
    })?;
    match url.origin() == base.origin() {
        true => Ok(url),
        false => Err(ApiError::OtherHost {
            host: host_of(base),
            other: host_of(&url),
        }),
    }
}
