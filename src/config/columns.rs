//! `[source.columns]`: what the columns of a source mean, by its kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dialling;
use super::reader::{Item, Section};
use crate::domain::changed::DateOrder;
use crate::domain::dialling::Dialling;
use crate::domain::join::JoinBy;
use crate::domain::merge::VALUES;
use crate::domain::money::{Currency, DecimalSign};
use crate::source::json::Extractor;
use crate::source::settings::{
    BalanceColumn, BalanceSign, Kind, Line, Mapping, NumbersColumn, UpdatedColumn,
};

const NUMBERS: &str = "the columns with telephone numbers, such as [\"Mobile\", \"Phone\"]";

/// `kind`, as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Records {
    #[default]
    Contacts,
    Balances,
}

impl Records {
    pub(super) fn parse(text: &str) -> Option<Records> {
        match text {
            "contacts" => Some(Records::Contacts),
            "balances" => Some(Records::Balances),
            _ => None,
        }
    }
}

pub(super) struct Columns {
    pub(super) kind: Kind,
    pub(super) mapping: Mapping,
    /// The sources that balances are said to belong to, each once.
    pub(super) join_to: Vec<String>,
}

pub(super) fn read(
    columns: &Section<'_>,
    records: Records,
    dialling: &Dialling,
) -> Option<Columns> {
    let values = values(columns);
    match records {
        Records::Contacts => Some(Columns {
            kind: Kind::Contacts,
            mapping: contacts(columns, dialling, values),
            join_to: Vec::new(),
        }),
        Records::Balances => balances(columns, values),
    }
}

/// What either kind may have.
fn values(columns: &Section<'_>) -> Mapping {
    Mapping {
        owner: columns.text("owner"),
        vip: columns.text("vip"),
        warning: columns.text("warning"),
        overdue: columns.text("overdue"),
        balance: balance(columns),
        fields: columns.section("fields").map(fields).unwrap_or_default(),
        ..Mapping::default()
    }
}

/// The operator's own. One called like a flag would be taken for it where values are told apart by name.
fn fields(section: Section<'_>) -> BTreeMap<String, String> {
    let fields = section.free_texts();
    for (name, _) in &fields {
        if VALUES.contains(&name.as_str()) {
            let what = "is the name of a value of its own; map it in [source.columns], or choose another name";
            section.wrong_at(name, what);
        }
    }
    fields.into_iter().collect()
}

fn contacts(columns: &Section<'_>, dialling: &Dialling, values: Mapping) -> Mapping {
    let [key, company] = ["key", "company"].map(|k| columns.text(k));
    let name = columns.texts("name");
    if !columns.has("numbers") {
        columns.missing::<()>("numbers", NUMBERS);
    }
    if name.is_empty() && company.is_none() && !columns.has("name") {
        columns.missing::<()>(
            "name",
            "the column with the contact's name (or company = \"...\")",
        );
    }
    refuse(
        columns,
        &["join", "join-by", "join-to"],
        "belongs to a source with kind = \"balances\"",
    );
    Mapping {
        key,
        name,
        company,
        numbers: numbers(columns, dialling),
        customer_code: columns.text("customer-code"),
        tax_number: columns.text("tax-number"),
        email: columns.text("email"),
        updated: updated(columns),
        ..values
    }
}

fn numbers(columns: &Section<'_>, dialling: &Dialling) -> Vec<NumbersColumn> {
    let column = |item| match item {
        Item::Text(column) => Some(NumbersColumn {
            column,
            dialling: dialling.clone(),
            line: Line::Own,
        }),
        Item::Table(table) => {
            let line = match table.flag("switchboard") {
                true => Line::Switchboard,
                false => Line::Own,
            };
            let dialling = dialling::within(&table, dialling);
            let column = table.required_text("column", "the column's name in the first line")?;
            Some(NumbersColumn {
                column,
                dialling,
                line,
            })
        }
    };
    let items = columns.items("numbers").into_iter();
    items.filter_map(column).collect()
}

fn updated(columns: &Section<'_>) -> Option<UpdatedColumn> {
    let order = columns.parse("date-order", DateOrder::ALLOWED, DateOrder::parse);
    let column = columns.text("updated");
    if !columns.has("updated") {
        let what = "needs updated = \"...\", the column with the date";
        refuse(columns, &["date-order"], what);
    }
    Some(UpdatedColumn {
        column: column?,
        order,
    })
}

fn balances(columns: &Section<'_>, values: Mapping) -> Option<Columns> {
    refuse(
        columns,
        &["name", "company", "numbers"],
        "a source of balances names nobody: leave it out, or set kind = \"contacts\"",
    );
    refuse(
        columns,
        &["key", "customer-code", "tax-number", "email"],
        "a source of balances has one id, the column of join: leave this out",
    );
    refuse(
        columns,
        &["updated", "date-order"],
        "belongs to a source with kind = \"contacts\"",
    );
    let join = columns.required_text("join", "the column with the id of the contact");
    let by = columns.required("join-by", JoinBy::ALLOWED, JoinBy::parse);
    let mut join_to: Vec<String> = Vec::new();
    for name in columns.texts("join-to") {
        if !join_to.contains(&name) {
            join_to.push(name);
        }
    }
    let given = ["balance", "vip", "warning", "overdue", "owner", "fields"].map(|k| columns.has(k));
    if !given.contains(&true) {
        let what =
            "at least one of balance, vip, warning, overdue, owner or [source.columns.fields]";
        columns.missing::<()>("balance", what);
    }
    let mapping = Mapping {
        join: Some(join?),
        ..values
    };
    Some(Columns {
        kind: Kind::Balances(by?),
        mapping,
        join_to,
    })
}

fn refuse(columns: &Section<'_>, keys: &[&'static str], what: &str) {
    for key in keys.iter().copied().filter(|k| columns.has(k)) {
        columns.wrong::<()>(key, what);
    }
}

fn balance(columns: &Section<'_>) -> Option<BalanceColumn> {
    let column = columns.text("balance");
    let currency_column = columns.text("currency");
    let currency = columns.parse(
        "default-currency",
        "a currency such as \"TRY\"",
        Currency::parse,
    );
    let decimal = columns.parse("decimal", "\"auto\", \",\" or \".\"", |text| match text {
        "auto" => Some(DecimalSign::Auto),
        "," => Some(DecimalSign::Comma),
        "." => Some(DecimalSign::Point),
        _ => None,
    });
    let sign = columns.parse("balance-sign", BalanceSign::ALLOWED, BalanceSign::parse);
    if column.is_none() {
        if !columns.has("balance") {
            refuse(
                columns,
                &["currency", "default-currency", "decimal", "balance-sign"],
                "needs balance = \"...\", the column with the amount",
            );
        }
        return None;
    }
    if currency_column.is_none() && currency.is_none() && !columns.has("default-currency") {
        columns.missing::<()>(
            "default-currency",
            "the currency of the balances, such as \"TRY\"",
        );
    }
    Some(BalanceColumn {
        column: column?,
        currency_column,
        currency,
        decimal: decimal.unwrap_or_default(),
        sign: sign.unwrap_or_default(),
    })
}

/// The mapping over JSON records, whose columns are members, paths or expressions.
pub(super) fn over_json(columns: &Section<'_>, mapping: &Mapping) -> Option<Arc<Extractor>> {
    match Extractor::new(mapping) {
        Ok(extractor) => Some(Arc::new(extractor)),
        Err(errors) => {
            for error in errors {
                columns.complain(error.to_string());
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{self, problems};
    use crate::domain::phone::Region;

    fn turkish() -> Dialling {
        Dialling::of(Region::parse("TR").unwrap())
    }

    fn mapping(records: Records, text: &str) -> (Kind, Mapping) {
        tests::read(text, |root| {
            let columns = read(root, records, &turkish()).unwrap();
            (columns.kind, columns.mapping)
        })
    }

    fn told(records: Records, text: &str) -> Vec<String> {
        problems(text, |root| drop(read(root, records, &turkish())))
    }

    const FEW: &str = "name = \"Name\"\nnumbers = \"Phone\"\n";

    #[test]
    fn every_column_of_contacts_is_mapped() {
        let text = "key = \"Id\"\nname = [\"Name\", \"Surname\"]\ncompany = \"Company\"\n\
            customer-code = \"Code\"\ntax-number = \"Tax\"\nemail = \"Mail\"\nowner = \"Owner\"\n\
            updated = \"Changed\"\ndate-order = \"dmy\"\nvip = \"VIP\"\nwarning = \"Note\"\n\
            overdue = \"Late\"\nbalance = \"Balance\"\ndefault-currency = \"TRY\"\n\
            balance-sign = \"credit\"\nnumbers = [\"Cep\", { column = \"UK\", region = \"GB\", \
            area-code = \"20\" }, { column = \"Santral\", switchboard = true }]\n\
            [fields]\ncity = \"City\"\n";
        let (kind, mapping) = mapping(Records::Contacts, text);
        assert_eq!(kind, Kind::Contacts);
        let columns: Vec<_> = mapping.columns().collect();
        assert_eq!(
            columns.join(" "),
            "Id Company Code Tax Mail Owner Changed VIP Note Late Name Surname Cep UK Santral Balance City"
        );
        let updated = mapping.updated.unwrap();
        assert_eq!(updated.order, Some(DateOrder::DayFirst));
        assert_eq!(mapping.balance.unwrap().sign, BalanceSign::Credit);
        let [mobile, british, office] = &mapping.numbers[..] else {
            panic!()
        };
        assert_eq!((&mobile.dialling, mobile.line), (&turkish(), Line::Own));
        assert_eq!(british.dialling.region, Region::parse("GB"));
        assert_eq!(british.dialling.area_code.as_ref().unwrap().as_str(), "20");
        assert_eq!(
            (&office.dialling, office.line),
            (&turkish(), Line::Switchboard)
        );
    }

    #[test]
    fn every_column_of_balances_is_mapped() {
        let text = "join = \"Code\"\njoin-by = \"tax-number\"\nwarning = \"Note\"\n";
        let (kind, mapping) = mapping(Records::Balances, text);
        assert_eq!(kind, Kind::Balances(JoinBy::TaxNumber));
        assert_eq!(mapping.columns().collect::<Vec<_>>(), ["Code", "Note"]);
        for value in ["vip", "warning", "overdue", "owner", "fields.x"] {
            let text = format!("join = \"Code\"\njoin-by = \"key\"\n{value} = \"Note\"\n");
            assert_eq!(told(Records::Balances, &text), [""; 0], "{value}");
        }
    }

    #[test]
    fn every_mistake_about_a_column_of_contacts_is_told() {
        let cases = [
            (
                "join = \"a\"",
                "join = \"a\": belongs to a source with kind = \"balances\"",
            ),
            (
                "join-by = \"key\"",
                "join-by = \"key\": belongs to a source with kind = \"balances\"",
            ),
            (
                "join-to = \"crm\"",
                "join-to = \"crm\": belongs to a source with kind = \"balances\"",
            ),
            ("updated = 1", "updated = 1: must be a text in quotes"),
            (
                "date-order = \"dmy\"",
                "date-order = \"dmy\": needs updated = \"...\", the column with the date",
            ),
            (
                "updated = \"a\"\ndate-order = \"ymd\"",
                "date-order = \"ymd\": must be \"dmy\" or \"mdy\"",
            ),
            (
                "balance-sign = \"debit\"",
                "balance-sign = \"debit\": needs balance = \"...\", the column with the amount",
            ),
            (
                "balance = \"a\"\ncurrency = \"b\"\nbalance-sign = \"-\"",
                "balance-sign = \"-\": must be \"debit\" (a positive amount is owed by the customer) or \
                 \"credit\" (owed to them)",
            ),
        ];
        for (line, expected) in cases {
            let told = told(Records::Contacts, &format!("{FEW}{line}\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].ends_with(expected), "{told:?}");
        }
        let numbers = |value: &str| {
            let text = format!("name = \"Name\"\nnumbers = {value}\n");
            told(Records::Contacts, &text)
        };
        assert_eq!(
            numbers("[\"Cep\", { switchboard = \"yes\", colour = 1 }]"),
            [
                "line 2: numbers.2.switchboard = \"yes\": must be true or false, without quotes",
                "line 2: numbers.2.column: is missing; give the column's name in the first line",
                "line 2: numbers.2.colour: no such key; here there can be: area-code, column, \
                 international-prefix, region, switchboard, trunk-prefix",
            ]
        );
        assert_eq!(
            told(Records::Contacts, "name = \"Name\""),
            [format!("line 1: numbers: is missing; give {NUMBERS}")]
        );
    }

    #[test]
    fn a_field_may_not_be_called_like_a_value_of_its_own() {
        for value in VALUES {
            let text = format!("{FEW}[fields]\n{value} = \"X\"\ncity = \"City\"\n");
            let expected = format!(
                "line 4: fields.{value} = \"X\": is the name of a value of its own; map it in \
                 [source.columns], or choose another name"
            );
            assert_eq!(told(Records::Contacts, &text), [expected]);
        }
    }

    #[test]
    fn every_mistake_about_a_column_of_balances_is_told() {
        let good = "join = \"Code\"\njoin-by = \"key\"\nvip = \"VIP\"\n";
        for key in ["name", "company", "numbers"] {
            let told = told(Records::Balances, &format!("{good}{key} = \"x\"\n"));
            let expected = format!(
                "line 4: {key} = \"x\": a source of balances names nobody: leave it out, or set kind = \
                 \"contacts\""
            );
            assert_eq!(told, [expected]);
        }
        for key in ["key", "customer-code", "tax-number", "email"] {
            let told = told(Records::Balances, &format!("{good}{key} = \"x\"\n"));
            assert_eq!(
                told,
                [format!(
                    "line 4: {key} = \"x\": a source of balances has one id, the column of join: leave this out"
                )]
            );
        }
        let told = told(Records::Balances, "updated = \"x\"\njoin-by = \"name\"\n");
        assert_eq!(
            told,
            [
                "line 1: updated = \"x\": belongs to a source with kind = \"contacts\"",
                "line 1: join: is missing; give the column with the id of the contact",
                "line 1: balance: is missing; give at least one of balance, vip, warning, overdue, owner or \
                 [source.columns.fields]",
                &format!("line 2: join-by = \"name\": must be {}", JoinBy::ALLOWED),
            ]
        );
    }
}
