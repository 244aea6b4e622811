//! The keys of sources: those that every one has, those of files, and those of connectors.

use super::office::PLACE;
use super::{CONNECTOR, Form, Key, Place, Table};

pub(super) const EVERY: Table = Table::new(
    "source",
    "source",
    Form::List,
    &[
        Key::new("name", "what you call it; names its directory in the replica")
            .allowed("up to 32 lower-case letters, digits or `-`")
            .required()
            .example("\"crm\"")
            .place(Place::Needed),
        Key::new("type", "what it is")
            .allowed("`\"csv\"`, `\"xlsx\"`, `\"ndjson\"`, `\"json\"`, `\"vcard\"`, `\"postgresql\"`, `\"mysql\"`, `\"sqlserver\"`, or a connector's name: `ringcard source list`")
            .required()
            .example("\"csv\"")
            .place(Place::Needed),
        Key::new("every", "how often it is read, a tenth sooner or later: what has changed where it can tell, else everything")
            .allowed("`10s` to `7d`")
            .default("\"15m\"")
            .place(Place::Usual),
        Key::new("cron", "instead of `every`: a crontab line, in the box's time zone or the one in a sixth field")
            .allowed("a crontab line: `\"30 6 * * *\"`")
            .example("\"30 6 * * *\""),
        Key::new("full", "how often deleted records are looked for, of a source that tells changes")
            .allowed("`1m` to `7d`")
            .default("\"24h\""),
        Key::new("full-cron", "instead of `full`: a crontab line")
            .allowed("a crontab line: `\"30 3 * * *\"`")
            .example("\"30 3 * * *\""),
        Key::new("quiet-hours", "when it is not read by schedule, in the box's time zone; a command still may")
            .allowed("`\"22:00-06:00\"`, or a list of 8 at most")
            .example("\"22:00-06:00\""),
        Key::new("jitter", "by how much `cron`, `full-cron` and the end of quiet hours are spread")
            .allowed("`\"5m\"`, `1h` at most, `\"off\"`")
            .without("`5m` over the network, else off")
            .example("\"5m\""),
        Key::new("kind", "what its records are: people and companies, or what another system knows of them; a connector says so itself")
            .allowed("`\"contacts\"`, `\"balances\"`")
            .default("\"contacts\""),
        Key::new("region", "country of its numbers without a country code; `\"none\"`: it can't be told")
            .allowed("two letters: `\"TR\"`, `\"GB\"`; `\"none\"`")
            .without("that of the first account")
            .example("\"GB\""),
        Key::new("area-code", "what its numbers lack where they are written without one")
            .allowed("1 to 8 digits: `\"212\"`")
            .example("\"212\""),
        Key::new("trunk-prefix", "what stands before national numbers besides the usual `0`")
            .allowed("1 to 8 digits: `\"9\"`")
            .example("\"9\""),
        Key::new("international-prefix", "what stands before country codes besides `+` and the usual `00`")
            .allowed("1 to 8 digits, `\"011\"`, or a list of 8 at most")
            .example("[\"00\", \"011\"]"),
    ],
)
.called(
    "where contacts come from, 1 to 16",
    "`ringcard source new KIND` writes a block with all keys of a kind. The first source that has exactly the \
     caller's number decides.",
);

const EVERY_FILE: &[&str] = &["csv", "xlsx", "ndjson", "json", "vcard"];

pub(super) const FILES: Table = Table::new(
    "files",
    "source",
    Form::List,
    &[
        Key::new("path", "one file, which each export replaces")
            .allowed("a path")
            .without("one of the three is required")
            .example("\"/var/lib/ringcard-import/contacts.csv\"")
            .place(Place::Needed),
        Key::new("folder", "instead of `path`: a folder into which exports are dropped")
            .allowed("a path")
            .without("one of the three is required")
            .example("\"/var/lib/ringcard-import\"")
            .place(Place::Instead),
        Key::new("url", "instead of `path`: a file that a server gives out")
            .allowed("an https address: `\"https://erp.example/contacts.csv\"`")
            .without("one of the three is required")
            .example("\"https://erp.example/contacts.csv\"")
            .place(Place::Instead),
        Key::new("suffix", "of a `folder`: how the exports' names end, in capitals or not; `\"\"` means every file")
            .allowed("text")
            .without("`\".csv\"`, `\".xlsx\"`, `\".ndjson\"`, `\".json\"`, `\".vcf\"`")
            .example("\".txt\""),
        Key::new("quiet", "of a `folder`: how long a dropped file must be unchanged before it is read")
            .allowed("`1s` to `1h`")
            .default("\"10s\""),
        Key::new("after-load", "of a `folder`: what becomes of dropped files")
            .allowed("`\"leave\"`, `\"archive\"`")
            .default("\"leave\""),
        Key::new("token", "of a `url`: sent as `Authorization: Bearer`")
            .allowed(PLACE)
            .example("{ file = \"/etc/ringcard/secrets/erp\" }"),
        Key::new("user", "of a `url`, with `password`: instead of `token`")
            .allowed("text")
            .example("\"branch\""),
        Key::new("password", "of a `url`, with `user`")
            .allowed(PLACE)
            .example("{ file = \"/etc/ringcard/secrets/erp\" }"),
        Key::new("ca-file", "of a `url`: the authorities to trust instead of the system's")
            .allowed("a PEM file")
            .without("the system's")
            .example("\"/etc/ringcard/erp-ca.pem\""),
    ],
)
.called("of the types csv, xlsx, ndjson, json and vcard", "")
.of(EVERY_FILE);

const ENCODING: Key = Key::new("encoding", "how letters are written")
    .allowed("`auto`, `utf-8`, `windows-1254`, `utf-16le`, `utf-16be`")
    .default("\"auto\"");

pub(super) const CSV: Table = Table::new(
    "csv",
    "source",
    Form::List,
    &[
        Key::new("delimiter", "between the values")
            .allowed("`\",\"`, `\";\"`, `\"\\t\"`, `\"|\"`")
            .without("told from the file")
            .example("\";\""),
        Key::new("quote", "around values")
            .allowed("one sign: `\"'\"`")
            .default("'\"'"),
        ENCODING,
    ],
)
.called("of the type csv", "")
.of(&["csv"]);

pub(super) const XLSX: Table = Table::new(
    "xlsx",
    "source",
    Form::List,
    &[Key::new("sheet", "which sheet")
        .allowed("its name")
        .without("the first")
        .example("\"Customers\"")],
)
.called("of the type xlsx", "")
.of(&["xlsx"]);

pub(super) const JSON: Table = Table::new(
    "json",
    "source",
    Form::List,
    &[Key::new("records", "where the array of records is")
        .allowed("names with dots between: `\"data.items\"`")
        .without("the file is the array")
        .example("\"data.items\"")],
)
.called("of the type json", "")
.of(&["json"]);

pub(super) const VCARD: Table = Table::new("vcard", "source", Form::List, &[ENCODING])
    .called("of the type vcard", "")
    .of(&["vcard"]);

pub(super) const BY_CONNECTOR: Table = Table::new(
    "connector",
    "source",
    Form::List,
    &[
        Key::new("object", "what is read of the system, where there are several: `contacts`, `companies`, `balances`")
            .allowed("what there is of it: `ringcard source new KIND`")
            .without("the only one")
            .example("\"contacts\""),
        Key::new("ca-file", "the authorities to trust instead of the system's")
            .allowed("a PEM file")
            .without("the system's")
            .example("\"/etc/ringcard/crm-ca.pem\""),
    ],
)
.called(
    "of a connector",
    "What a connector needs is its own to say: `ringcard source new KIND` writes it out.",
)
.of(&[CONNECTOR]);

pub(super) const WITH: Table = Table::new(
    "with",
    "source.with",
    Form::Table,
    &[Key::new(
        "NAME",
        "what the connector asks for, such as the address of your system",
    )
    .allowed("text")
    .without("as the connector says")
    .example("\"https://acme.example\"")],
)
.called("what a connector asks for", "")
.of(&[CONNECTOR]);

pub(super) const SECRETS: Table = Table::new(
    "secrets",
    "source.secrets",
    Form::Table,
    &[Key::new("SECRET", "where a secret of the connector is")
        .allowed(PLACE)
        .without("as the connector says")
        .example("{ file = \"/etc/ringcard/secrets/crm-token\" }")],
)
.called("where a connector's secrets are", "")
.of(&[CONNECTOR]);

pub(super) const GUARDS: Table = Table::new(
    "guards",
    "source.guards",
    Form::Table,
    &[
        Key::new("removed", "held if more than this share of the records is gone, and more than `removed-rows`")
            .allowed("`\"10 %\"`, `\"100 %\"` at most, `\"off\"`")
            .default("\"10 %\""),
        Key::new("removed-rows", "so many may be gone in any case")
            .allowed("`0` to `1000000`")
            .default("20")
            .unit("records"),
        Key::new("blanked", "held if more than this share of the names, numbers or balances is newly empty, and 5 or more")
            .allowed("`\"10 %\"`, `\"100 %\"` at most, `\"off\"`")
            .default("\"10 %\""),
        Key::new("drifted", "held if more than this share of the names are numbers or e-mail addresses now, or of the numbers or balances can't be read any more, and 5 or more")
            .allowed("`\"10 %\"`, `\"100 %\"` at most, `\"off\"`")
            .default("\"10 %\""),
        Key::new("match-rate", "held if the source would know so much less of the last 1,000 callers, 50 at least (sources of contacts only)")
            .allowed("`\"5 points\"`, `\"100 points\"` at most, `\"off\"`")
            .default("\"5 points\""),
    ],
)
.called(
    "from when on a load waits for a person",
    "A load that is held is published by `ringcard sync --accept`.",
);

pub(super) const EXPIRES: Table = Table::new(
    "expires",
    "source.expires",
    Form::Table,
    &[Key::new(
        "SECRET",
        "the last day of the secret of this name, such as `token` or `password`",
    )
    .allowed("a date: `\"2026-12-31\"`")
    .example("\"2026-12-31\"")],
)
.called("when secrets expire, told 14 days ahead", "");
