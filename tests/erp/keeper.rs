//! The keeper of the books: makes customers and invoices in Tryton, as a person does in its client.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::servers::Server;

/// The only company of the database.
const COMPANY: i64 = 1;
/// Longer than Tryton takes for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Keeper {
    client: reqwest::Client,
    url: String,
    login: [String; 2],
    books: Books,
}

/// Where an invoice is booked.
#[derive(Clone, Copy, Default)]
struct Books {
    currency: i64,
    journal: i64,
    receivable: i64,
    revenue: i64,
}

/// A party of Tryton.
#[derive(Clone, Copy, Debug)]
pub struct Customer {
    party: i64,
    address: i64,
}

impl Keeper {
    pub async fn at(tryton: &Server) -> Keeper {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Nothing is encrypted on loopback, but a client is not made without.
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let login = [tryton.told("KEEPER"), tryton.password()];
        let mut keeper = Keeper {
            client,
            url: format!("{}/{}/rpc/", tryton.told("ADDRESS"), tryton.database()),
            login: login.map(str::to_owned),
            books: Books::default(),
        };
        let open = json!(["closed", "!=", true]);
        let owed = json!(["party_required", "=", true]);
        keeper.books = Books {
            currency: keeper.first("currency.currency", json!([])).await,
            journal: keeper
                .first("account.journal", json!([["type", "=", "revenue"]]))
                .await,
            receivable: keeper
                .first(
                    "account.account",
                    json!([["type.receivable", "=", true], open, owed]),
                )
                .await,
            revenue: keeper
                .first(
                    "account.account",
                    json!([["type.revenue", "=", true], open]),
                )
                .await,
        };
        keeper
    }

    /// Calls a method of a model; the last parameter is the company whose books are meant.
    async fn call(&self, model: &str, method: &str, parameters: Value) -> Value {
        let mut parameters = parameters.as_array().unwrap().clone();
        parameters.push(json!({"company": COMPANY}));
        let method = format!("model.{model}.{method}");
        let question = json!({"id": 1, "method": method, "params": parameters});
        let [user, password] = &self.login;
        let request = self.client.post(&self.url).json(&question);
        let request = request.basic_auth(user, Some(password));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method}: {status}: {text}");
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn first(&self, model: &str, domain: Value) -> i64 {
        let found = self
            .call(model, "search", json!([domain, 0, 1, [["id", "ASC"]]]))
            .await;
        found[0].as_i64().unwrap()
    }

    async fn read(&self, model: &str, id: i64, field: &str) -> Value {
        let read = self.call(model, "read", json!([[id], [field]])).await;
        read[0][field].clone()
    }

    /// A customer with a mobile number.
    pub async fn customer(&self, name: &str, mobile: &str) -> Customer {
        let values = json!([{
            "name": name,
            "addresses": [["create", [{"street": "Bağdat Caddesi"}]]],
            "contact_mechanisms": [["create", [{"type": "mobile", "value": mobile}]]],
        }]);
        let made = self.call("party.party", "create", json!([values])).await;
        let party = made[0].as_i64().unwrap();
        let addresses = self.read("party.party", party, "addresses").await;
        Customer {
            party,
            address: addresses[0].as_i64().unwrap(),
        }
    }

    /// Many at once, as an import would: `name` and a number for each.
    pub async fn import(&self, customers: impl Iterator<Item = (String, String)>) {
        let values: Vec<Value> = customers
            .map(|(name, mobile)| {
                let number = json!({"type": "mobile", "value": mobile});
                json!({"name": name, "contact_mechanisms": [["create", [number]]]})
            })
            .collect();
        self.call("party.party", "create", json!([values])).await;
    }

    pub async fn rename(&self, customer: Customer, name: &str) {
        let change = json!([[customer.party], {"name": name}]);
        self.call("party.party", "write", change).await;
    }

    pub async fn archive(&self, customer: Customer) {
        let change = json!([[customer.party], {"active": false}]);
        self.call("party.party", "write", change).await;
    }

    pub async fn delete(&self, customer: Customer) {
        self.call("party.party", "delete", json!([[customer.party]]))
            .await;
    }

    pub async fn add_phone(&self, customer: Customer, number: &str) {
        let values = json!([[{"party": customer.party, "type": "phone", "value": number}]]);
        self.call("party.contact_mechanism", "create", values).await;
    }

    /// When Tryton says that the customer was changed last.
    pub async fn changed(&self, customer: Customer) -> String {
        let changed = self.read("party.party", customer.party, "_timestamp").await;
        changed.as_str().unwrap().to_owned()
    }

    /// An invoice over one line, posted to the books today.
    pub async fn invoice(&self, customer: Customer, amount: &str) {
        let books = self.books;
        let today = jiff::Zoned::now().date();
        let (year, month, day) = (today.year(), today.month(), today.day());
        let line = json!({
            "type": "line", "account": books.revenue, "currency": books.currency, "description": "Masa",
            "quantity": 1, "unit_price": {"__class__": "Decimal", "decimal": amount},
        });
        let values = json!([[{
            "type": "out", "company": COMPANY, "currency": books.currency, "journal": books.journal,
            "party": customer.party, "invoice_address": customer.address, "account": books.receivable,
            "invoice_date": {"__class__": "date", "year": year, "month": month, "day": day},
            "lines": [["create", [line]]],
        }]]);
        let invoice = self.call("account.invoice", "create", values).await;
        self.call("account.invoice", "post", json!([invoice])).await;
    }
}
