//! `[auth]` and `[login]`: how a connector proves who we are.

use super::super::reader::Section;
use super::compile::{Compiler, When};
use super::object;
use crate::source::api::description::{Auth, Login, OAuth};

const KINDS: &str = "\"none\", \"bearer\", \"basic\", \"header\", \"query\", \"oauth-client-credentials\" or \
    \"oauth-refresh-token\"";

#[derive(Clone, Copy)]
enum Kind {
    None,
    Bearer,
    Basic,
    Header,
    Query,
    ClientCredentials,
    RefreshToken,
}

impl Kind {
    fn parse(text: &str) -> Option<Kind> {
        Some(match text {
            "none" => Kind::None,
            "bearer" => Kind::Bearer,
            "basic" => Kind::Basic,
            "header" => Kind::Header,
            "query" => Kind::Query,
            "oauth-client-credentials" => Kind::ClientCredentials,
            "oauth-refresh-token" => Kind::RefreshToken,
            _ => return None,
        })
    }
}

/// The outer `None` where something is wrong, the inner one where there is no login.
pub(super) fn read(
    root: &Section<'_>,
    compiler: &mut Compiler<'_>,
) -> (Option<Auth>, Option<Option<Login>>) {
    let auth = root
        .required_section("auth")
        .and_then(|section| auth(&section, compiler));
    let login = match root.section("login") {
        Some(section) => login(&section, compiler).map(Some),
        None => (!root.has("login")).then_some(None),
    };
    (auth, login)
}

fn auth(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let Some(kind) = section.required("kind", KINDS, Kind::parse) else {
        section.hush();
        return None;
    };
    let name = |allowed: &str| match section.has("name") {
        true => compiler_now(section, compiler),
        false => section.missing("name", allowed),
    };
    match kind {
        Kind::None => Some(Auth::None),
        Kind::Bearer => {
            let token = compiler.credential(section, "token", "\"{{ secrets.NAME }}\"")?;
            Some(Auth::Bearer(token))
        }
        Kind::Basic => {
            let user = compiler.credential(section, "user", "the user");
            let password = compiler.credential(section, "password", "\"{{ secrets.NAME }}\"");
            Some(Auth::Basic {
                user: user?,
                password: password?,
            })
        }
        Kind::Header | Kind::Query => {
            let name = name("the name of the header or parameter");
            let value = compiler.credential(section, "value", "\"{{ secrets.NAME }}\"");
            let (name, value) = (name?, value?);
            Some(match kind {
                Kind::Header => Auth::Header { name, value },
                _ => Auth::Query { name, value },
            })
        }
        Kind::ClientCredentials => oauth(section, compiler, false),
        Kind::RefreshToken => oauth(section, compiler, true),
    }
}

fn compiler_now(section: &Section<'_>, compiler: &Compiler<'_>) -> Option<String> {
    compiler.now(section, "name")
}

fn oauth(section: &Section<'_>, compiler: &mut Compiler<'_>, refreshes: bool) -> Option<Auth> {
    let refresh_token = match refreshes {
        true => Some(compiler.credential(section, "refresh-token", "\"{{ secrets.NAME }}\"")),
        false => None,
    };
    let token_url = compiler.required(section, "token-url", "where tokens come from", When::Login);
    let client_id = compiler.credential(section, "client-id", "the client's id");
    let client_secret = compiler.text(section, "client-secret", When::Login);
    if let Some(secret) = &client_secret {
        compiler.note(secret);
    }
    let client_auth = section.parse("client-auth", "\"form\" or \"basic\"", |text| match text {
        "form" => Some(false),
        "basic" => Some(true),
        _ => None,
    });
    let scope = compiler.text(section, "scope", When::Login);
    let form = compiler.pairs(section, "form", When::Login);
    let capture = compiler.capture(section, "capture");
    let scheme = section
        .text("authorization")
        .unwrap_or_else(|| "Bearer".to_owned());
    Some(Auth::OAuth(Box::new(OAuth {
        refresh_token: match refresh_token {
            Some(token) => Some(token?),
            None => None,
        },
        token_url: token_url?,
        client_id: client_id?,
        client_secret,
        client_in_header: client_auth.unwrap_or(false),
        scope,
        form,
        capture,
        scheme,
    })))
}

fn login(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Login> {
    let request = section.required_section("request").and_then(|request| {
        let read = object::request(&request, compiler, When::Always);
        read.inspect(|request| {
            for text in request.texts() {
                compiler.note(text);
            }
        })
    });
    let capture = compiler.capture(section, "capture");
    let headers = compiler.pairs(section, "headers", When::Always);
    for (_, text) in &headers {
        compiler.note(text);
    }
    Some(Login {
        request: request?,
        capture,
        headers,
    })
}
