//! The keys of `[source.columns]`.

use super::{Form, Key, Place, Table};

pub(super) const COLUMNS: Table = Table::new(
    "columns",
    "source.columns",
    Form::Table,
    &[
        Key::new("key", "the source's own id of the record; of two with one id, the later is rejected")
            .allowed("a column")
            .example("\"Cari Kodu\"")
            .place(Place::Needed),
        Key::new("name", "the contact's name; several columns are joined with a blank")
            .allowed("a column or a list")
            .without("this or `company` is required")
            .example("\"Ad Soyad\"")
            .place(Place::Needed),
        Key::new("company", "the company")
            .allowed("a column")
            .example("\"Firma\"")
            .place(Place::Needed),
        Key::new("numbers", "telephone numbers, 16 of a contact at most")
            .allowed("a column, a table, or a list of these")
            .required()
            .example("[\"Cep\", \"Telefon\"]")
            .place(Place::Needed),
        Key::new("balance", "the account balance")
            .allowed("a column")
            .example("\"Bakiye\"")
            .place(Place::Usual),
        Key::new("currency", "the currency of the balance")
            .allowed("a column")
            .without("this or the next is required, with `balance`")
            .example("\"Döviz\"")
            .place(Place::Usual),
        Key::new("default-currency", "the currency where the cell names none")
            .allowed("`\"TRY\"` and so on")
            .without("none")
            .example("\"TRY\"")
            .place(Place::Usual),
        Key::new("decimal", "which sign separates the fraction")
            .allowed("`\",\"`, `\".\"`, `\"auto\"`")
            .default("\"auto\"")
            .example("\",\"")
            .place(Place::Usual),
        Key::new("balance-sign", "what a positive amount means: owed by the customer, or to them")
            .allowed("`\"debit\"`, `\"credit\"`")
            .default("\"debit\""),
        Key::new("owner", "the e-mail address of the colleague who looks after the contact")
            .allowed("a column")
            .example("\"Temsilci\"")
            .place(Place::Usual),
        Key::new("vip", "a flag: the agent should know this first")
            .allowed("a column")
            .example("\"VIP\""),
        Key::new("warning", "a flag: what the agent should mind")
            .allowed("a column")
            .example("\"Uyarı\""),
        Key::new("overdue", "a flag: what is overdue")
            .allowed("a column")
            .example("\"Vadesi Geçen\""),
        Key::new("customer-code", "the customer's code in the ERP")
            .allowed("a column")
            .example("\"Cari Kodu\""),
        Key::new("tax-number", "the tax or VAT number")
            .allowed("a column")
            .example("\"Vergi No\""),
        Key::new("email", "the contact's e-mail address")
            .allowed("a column")
            .example("\"E-posta\""),
        Key::new("updated", "when the record was last changed")
            .allowed("a column")
            .example("\"Son Değişiklik\""),
        Key::new("date-order", "how `01/09/2026` is read in it: day or month first")
            .allowed("`\"dmy\"`, `\"mdy\"`")
            .without("not at all")
            .example("\"dmy\""),
        Key::new("join", "only with `kind = \"balances\"`: the column with the contact's id")
            .allowed("a column")
            .without("required there")
            .example("\"CARI_KOD\""),
        Key::new("join-by", "only with `kind = \"balances\"`: which id it is")
            .allowed("`\"key\"`, `\"customer-code\"`, `\"tax-number\"`, `\"email\"`, `\"number\"`")
            .without("required there")
            .example("\"customer-code\""),
        Key::new("join-to", "only with `kind = \"balances\"`: the sources whose contacts these balances are of")
            .allowed("a source of contacts or a list")
            .without("the only one with that id; required if there are more")
            .example("\"crm\""),
    ],
)
.called(
    "what the columns mean",
    "Columns are named as in the file's first line, as a query gives them, or as members of records. Only mapped \
     columns are stored.",
);

pub(super) const NUMBERS: Table = Table::new(
    "numbers",
    "source.columns.numbers",
    Form::Inline,
    &[
        Key::new("column", "the column")
            .allowed("text")
            .required()
            .example("\"UK Phone\""),
        Key::new(
            "switchboard",
            "its numbers are a company's head office, behind which many people call",
        )
        .allowed("`true`, `false`")
        .default("false"),
        Key::new("region", "country of its numbers without a country code")
            .allowed("two letters: `\"TR\"`, `\"GB\"`; `\"none\"`")
            .without("the source's")
            .example("\"GB\""),
        Key::new(
            "area-code",
            "what its numbers lack where they are written without one",
        )
        .allowed("1 to 8 digits: `\"212\"`")
        .without("the source's, of the same region")
        .example("\"20\""),
        Key::new(
            "trunk-prefix",
            "what stands before national numbers besides the usual `0`",
        )
        .allowed("1 to 8 digits: `\"9\"`")
        .without("the source's")
        .example("\"9\""),
        Key::new(
            "international-prefix",
            "what stands before country codes besides `+` and the usual `00`",
        )
        .allowed("1 to 8 digits, `\"011\"`, or a list of 8 at most")
        .without("the source's")
        .example("\"011\""),
    ],
)
.called(
    "a column of numbers that is written in another way than the rest",
    "`numbers` may hold such tables beside plain column names.",
);

pub(super) const FIELDS: Table = Table::new(
    "fields",
    "source.columns.fields",
    Form::Table,
    &[Key::new(
        "NAME",
        "a further column by a name of your own, for the card",
    )
    .allowed("a column; the name is not `balance`, `owner`, `vip`, `warning`, `overdue`")
    .example("\"Şehir\"")],
)
.called("further columns, for the card", "");
