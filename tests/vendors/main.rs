//! Each shipped connector against a stand-in that speaks its vendor's API as documented.
//!
//! A stand-in (`stand_in.rs`) refuses what the vendor refuses, and what the vendor would let pass but we should
//! not send, such as a parameter that it ignores; a refusal that no test expects fails the test. What a CRM goes
//! through is the same for all (`stories.rs`); what is a vendor's own stands in its file. Facts about a vendor
//! are its documentation's unless the comment beside them says otherwise.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]
#![allow(unreachable_pub)] // nothing outside reads these modules

mod adding;
mod bitrix24;
mod book;
mod command;
mod dynamics365;
mod hipcall;
mod hubspot;
mod odoo;
mod odoo_jsonrpc;
mod office;
mod pipedrive;
mod rest;
mod rotating;
mod salesforce;
mod shipped;
mod stand_in;
mod stories;
mod zoho;
