//! The keys of `[matching]` and `[merge]`.

use super::{Form, Key, Place, Table};

pub(super) const MATCHING: Table = Table::new(
    "matching",
    "matching",
    Form::Table,
    &[
        Key::new("shared", "what different contacts with one number give")
            .allowed("`\"list\"`, `\"first\"`, `\"company-only\"`, `\"none\"`")
            .default("\"list\"")
            .place(Place::Usual),
        Key::new("rungs", "which ways are tried, always in this order")
            .allowed("a list with `\"exact\"` in it, and of `\"national\"`, `\"tail\"`, `\"head-office\"`")
            .default("[\"exact\", \"national\", \"tail\", \"head-office\"]"),
        Key::new("tail-digits", "fewest digits of a common tail")
            .allowed("`8` to `12`")
            .default("9")
            .unit("digits"),
        Key::new("head-office-digits", "most digits of a company's extensions")
            .allowed("`1` to `4`")
            .default("3")
            .unit("digits"),
    ],
)
.called("from a number to a contact", "");

pub(super) const MERGE: Table = Table::new(
    "merge",
    "merge",
    Form::Table,
    &[Key::new("VALUE", "from which sources alone this value comes: `balance`, `owner`, `vip`, `warning`, `overdue`, or a field by its name")
        .allowed("a source or a list, the first that has it first")
        .without("the first source of balances that has it, then the contact's own record")
        .example("[\"erp\", \"crm\"]")],
)
.called("which source gives which value", "");
