//! What the stand-in answers to a request: the API's routes, their refusals and their shapes.
//!
//! Pure but for the book: a request goes in, an answer comes out, and a card may have been recorded. The
//! checks come in Hipcall's order: token, quota, route, call, content. Only a taken request tells the
//! quota in its headers; a refused one leaves the client to remember it.

use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::User;
use super::book::{Book, CallRecord};
use super::limits::Allowance;
use super::query::{ListQuery, ListShape, Order, check_date, check_none};
use super::rules::{read_card, read_comment};

/// A prefix of tokens that Hipcall takes or leaves.
const TOKEN_PREFIX: &str = "SFMyNTY.";
const API: &str = "/api/v3";

const USERS: ListShape = ListShape {
    sorts: &["id", "email", "full_name"],
    filters_by_start: false,
};
const CALLS: ListShape = ListShape {
    sorts: &["started_at"],
    filters_by_start: true,
};

/// Who may ask, and who is known.
pub(super) struct Account {
    pub(super) token: String,
    pub(super) users: Vec<User>,
    pub(super) plan: Plan,
}

/// What the account pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub api: bool,
    pub webhook: bool,
}

impl Plan {
    pub const WHOLE: Plan = Plan {
        api: true,
        webhook: true,
    };
}

pub(super) struct Question<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) allowance: Option<Allowance>,
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: Value) -> Answer {
        Answer {
            status,
            body,
            allowance: None,
        }
    }

    /// A refusal in the words of its status; Hipcall's own where they are known.
    pub(super) fn refusal(status: StatusCode) -> Answer {
        let detail = match status {
            StatusCode::TOO_MANY_REQUESTS => "Too many requests. Please try again later.",
            other => other.canonical_reason().unwrap_or("Unknown error"),
        };
        Answer::new(status, json!({"errors": {"detail": detail}}))
    }

    fn unauthorized(detail: &str) -> Answer {
        let body = json!({"errors": {"detail": detail}});
        Answer::new(StatusCode::UNAUTHORIZED, body)
    }

    fn unprocessable(body: Value) -> Answer {
        Answer::new(StatusCode::UNPROCESSABLE_ENTITY, body)
    }

    fn ok(body: Value) -> Answer {
        Answer::new(StatusCode::OK, body)
    }

    fn not_found() -> Answer {
        Answer::refusal(StatusCode::NOT_FOUND)
    }
}

/// Whether a path is the API's, and so subject to scripted faults.
pub(super) fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

pub(super) fn answer(book: &mut Book, account: &Account, question: &Question<'_>) -> Answer {
    if question.path == "/" && [Method::GET, Method::HEAD].contains(question.method) {
        return Answer::ok(json!({"data": "Hipcall stand-in"}));
    }
    if let Err(refused) = authorize(&account.token, question.headers) {
        return refused;
    }
    let now = book.now();
    let Some(allowance) = book.window.take(now) else {
        return Answer::refusal(StatusCode::TOO_MANY_REQUESTS);
    };
    if !accepts_json(question.headers) {
        return Answer::refusal(StatusCode::NOT_ACCEPTABLE);
    }
    let mut answer = route(book, account, question);
    answer.allowance = answer.status.is_success().then_some(allowance);
    answer
}

fn authorize(token: &str, headers: &HeaderMap) -> Result<(), Answer> {
    const NO_HEADER: &str = "Authentication required...";
    const BAD_TOKEN: &str = "Not authorized. Check your API token is valid and not expired.";
    let header = headers.get(AUTHORIZATION);
    let header = header.ok_or_else(|| Answer::unauthorized(NO_HEADER))?;
    let given = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| bare(token));
    if given == Some(bare(token)) {
        Ok(())
    } else {
        Err(Answer::unauthorized(BAD_TOKEN))
    }
}

fn bare(token: &str) -> &str {
    token.strip_prefix(TOKEN_PREFIX).unwrap_or(token)
}

/// Without an `Accept` anything goes.
fn accepts_json(headers: &HeaderMap) -> bool {
    const FITTING: [&str; 3] = ["application/json", "application/*", "*/*"];
    let mut accepts = headers.get_all(ACCEPT).iter().peekable();
    accepts.peek().is_none()
        || accepts
            .filter_map(|accept| accept.to_str().ok())
            .flat_map(|text| text.split(','))
            .any(|kind| FITTING.contains(&media_type(kind).as_str()))
}

/// A media type without its parameters, in lower case.
fn media_type(text: &str) -> String {
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn route(book: &mut Book, account: &Account, question: &Question<'_>) -> Answer {
    let path = question.path.strip_prefix(API).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let reads = [Method::GET, Method::HEAD].contains(question.method);
    let result = match parts[..] {
        ["profile"] if reads => check_none(question.query).map(|()| profile(account)),
        ["users"] if reads => {
            ListQuery::parse(question.query, &USERS).map(|query| users(account, &query))
        }
        ["calls"] if reads => {
            ListQuery::parse(question.query, &CALLS).map(|query| calls(book, &query))
        }
        ["calls", uuid] if reads => check_date(question.query).map(|()| one_call(book, uuid)),
        ["calls", uuid, "cards"] if reads => {
            check_none(question.query).map(|()| read_back(book, uuid))
        }
        ["calls", uuid, "cards"] if question.method == Method::POST => {
            check_none(question.query).map(|()| post_card(book, uuid, question))
        }
        ["calls", uuid, "comments"] if question.method == Method::POST => {
            check_none(question.query).map(|()| post_comment(book, uuid, question))
        }
        _ => Ok(Answer::not_found()),
    };
    result.unwrap_or_else(Answer::unprocessable)
}

fn post_card(book: &mut Book, uuid: &str, question: &Question<'_>) -> Answer {
    if book.call(uuid).is_none() {
        return Answer::not_found();
    }
    if !is_json(question.headers) {
        return Answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    match read_card(question.body) {
        Ok(rows) => {
            book.post(uuid, rows.clone());
            let body = json!({"data": {"call_id": uuid, "card": rows}});
            Answer::new(StatusCode::CREATED, body)
        }
        Err(refusal) => Answer::unprocessable(refusal),
    }
}

/// The shape of the answer is a guess after that to a card: nobody has recorded one.
fn post_comment(book: &mut Book, uuid: &str, question: &Question<'_>) -> Answer {
    if book.call(uuid).is_none() {
        return Answer::not_found();
    }
    if !is_json(question.headers) {
        return Answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    match read_comment(question.body) {
        Ok(content) => {
            book.comment(uuid, content.clone());
            let body = json!({"data": {"call_id": uuid, "content": content}});
            Answer::new(StatusCode::CREATED, body)
        }
        Err(refusal) => Answer::unprocessable(refusal),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    kind.map(media_type).as_deref() == Some("application/json")
}

/// The card that counts: the first.
fn read_back(book: &Book, uuid: &str) -> Answer {
    let Some(call) = book.call(uuid) else {
        return Answer::not_found();
    };
    let card = call.posts.first().map(|posted| posted.rows.clone());
    let card = card.unwrap_or_else(|| json!([]));
    Answer::ok(json!({"data": {"call_id": uuid, "card": card}}))
}

fn profile(account: &Account) -> Answer {
    let user = account.users.first();
    Answer::ok(json!({"data": {
        "account": {"locale": "tr", "timezone": "Europe/Istanbul"},
        "user": {
            "id": user.map(|user| user.id),
            "email": user.map(|user| &user.email),
            "full_name": user.map(|user| &user.full_name),
            "phone_prefix": "TR",
        },
        "capabilities": {"features": {"api": account.plan.api, "webhook": account.plan.webhook}},
    }}))
}

fn users(account: &Account, query: &ListQuery) -> Answer {
    let mut users: Vec<&User> = account.users.iter().collect();
    if let Some((field, order)) = &query.sort {
        match field.as_str() {
            "email" => users.sort_by(|a, b| a.email.cmp(&b.email)),
            "full_name" => users.sort_by(|a, b| a.full_name.cmp(&b.full_name)),
            _ => users.sort_by_key(|user| user.id),
        }
        if *order == Order::Descending {
            users.reverse();
        }
    }
    let users = users.into_iter().map(|user| {
        let User {
            id,
            email,
            full_name,
        } = user;
        json!({"id": id, "email": email, "full_name": full_name})
    });
    Answer::ok(query.page(users.collect()))
}

fn calls(book: &Book, query: &ListQuery) -> Answer {
    let from = query.started_from.unwrap_or_default();
    let calls = book.calls().filter(|(_, call)| call.started >= from);
    let mut calls: Vec<Value> = calls.map(|(uuid, call)| call_json(uuid, call)).collect();
    if !matches!(query.sort, Some((_, Order::Ascending))) {
        calls.reverse();
    }
    Answer::ok(query.page(calls))
}

fn one_call(book: &Book, uuid: &str) -> Answer {
    match book.call(uuid) {
        Some(call) => Answer::ok(json!({"data": call_json(uuid, call)})),
        None => Answer::not_found(),
    }
}

fn call_json(uuid: &str, call: &CallRecord) -> Value {
    let started_at = wire_time(call.started);
    let ended_at = call.ended.and_then(wire_time);
    json!({"uuid": uuid, "started_at": started_at, "ended_at": ended_at})
}

fn wire_time(unix: std::time::Duration) -> Option<String> {
    let seconds = i64::try_from(unix.as_secs()).ok()?;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const UUID: &str = "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10";
    const TITLE: &str = r#"{"card":[{"type":"title","text":"Ayşe"}]}"#;

    struct Office {
        book: Book,
        account: Account,
        headers: HeaderMap,
    }

    impl Office {
        fn new() -> Office {
            let mut book = Book::new(60);
            book.ring(UUID);
            let user = |id: i64, name: &str| User {
                id,
                email: format!("{name}@firma.example"),
                full_name: name.to_owned(),
            };
            let account = Account {
                token: "SFMyNTY.secret".into(),
                users: vec![user(7, "zeynep"), user(9, "ali")],
                plan: Plan::WHOLE,
            };
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Office {
                book,
                account,
                headers,
            }
        }

        fn header(mut self, name: hyper::header::HeaderName, value: &'static str) -> Office {
            self.headers.insert(name, HeaderValue::from_static(value));
            self
        }

        fn ask(&mut self, method: &str, target: &str, body: &str) -> Answer {
            let (path, query) = match target.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (target, None),
            };
            let question = Question {
                method: &Method::from_bytes(method.as_bytes()).unwrap(),
                path,
                query,
                headers: &self.headers,
                body: body.as_bytes(),
            };
            answer(&mut self.book, &self.account, &question)
        }

        fn post(&mut self, body: &str) -> Answer {
            self.ask("POST", &cards(UUID), body)
        }
    }

    fn cards(uuid: &str) -> String {
        format!("/api/v3/calls/{uuid}/cards")
    }

    fn detail(answer: &Answer) -> &str {
        answer.body["errors"]["detail"].as_str().unwrap()
    }

    #[test]
    fn a_card_is_answered_as_hipcall_does_and_reads_back() {
        let mut office = Office::new();
        assert_eq!(
            office.ask("GET", &cards(UUID), "").body["data"]["card"],
            json!([])
        );
        let answer = office.post(TITLE);
        let expected =
            json!({"data": {"call_id": UUID, "card": [{"type": "title", "text": "Ayşe"}]}});
        assert_eq!((answer.status.as_u16(), &answer.body), (201, &expected));
        let second = office.post(r#"{"card":[]}"#);
        assert_eq!(second.status.as_u16(), 201);
        let back = office.ask("GET", &cards(UUID), "");
        assert_eq!((back.status.as_u16(), &back.body), (200, &expected));
        assert_eq!(office.book.call(UUID).unwrap().posts.len(), 2);
    }

    #[test]
    fn a_refused_card_is_not_recorded() {
        let mut office = Office::new();
        let answer = office.post(r#"{"card":[{"type":"title","text":"a","label":null}]}"#);
        assert_eq!(answer.status.as_u16(), 422);
        assert_eq!(office.post("{").status.as_u16(), 422);
        assert!(office.book.call(UUID).unwrap().posts.is_empty());
    }

    #[test]
    fn a_comment_is_taken_and_a_bad_one_refused() {
        let comments = format!("/api/v3/calls/{UUID}/comments");
        let mut office = Office::new();
        for (body, status) in [
            (r#"{"content":"Ayşe aradı"}"#, 201),
            (r#"{"content":""}"#, 422),
            (r#"{"content":" "}"#, 422),
            (r#"{"content":null}"#, 422),
            (r#"{"content":7}"#, 422),
            (r#"{"comment":"a"}"#, 422),
            (r#"{"content":"a","user_id":1}"#, 422),
            ("[]", 422),
            ("{", 422),
        ] {
            let answer = office.ask("POST", &comments, body);
            assert_eq!(answer.status.as_u16(), status, "{body}");
        }
        let taken = &office.book.call(UUID).unwrap().comments;
        assert_eq!((taken.len(), taken[0].content.as_str()), (1, "Ayşe aradı"));
        let unknown = office.ask("POST", "/api/v3/calls/unknown/comments", "{}");
        assert_eq!(unknown.status.as_u16(), 404);
        assert_eq!(office.ask("GET", &comments, "").status.as_u16(), 404);
        let mut plain = Office::new().header(CONTENT_TYPE, "text/plain");
        let refused = plain.ask("POST", &comments, r#"{"content":"a"}"#);
        assert_eq!(refused.status.as_u16(), 415);
    }

    #[test]
    fn without_the_token_nothing_is_answered() {
        let mut office = Office::new();
        office.headers.remove(AUTHORIZATION);
        let answer = office.post(TITLE);
        assert_eq!(answer.status.as_u16(), 401);
        assert_eq!(detail(&answer), "Authentication required...");
        for bad in [
            "Bearer wrong",
            "Bearer ",
            "Bearer",
            "secret",
            "Basic secret",
            "Bearer secret ",
        ] {
            let mut office = Office::new().header(AUTHORIZATION, bad);
            let answer = office.post(TITLE);
            assert_eq!(answer.status.as_u16(), 401, "{bad}");
            assert_eq!(
                detail(&answer),
                "Not authorized. Check your API token is valid and not expired."
            );
            assert!(office.book.call(UUID).unwrap().posts.is_empty());
        }
    }

    #[test]
    fn the_token_prefix_is_optional() {
        for good in ["Bearer secret", "Bearer SFMyNTY.secret", "bearer secret"] {
            let mut office = Office::new().header(AUTHORIZATION, good);
            assert_eq!(office.post(TITLE).status.as_u16(), 201, "{good}");
        }
    }

    #[test]
    fn only_json_is_taken_and_given() {
        for (kind, status) in [
            ("application/json; charset=utf-8", 201),
            ("Application/JSON", 201),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
        ] {
            let mut office = Office::new().header(CONTENT_TYPE, kind);
            assert_eq!(office.post(TITLE).status.as_u16(), status, "{kind}");
        }
        let mut office = Office::new();
        office.headers.remove(CONTENT_TYPE);
        assert_eq!(office.post(TITLE).status.as_u16(), 415);
        for (accept, status) in [
            ("application/json", 201),
            ("text/html, */*;q=0.1", 201),
            ("text/html", 406),
        ] {
            let mut office = Office::new().header(ACCEPT, accept);
            assert_eq!(office.post(TITLE).status.as_u16(), status, "{accept}");
        }
    }

    #[test]
    fn what_does_not_exist_is_not_found() {
        for (method, target) in [
            ("POST", cards("9b8a60d3-02c5-4a5e-8f2e-1c0d7f9d4e21")),
            ("GET", cards("9b8a60d3-02c5-4a5e-8f2e-1c0d7f9d4e21")),
            ("PUT", cards(UUID)),
            ("DELETE", cards(UUID)),
            ("POST", format!("/api/v2/calls/{UUID}/cards")),
            ("POST", format!("/api/v3/calls/{UUID}/cards/")),
            ("GET", "/api/v3/calls/unknown".into()),
            ("POST", "/api/v3/users".into()),
            ("GET", "/api/v3".into()),
            ("POST", "/".into()),
        ] {
            let answer = Office::new().ask(method, &target, TITLE);
            assert_eq!(answer.status.as_u16(), 404, "{method} {target}");
            assert_eq!(answer.body, json!({"errors": {"detail": "Not Found"}}));
        }
    }

    #[test]
    fn the_limit_is_told_on_success_and_held() {
        let mut office = Office::new();
        let first = office.post(TITLE).allowance.unwrap();
        assert_eq!((first.limit, first.remaining), (60, 59));
        let refused = office.post("{}");
        assert_eq!((refused.status.as_u16(), refused.allowance), (422, None));
        for _ in 0..58 {
            assert!(office.post(TITLE).status.is_success());
        }
        let refused = office.post(TITLE);
        assert_eq!((refused.status.as_u16(), refused.allowance), (429, None));
        assert_eq!(
            detail(&refused),
            "Too many requests. Please try again later."
        );
        assert_eq!(office.book.call(UUID).unwrap().posts.len(), 59);
        office
            .book
            .let_time_pass(std::time::Duration::from_secs(60));
        assert!(office.post(TITLE).status.is_success());
    }

    #[test]
    fn a_wrong_token_does_not_use_up_the_limit() {
        let mut office = Office::new();
        office.headers.remove(AUTHORIZATION);
        for _ in 0..100 {
            assert_eq!(office.post(TITLE).status.as_u16(), 401);
        }
        let mut office = office.header(AUTHORIZATION, "Bearer secret");
        assert_eq!(office.post(TITLE).allowance.unwrap().remaining, 59);
    }

    #[test]
    fn the_root_answers_without_a_token() {
        let mut office = Office::new();
        office.headers.clear();
        for method in ["GET", "HEAD"] {
            assert_eq!(office.ask(method, "/", "").status.as_u16(), 200);
        }
    }

    #[test]
    fn the_profile_tells_the_features_and_the_home_country() {
        let answer = Office::new().ask("GET", "/api/v3/profile", "");
        let data = &answer.body["data"];
        assert_eq!(
            data["capabilities"]["features"],
            json!({"api": true, "webhook": true})
        );
        assert_eq!(data["user"]["phone_prefix"], "TR");
        assert_eq!(data["user"]["id"], 7);
        assert!(data["account"]["locale"].is_string() && data["account"]["timezone"].is_string());
        let answer = Office::new().ask("GET", "/api/v3/profile?limit=1", "");
        assert_eq!(answer.status.as_u16(), 422);
    }

    #[test]
    fn users_are_listed_in_the_order_asked_for() {
        let ids = |target: &str| {
            let answer = Office::new().ask("GET", target, "");
            let users = answer.body["data"].as_array().unwrap().clone();
            users
                .iter()
                .map(|user| user["id"].as_i64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("/api/v3/users"), [7, 9]);
        assert_eq!(ids("/api/v3/users?sort=full_name.asc"), [9, 7]);
        assert_eq!(ids("/api/v3/users?sort=email.desc"), [7, 9]);
        assert_eq!(ids("/api/v3/users?sort=id.desc&limit=1"), [9]);
        let answer = Office::new().ask("GET", "/api/v3/users?limit=101", "");
        assert_eq!(answer.status.as_u16(), 422);
        let answer = Office::new().ask("GET", "/api/v3/users", "");
        let first = json!({"id": 7, "email": "zeynep@firma.example", "full_name": "zeynep"});
        assert_eq!(answer.body["data"][0], first);
    }

    #[test]
    fn calls_are_listed_newest_first_with_their_times() {
        let mut office = Office::new();
        office
            .book
            .let_time_pass(std::time::Duration::from_secs(90));
        office.book.ring("second");
        office.book.hang_up("second");
        let answer = office.ask("GET", "/api/v3/calls?sort=started_at.desc", "");
        assert_eq!(answer.body["meta"]["count"], 2);
        let newest = answer.body["data"][0].clone();
        assert_eq!(newest["uuid"], "second");
        assert_eq!(newest["started_at"], newest["ended_at"]);
        assert_eq!(answer.body["data"][1]["ended_at"], Value::Null);
        let oldest = office.ask("GET", "/api/v3/calls?sort=started_at.asc&limit=1", "");
        assert_eq!(oldest.body["data"][0]["uuid"], UUID);
        let from = newest["started_at"].as_str().unwrap();
        let later = office.ask("GET", &format!("/api/v3/calls?started_at[gte]={from}"), "");
        assert_eq!(later.body["meta"]["count"], 1);
        let one = office.ask("GET", "/api/v3/calls/second?date=2026-09-01", "");
        assert_eq!(one.body["data"], newest);
        let refused = office.ask("GET", "/api/v3/calls?page=2", "");
        assert_eq!(refused.status.as_u16(), 422);
    }
}
