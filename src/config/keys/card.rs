//! The keys of `[card]`: what the agent sees.

use super::{Form, Key, Place, Table};

pub(super) const CARD: Table = Table::new(
    "card",
    "card",
    Form::Table,
    &[
        Key::new("unknown", "what an unknown caller gets: nothing, or the card of `[[card.unknown-row]]`")
            .allowed("`\"skip\"`, `\"card\"`")
            .default("\"skip\"")
            .place(Place::Usual),
        Key::new("deadline", "how long after the call's start a card is still worth sending; the end of the call comes first")
            .allowed("`10s` to `10m`")
            .default("\"90s\""),
        Key::new("after-call", "what becomes of a card that came too late: nothing, or a comment in the call's record")
            .allowed("`\"drop\"`, `\"comment\"`")
            .default("\"drop\"")
            .place(Place::Usual),
        Key::new("comment-max-age", "how old a call may be to get its comment; longer than `deadline`")
            .allowed("`1m` to `7d`")
            .default("\"12h\""),
    ],
)
.called("what the agent sees", "");

pub(super) const ROW: Table = Table {
    also: &["card.unknown-row", "card.variant.row"],
    sample: "\
[[card.row]]
type = \"title\"
text = \"{{ contact.company or contact.name }}\"
link = \"https://crm.example/cari/{{ contact.key }}\"

[[card.row]]
type = \"shortText\"
label = \"Ad\"
text = \"{{ contact.name }}\"

[[card.row]]
type = \"shortText\"
label = \"Bakiye\"
text = \"{{ contact.balance.worded }}, {{ contact.balance.as_of }}\"
when = \"contact.balance is above(0)\"
",
    ..Table::new(
        "row",
        "card.row",
        Form::List,
        &[
            Key::new("type", "what the row is; an `user` row shows a colleague")
                .allowed("`\"title\"`, `\"shortText\"`, `\"user\"`")
                .required()
                .example("\"shortText\""),
            Key::new("text", "what it says; of a `user` row the Hipcall user's id")
                .allowed("a template: `\"{{ contact.name }}\"`")
                .required()
                .example("\"{{ contact.name }}\""),
            Key::new("label", "what stands before it")
                .allowed("a template; not in a `title` row")
                .without("none; required in a `user` row")
                .example("\"Ad\""),
            Key::new("link", "where it leads; not in a `user` row")
                .allowed("a template that gives an address of 2,048 bytes at most: `http://` or `https://`")
                .example("\"https://crm.example/cari/{{ contact.key }}\""),
            Key::new("ios", "where it leads on an iPhone; in a `shortText` row only")
                .allowed("a template that gives an app's link or a web link: `app://1234`")
                .example("\"crm://{{ contact.key }}\""),
            Key::new("android", "where it leads on an Android telephone; in a `shortText` row only")
                .allowed("a template that gives an app's link or a web link: `app://1234`")
                .example("\"crm://{{ contact.key }}\""),
            Key::new("when", "the row is there only if this is true")
                .allowed("an expression")
                .example("\"contact.balance is above(0)\""),
        ],
    )
}
.called(
    "the rows of a card, 12 at most",
    "`[[card.row]]` for a known caller, `[[card.unknown-row]]` for an unknown one, `[[card.variant.row]]` for certain \
     calls. They replace the usual rows: a title, what to mind, name, company, balance with its age, and who looks \
     after the customer.",
);

pub(super) const VARIANT: Table = Table::new(
    "variant",
    "card.variant",
    Form::List,
    &[
        Key::new("name", "for problems, and for you")
            .allowed("text, each its own")
            .required()
            .example("\"collection\""),
        Key::new("line", "holds if the office's own number is one of these, however it is written")
            .allowed("a number or a list; without a country code it is of the account's country")
            .example("[\"0850 555 02 00\", \"+908505550300\"]"),
        Key::new("direction", "holds if the call goes that way")
            .allowed("`\"inbound\"`, `\"outbound\"`")
            .example("\"outbound\""),
        Key::new("source", "holds if the contact is known from one of these sources")
            .allowed("a source's name or a list")
            .example("\"crm\""),
        Key::new("account", "holds if the call belongs to one of these accounts")
            .allowed("an account's name or a list")
            .example("\"istanbul\""),
        Key::new("when", "holds if this is true")
            .allowed("an expression")
            .example("\"contact.overdue\""),
    ],
)
.called(
    "other rows for certain calls, 32 at most",
    "With `[[card.variant.row]]`. At least one condition is needed, and all that are there must hold. The first \
     variant that fits is the call's card.",
);

pub(super) const AGE: Table = Table::new(
    "age",
    "card.age",
    Form::Table,
    &[Key::new("VALUE", "from which age on `balance`, `vip`, `overdue`, `warning` or one of your fields is marked or hidden")
        .allowed("a table of the next two")
        .without("every age is shown")
        .example("{ mark = \"1d\", hide = \"7d\" }")],
)
.called("how old a value may be", "");

pub(super) const LIMITS: Table = Table::new(
    "limits",
    "card.age.VALUE",
    Form::Inline,
    &[
        Key::new("mark", "older values have the word for old behind them")
            .allowed("`1m` to `3650d`")
            .example("\"1d\""),
        Key::new(
            "hide",
            "older values are as good as unknown; longer than `mark`",
        )
        .allowed("`1m` to `3650d`")
        .example("\"7d\""),
    ],
)
.called("from which age on", "At least one of the two.");

pub(super) const WORDS: Table = Table::new(
    "words",
    "card.words",
    Form::Table,
    &[Key::new("WORD", "your word instead of the locale's: `title`, `name`, `company`, `balance`, `number`, `unknown`, `debit`, `credit`, `owner`, `attention`, `vip`, `warning`, `overdue`, `old`, `one-of`, `not-shown`")
        .allowed("1 to 40 characters on one line, without braces")
        .without("the locale's")
        .example("\"Cari\"")],
)
.called("your words instead of the locale's", "");
