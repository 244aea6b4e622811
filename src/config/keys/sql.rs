//! The keys of sources that are databases.

use super::office::PLACE;
use super::{Form, Key, Table};

pub(super) const DATABASE: Table = Table::new(
    "database",
    "source",
    Form::List,
    &[
        Key::new("host", "where the server is; a path is a socket on this box")
            .allowed("a name or an address")
            .required()
            .example("\"erp.example\""),
        Key::new("port", "where it listens")
            .allowed("`1` to `65535`")
            .without("5432, 3306 or 1433, by type")
            .example("5433"),
        Key::new("database", "the database, as the server calls it")
            .allowed("text")
            .required()
            .example("\"erp\""),
        Key::new("user", "a user that can only read")
            .allowed("text")
            .required()
            .example("\"ringcard\""),
        Key::new("password", "where the user's password is: one line")
            .allowed(PLACE)
            .required()
            .example("{ file = \"/etc/ringcard/secrets/erp-password\" }"),
        Key::new("tls", "`\"require\"`: the certificate is checked, with its name. `\"unverified\"`: encrypted with whoever answers. `\"off\"`: readable on the way. The last two only for addresses of your own network (10/8, 172.16/12, 192.168/16, this box); elsewhere the read is refused")
            .allowed("`\"require\"`, `\"unverified\"`, `\"off\"`")
            .default("\"require\""),
        Key::new("ca-file", "the authority that signed the server's certificate; of a self-made certificate, the certificate itself")
            .allowed("a PEM file")
            .without("the system's authorities")
            .example("\"/etc/ringcard/erp-ca.pem\""),
        Key::new("tls-name", "the name in the certificate, where `host` is another")
            .allowed("text")
            .without("`host`")
            .example("\"erp\""),
        Key::new("query", "gives every record")
            .allowed("SQL")
            .required()
            .example("\"SELECT code, name, phone FROM customers\""),
        Key::new("cursor", "a column of the query that grows with each change: a date, a time, or a whole number")
            .allowed("a column")
            .without("none: always everything")
            .example("\"changed\""),
        Key::new("overlap", "changes are asked for from so long before the newest one known; of a number, 1,000 before it")
            .allowed("`1s` to `7d`")
            .default("\"5m\""),
        Key::new("changes-query", "instead of the query with a condition around it; with `{{cursor}}` in it")
            .allowed("SQL")
            .without("made of `query`")
            .example("\"SELECT code, name, phone FROM customers WHERE changed >= {{cursor}}\""),
        Key::new("ids-query", "instead of the query's key column alone")
            .allowed("SQL")
            .without("made of `query`")
            .example("\"SELECT code FROM customers\""),
        Key::new("deleted-query", "first column: keys of what was deleted since `{{cursor}}`")
            .allowed("SQL")
            .example("\"SELECT code FROM deleted WHERE at >= {{cursor}}\""),
        Key::new("guard-query", "one row: the last day of the period that the query names")
            .allowed("SQL")
            .example("\"SELECT enddate FROM periods WHERE nr = 1\""),
        Key::new("valid-until", "the same day, written by hand")
            .allowed("a date: `\"2026-12-31\"`")
            .example("\"2026-12-31\""),
        Key::new("timeout", "how long the server may send nothing")
            .allowed("`1s` to `2h`")
            .default("\"10m\""),
    ],
)
.called("of the types postgresql, mysql and sqlserver", "")
.of(&["postgresql", "mysql", "sqlserver"]);
