"""Makes the company of the tests in a database whose modules are there: `tryton.py CONFIGURATION DATABASE PASSWORD`.

A company in Istanbul that books in TRY, with the universal chart of accounts, fiscal years around today, a
user who keeps the books (`keeper`) and one for Ringcard who may only read (`ringcard`).
"""

import datetime
import sys
from decimal import Decimal

from trytond import config

configuration, database, password = sys.argv[1:]
config.update_etc(configuration)

from trytond.pool import Pool  # noqa: E402 (reads the configuration)
from trytond.transaction import Transaction, TransactionError  # noqa: E402

ROOT = 1


def first(model, *domain):
    return Pool().get(model).search(domain, limit=1)[0]


def create(record_model, **values):
    (record,) = Pool().get(record_model).create([values])
    return record


def company():
    currency = create(
        "currency.currency", name="Türk Lirası", code="TRY", symbol="₺",
        rounding=Decimal("0.01"), digits=2,
        rates=[("create", [{"date": datetime.date(2000, 1, 1), "rate": Decimal(1)}])],
    )
    party = create("party.party", name="Marmara Mobilya A.Ş.", code="COMPANY")
    return create("company.company", party=party, currency=currency, timezone="Europe/Istanbul")


def readers():
    """A group that may read what Ringcard reads, and write none of it."""
    group = create("res.group", name="Ringcard")
    for model in ("party.party", "party.contact_mechanism", "party.identifier", "account.move.line"):
        create("ir.model.access", model=model, group=group.id,
               perm_read=True, perm_write=False, perm_create=False, perm_delete=False)
    return group.id


def users(company):
    groups = [g.id for g in Pool().get("res.group").search([("name", "!=", "Administration")])]
    common = {"companies": [("add", [company.id])], "company": company.id, "password": password}
    create("res.user", name="Keeper of the books", login="keeper", groups=[("add", groups)], **common)
    create("res.user", name="Ringcard", login="ringcard", groups=[("add", [readers()])], **common)


def chart(company):
    Chart = Pool().get("account.create_chart", type="wizard")
    session, _, _ = Chart.create()
    wizard = Chart(session)
    wizard.account.company = company
    wizard.account.account_template = first("account.account.template", ("parent", "=", None))
    wizard.transition_create_account()
    of = lambda kind: first(
        "account.account", (f"type.{kind}", "=", True), ("company", "=", company.id), ("closed", "!=", True), ("party_required", "=", True)
    )
    wizard.properties.company = company
    wizard.properties.account_receivable = of("receivable")
    wizard.properties.account_payable = of("payable")
    wizard.transition_create_properties()


def fiscal_year(company, year):
    sequence = lambda name: create(
        "ir.sequence.strict", name=f"{name} {year}", company=company,
        sequence_type=first("ir.sequence.type", ("name", "=", name)),
    )
    invoices = sequence("Invoice")
    kinds = ["in_invoice_sequence", "out_invoice_sequence", "in_credit_note_sequence", "out_credit_note_sequence"]
    made = create(
        "account.fiscalyear", name=str(year), company=company,
        start_date=datetime.date(year, 1, 1), end_date=datetime.date(year, 12, 31),
        move_sequence=sequence("Account Move"),
        invoice_sequences=[("create", [{"company": company.id, **{kind: invoices.id for kind in kinds}}])],
    )
    Pool().get("account.fiscalyear").create_period([made])


def transact(work, **context):
    """Does all of `work` or nothing; Tryton may ask for another begin, with a table locked from the start."""
    extras = {}
    while True:
        with Transaction().start(database, ROOT, context=context, **extras) as transaction:
            try:
                result = work()
            except TransactionError as error:
                transaction.rollback()
                error.fix(extras)
                continue
            transaction.commit()
            return result


def open_company():
    made = company()
    users(made)
    User = Pool().get("res.user")
    User.write([User(ROOT)], {"companies": [("add", [made.id])], "company": made.id})
    return made.id


def open_books(company):
    company = Pool().get("company.company")(company)
    chart(company)
    this_year = datetime.date.today().year
    for year in (this_year, this_year + 1):
        fiscal_year(company, year)


Pool.start()
Pool(database).init()
company_id = transact(open_company)
transact(lambda: open_books(company_id), company=company_id)
